"""The report as a comment of a pull request: what breaks in the open, the rest folded, never too long for GitHub."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rayeks.plan.alarms import Alarm
from rayeks.plan.bill import Bill
from rayeks.plan.critical_path import CriticalPath
from rayeks.plan.model import STACK_TYPE, Plan
from rayeks.plan.values import public
from rayeks.report import words
from rayeks.report.changes import counts, rows

if TYPE_CHECKING:
    from rayeks.plan.base import Comparison
    from rayeks.plan.capacity import Capacity
    from rayeks.plan.judged import Judgement
    from rayeks.plan.report import Report
    from rayeks.plan.runs import Run

MARKER = "<!-- rayeks plan {stack} -->"
"""The comment's first line, by which the comment of an earlier run is found and updated."""

MOST_BYTES = 60_000
"""GitHub refuses a comment of more than 65,536 characters."""

MOST_ROWS = 40
LONG_VALUE = 160


def comment(report: "Report") -> str:
    """The whole comment, under MOST_BYTES: what does not fit is left out from the end, and said to be."""
    stack = report.plan.stack
    parts = [MARKER.format(stack=stack), *_top(report)]
    left_out = []
    for title, body in _sections(report):
        section = f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
        room = MOST_BYTES - 500 - sum(len(part.encode()) + 2 for part in parts)
        if len(section.encode()) <= room:
            parts.append(section)
        else:
            left_out.append(title)
    if left_out:
        parts.append(f"Left out, for length: {', '.join(left_out)}. All of it: `rayeks plan {stack} --html plan.html`")
    return "\n\n".join(parts) + "\n"


def _top(report: "Report") -> Iterator[str]:
    plan, costs = report.plan, report.bill
    money = f": {words.money(costs.total)} a month" if costs else ""
    yield f"## `{plan.stack}`{money}"
    if report.alarms:
        kind = "CAUTION" if any(alarm.stops for alarm in report.alarms) else "WARNING"
        yield "\n".join([f"> [!{kind}]", *(f"> - {_alarm(alarm)}" for alarm in report.alarms[:MOST_ROWS])])
        if len(report.alarms) > MOST_ROWS:
            yield f"… and {len(report.alarms) - MOST_ROWS} more"
    else:
        yield "> [!NOTE]\n> Nothing breaks: AWS would take every value, and every policy holds."
    yield _table(("", ""), _facts(report))


def _facts(report: "Report") -> Iterator[Sequence[str]]:
    comparison, path, costs = report.comparison, report.path, report.bill
    changes = comparison.difference if comparison else None
    if comparison and changes:
        happened = ", ".join(f"{count} {name}" for name, count in counts(changes).items()) or "none"
        dirty = f", with {words.counted(comparison.dirty, 'file')} not committed" if comparison.dirty else ""
        yield "Changes", f"{happened}, against {_text(comparison.ref)} (`{comparison.commit}`){dirty}"
        yield "Cost", f"**{words.change(changes.usd)}** a month"
    shares = ", ".join(f"{count} {name}" for name, count in report.plan.packages.items())
    yield "Resources", f"{sum(report.plan.packages.values())} ({shares})"
    if report.policies:
        found = ", ".join(f"{count} {name}" for name, count in report.policies.counts.items()) or "all hold"
        yield "Policies", f"{report.policies.judged} judged: {found}"
    if path.first_ray_pod:
        yield "First Ray pod", f"after {words.clock(path.first_ray_pod.seconds)}"
    if costs:
        yield "Prices", _text(words.age(costs, report.today)[0]).removeprefix("prices ")


def _sections(report: "Report") -> Iterator[tuple[str, str]]:
    if report.bill:
        yield f"<b>Cost</b>: {words.money(report.bill.total)} a month", _costs(report.bill) + _samples(report.runs)
    changes = report.comparison.difference if report.comparison else None
    if report.comparison and changes and (any(rows(changes)) or changes.broken or changes.fixed):
        yield "<b>Changes</b>", _changes(report.comparison)
    if report.policies and report.policies.verdicts:
        yield "<b>Policies</b>", _policies(report.policies)
    if report.capacity:
        yield "<b>Capacity</b>", _capacity(report.capacity)
    ready = words.clock(report.path.everything.seconds)
    yield f"<b>Critical path</b>: everything after {ready}", _path(report.path)
    yield "<b>Resources</b>", _tree(report.plan)
    if report.plan.outputs:
        yield "<b>Outputs</b>", _outputs(report.plan)


def _alarm(alarm: Alarm) -> str:
    fix = f"<br>{_text(alarm.fix)}" if alarm.fix else ""
    return f"**{alarm.kind}**: {_text(alarm.text)}{fix}"


def _costs(bill: Bill) -> str:
    sources = words.sources(bill)
    lines = []
    for section, members in bill.sections.items():
        lines.append((f"**{_text(section)}**", "", "", f"**{words.together(members)}**", ""))
        for line in members:
            price = f"{words.price(line.price)} / {line.unit}" if line.price else words.UNKNOWN
            source = f"[{sources[line.price.source, line.price.date]}]" if line.price else ""
            many = words.quantity(line.quantity) + (" expected" if line.expected else "")
            lines.append((_text(line.what), many, price, words.money(line.amount), source))
    hours = [
        (
            _text(hour.pool),
            hour.market,
            f"{hour.instance_type or '-'}, cheapest of {hour.types}" + (", paid above" if hour.paid else ""),
            words.money(hour.usd, digits=3),
            f"[{sources[hour.price.source, hour.price.date]}]" if hour.price else "",
        )
        for hour in bill.node_hours
    ]
    month = _table(("What", "How much", "Unit price", "$ a month", "Price"), lines, right=(1, 2, 3))
    hour = _table(("Pool", "Market", "Machine, with its disk", "$ an hour", "Price"), hours, right=(3,))
    notes = "<br>".join(f"[{at}] {_text(source)}, {day}" for (source, day), at in sources.items())
    claims = f"\n\n{_text(words.claimed(bill))}" if bill.claimed else ""
    return f"{month}{claims}\n\nAn hour of Ray's nodes:\n\n{hour}\n\n<sub>{notes}</sub>"


def _samples(runs: "Sequence[Run]") -> str:
    if not runs:
        return ""
    lines = [
        (
            _text(run.sample),
            words.money(run.hour, digits=3),
            words.money(run.usd),
            f"{run.hours.normalize():f} h",
            words.reserved(run).removeprefix("; "),
        )
        for run in runs
    ]
    return "\n\n" + _table(("Sample, alone", "$ an hour", "$ a run", "of", ""), lines, right=(1, 2))


def _capacity(capacity: "Capacity") -> str:
    def dollars(usd: float | None, missing: str = words.UNKNOWN) -> str:
        return missing if usd is None else f"${usd:,.3f}"

    pools = (
        (
            _text(row.name),
            str(row.types),
            f"{row.smallest or 'none'} … {row.largest or 'none'}",
            dollars(row.on_demand),
            dollars(row.typical),
            dollars(row.spot, missing=""),
            str(row.nodes),
        )
        for row in capacity.pools
    )
    pods = (
        (
            _text(row.sample),
            f"{row.count} × {_text(row.pod)}",
            _text(row.pool or f"none: {' '.join(row.lacks[:1])}"),
            ", ".join(f"{count} × {kind}" for kind, count in row.nodes.items()),
            dollars(row.usd),
        )
        for row in capacity.pods
    )
    header = ("Pool", "Types", "From … to", "Cheapest $/h", "Typical", "On spot", "Most nodes")
    return "\n\n".join(
        [
            _table(header, pools, right=(1, 3, 4, 5, 6)),
            _table(("Sample", "Pods", "Pool", "Karpenter launches", "$/h"), pods, right=(4,)),
        ]
    )


def _changes(comparison: "Comparison") -> str:
    found = comparison.difference
    assert found, "there is a section only where there is a difference"
    money = f"{words.money(found.base_usd)} → {words.money(found.head_usd)} a month"
    parts = [money, _table(("", "Resource", "Why"), ((row.op, _text(row.what), _text(row.why)) for row in rows(found)))]
    parts += [f"- newly broken: {_text(str(verdict))}" for verdict in found.broken]
    parts += [f"- fixed: {_text(str(verdict))}" for verdict in found.fixed]
    return "\n\n".join(parts)


def _policies(judgement: "Judgement") -> str:
    return _table(
        ("", "Policy", "What"),
        (
            ("excepted" if verdict.excepted else str(verdict.severity), verdict.policy, _text(str(verdict)))
            for verdict in judgement.verdicts
        ),
    )


def _path(path: CriticalPath) -> str:
    chain = path.first_ray_pod or path.everything
    steps = (
        (words.clock(step.start), words.clock(step.seconds), _text(f"{_kind(step)} {step.name}"), _text(step.source))
        for step in chain.steps
    )
    return _table(("From", "Takes", "What", "Source"), steps, right=(0, 1))


def _kind(step) -> str:
    return words.kind(step.type) if step.urn else step.type


def _tree(plan: Plan) -> str:
    stack = next(plan.of_type(STACK_TYPE), None)
    return "\n".join(_branches(plan, stack.urn, 0)) if stack else ""


def _branches(plan: Plan, urn: str, depth: int) -> Iterator[str]:
    kinds: dict[str, int] = {}
    for child in plan.children(urn):
        if child.custom:
            kinds[words.kind(child.type)] = kinds.get(words.kind(child.type), 0) + 1
        elif depth < 2:
            yield f"{'  ' * depth}- **{_text(words.kind(child.type))}** {_text(child.name)}: {plan.below(child.urn)}"
            yield from _branches(plan, child.urn, depth + 1)
        else:
            kinds[words.kind(child.type)] = kinds.get(words.kind(child.type), 0) + 1
    if kinds:
        named = (f"{_text(kind)} × {count}" if count > 1 else _text(kind) for kind, count in kinds.items())
        yield f"{'  ' * depth}- {', '.join(named)}"


def _outputs(plan: Plan) -> str:
    def shown(value) -> str:
        value = public(value)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return "known after creation" if value is None else _text(_short(text))

    return _table(("Output", "Value"), ((f"`{name}`", shown(value)) for name, value in sorted(plan.outputs.items())))


def _short(text: str) -> str:
    return text if len(text) <= LONG_VALUE else f"{text[:LONG_VALUE]}…"


def _table(header: Sequence[str], lines: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table of at most MOST_ROWS rows, which says how many there are beyond."""
    lines = list(lines)
    rule = ("---:" if at in right else "---" for at in range(len(header)))
    shown = [f"| {' | '.join(line)} |" for line in (header, tuple(rule), *lines[:MOST_ROWS])]
    more = [f"\n… and {len(lines) - MOST_ROWS} more"] if len(lines) > MOST_ROWS else []
    return "\n".join([*shown, *more])


def _text(text: str) -> str:
    """Text that means nothing to Markdown or HTML, calls nobody by an @, and stays in its cell."""
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("@", "&#64;"), ("\n", " ")):
        text = text.replace(plain, safe)
    return "".join(f"\\{letter}" if letter in "\\*_[]~#" else letter for letter in text)
