"""The report as one page that needs nothing else: pictures are SVG, and no script, font or style is fetched."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from rayeks.plan.bill import Bill, total
from rayeks.plan.critical_path import CriticalPath
from rayeks.plan.model import STACK_TYPE, Plan
from rayeks.plan.values import public
from rayeks.report import words
from rayeks.report.changes import counts, rows
from rayeks.report.picture import HEIGHT, WIDTH, picture

if TYPE_CHECKING:
    from rayeks.plan.report import Report

ACROSS = {"wide": 4, "narrow": 2}
"""Boxes side by side on the picture, on a desktop and on a phone."""

THINNEST = 0.4
"""Percent of the width: what costs or takes next to nothing can still be seen."""


@dataclass(frozen=True)
class Bar:
    """A bar of a chart: where it begins and how long it is, in percent of the width."""

    label: str
    value: str
    start: float
    length: float
    note: str = ""


@dataclass(frozen=True)
class Branch:
    """A component of the tree with its kinds of resources, and the components below it."""

    title: str
    name: str
    count: int
    kinds: tuple[tuple[str, tuple[str, ...]], ...]
    branches: tuple["Branch", ...]


def page(report: "Report") -> str:
    """The whole page as HTML text."""
    plan = report.plan
    return _template().render(
        report=report,
        plan=plan,
        bill=report.bill,
        words=words,
        total=total,
        age=words.age(report.bill, report.today) if report.bill else None,
        sources=words.sources(report.bill) if report.bill else {},
        spent=spent(report.bill) if report.bill else (),
        comparison=report.comparison,
        changed=list(rows(report.comparison.difference)) if report.comparison and report.comparison.difference else [],
        counts=counts(report.comparison.difference) if report.comparison and report.comparison.difference else {},
        steps=steps(report.path),
        pictures={name: picture(plan, report.bill, across=across) for name, across in ACROSS.items()},
        box=(WIDTH, HEIGHT),
        tree=tree(plan),
        outputs=[(name, _value(value)) for name, value in sorted(plan.outputs.items())],
    )


@cache
def _template() -> Template:
    loader = PackageLoader("rayeks.report", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")


def spent(bill: Bill) -> tuple[Bar, ...]:
    """The month's cost by section, the dearest first."""
    sums = {section: total(lines) for section, lines in bill.sections.items()}
    most = max([*sums.values(), Decimal(1)])
    return tuple(
        Bar(
            section,
            words.together(bill.sections[section]),
            0,
            round(max(float(100 * usd / most), THINNEST), 2) if usd else 0,
        )
        for section, usd in sorted(sums.items(), key=lambda each: -each[1])
    )


def steps(path: CriticalPath) -> tuple[Bar, ...]:
    """The critical path as bars over time."""
    chain = path.first_ray_pod or path.everything
    whole = chain.seconds or 1
    return tuple(
        Bar(
            f"{words.kind(step.type) if step.urn else step.type} {step.name}",
            words.clock(step.seconds),
            round(min(100 * step.start / whole, 100 - THINNEST), 2),
            round(max(100 * step.seconds / whole, THINNEST), 2),
            step.source,
        )
        for step in chain.steps
    )


def tree(plan: Plan) -> tuple[Branch, ...]:
    """The components below the stack."""
    stack = next(plan.of_type(STACK_TYPE), None)
    return tuple(_branches(plan, stack.urn)) if stack else ()


def _branches(plan: Plan, urn: str) -> Iterator[Branch]:
    for child in plan.children(urn):
        below = list(plan.children(child.urn))
        if child.custom and not below:
            continue
        kinds: dict[str, list[str]] = {}
        for one in below:
            if one.custom:
                kinds.setdefault(words.kind(one.type), []).append(one.name)
        own = tuple((kind, tuple(names)) for kind, names in kinds.items())
        deeper = tuple(_branches(plan, child.urn))
        yield Branch(words.kind(child.type), child.name, plan.below(child.urn), own, deeper)


def _value(value: Any) -> str:
    if value is not None and public(value) is None:
        return "known after creation"
    shown = public(value)
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=2)
