"""AWS's own constraints, checked before AWS is asked: a wrong value fails in seconds, with its path and the rule."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rayeks.plan.constraints.combined import COMBINATIONS
from rayeks.plan.constraints.documented import RULES
from rayeks.plan.constraints.kinds import misfits
from rayeks.plan.constraints.relations import relations
from rayeks.plan.constraints.requests import REQUESTS
from rayeks.plan.constraints.rules import Rule, tags
from rayeks.plan.constraints.shapes import Broken, violations
from rayeks.plan.model import Plan, Resource
from rayeks.plan.values import Secret, known, public, reveal

TAG_PROPERTIES = ("tags",)


@dataclass(frozen=True)
class Finding:
    """A value that AWS would refuse: whose, which property, what it is, and the rule that it breaks."""

    urn: str
    path: str
    value: Any
    rule: str

    def __str__(self) -> str:
        kind, name = self.urn.split("::")[2].rsplit("$", 1)[-1], self.urn.split("::")[3]
        shown = "" if self.value is None else f" is {self.value!r}:"
        return f"{kind} {name}: {self.path}{shown} {self.rule}"

    def to_json(self) -> dict[str, Any]:
        """The finding for machines."""
        return {"urn": self.urn, "path": self.path, "value": self.value, "rule": self.rule}


def check(plan: Plan) -> list[Finding]:
    """Everything in the plan that AWS would refuse, in the plan's order.

    Values that only AWS can give break no rule. A type without a row in `requests` is checked by nothing; see
    `unchecked`.
    """
    managed = [resource for resource in plan.resources if resource.package == "aws" and not resource.external]
    found = [_finding(resource, *broken) for resource in managed for broken in _own(resource)]
    found += [_finding(*between) for between in relations(plan)]
    place = {resource.urn: index for index, resource in enumerate(plan.resources)}
    return sorted(dict.fromkeys(found), key=lambda finding: place[finding.urn])


def unchecked(plan: Plan) -> list[str]:
    """The AWS types of the plan that no rule covers, so that nobody takes silence for consent."""
    return sorted({one.type for one in plan.resources if one.package == "aws"} - set(REQUESTS))


def _own(resource: Resource) -> Iterator[Broken]:
    """What a resource breaks by itself."""
    inputs = resource.inputs
    misfit = list(misfits(resource.type, _present(reveal(inputs))))
    yield from misfit
    for request in REQUESTS.get(resource.type, ()):
        yield from violations(request, inputs)
    for path, rule in RULES.get(resource.type, {}).items():
        yield from _documented(inputs, path, rule)
    if resource.type in COMBINATIONS and not misfit:
        yield from COMBINATIONS[resource.type](_present(reveal(inputs)))
    for name in TAG_PROPERTIES:
        value = reveal(inputs.get(name))
        if value and known(value) and (wrong := tags(value)):
            yield (name, value, wrong)


def _present(value: Any) -> Any:
    """The value without properties that are set to nothing."""
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return [_present(item) for item in value if item is not None] if isinstance(value, list) else value


def _documented(inputs: Mapping[str, Any], path: str, rule: Rule) -> Iterator[Broken]:
    for here, value in _at(reveal(inputs), path.split("."), ""):
        if known(value) and (broken := rule(value)):
            yield (here, value, broken)


def _at(value: Any, steps: list[str], path: str) -> Iterator[tuple[str, Any]]:
    """Every value at a path, through lists as well."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _at(item, steps, f"{path}[{index}]")
    elif not steps:
        if value is not None:
            yield path, value
    elif isinstance(value, Mapping) and steps[0] in value:
        yield from _at(value[steps[0]], steps[1:], f"{path}.{steps[0]}".lstrip("."))


def _finding(resource: Resource, path: str, value: Any, rule: str) -> Finding:
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    secret = top in resource.secret_paths or isinstance(resource.inputs.get(top), Secret)
    shown = public(Secret(value) if secret and value is not None else value)
    return Finding(resource.urn, path, _frozen(shown), rule)


def _frozen(value: Any) -> Any:
    """A short, hashable form of a value for the report."""
    text = value if isinstance(value, str | int | float | bool) or value is None else str(value)
    return f"{text[:117]}…" if isinstance(text, str) and len(text) > 120 else text
