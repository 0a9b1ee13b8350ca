"""The report on a terminal: what breaks first, then cost, changes, policies, critical path, the tree and outputs."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from rayeks.plan.alarms import Alarm
from rayeks.plan.bill import Bill, total
from rayeks.plan.critical_path import CriticalPath
from rayeks.plan.model import STACK_TYPE, Plan, Resource
from rayeks.plan.values import public
from rayeks.report import words
from rayeks.report.changes import counts, rows

if TYPE_CHECKING:
    from rayeks.plan.base import Comparison
    from rayeks.plan.judged import Judgement
    from rayeks.plan.report import Report
    from rayeks.plan.runs import Run

NAMES_SHOWN = 4
STYLES = {"error": "red", "warning": "yellow", "advice": "cyan", "excepted": "dim"}


def render(report: "Report", *, full: bool = False) -> RenderableType:
    """The whole report, section by section; `full` lists every resource and every line of the bill."""
    return Group(*_sections(report, full))


def _sections(report: "Report", full: bool) -> Iterator[RenderableType]:
    yield headline(report.plan)
    yield breaks(report.alarms)
    if report.bill:
        yield from ("", costs(report.bill, full=full), Text(words.claimed(report.bill), style="dim"))
        yield from (hours(report.bill), samples(report.runs))
        text, old = words.age(report.bill, report.today)
        yield Text(text, style="yellow" if old else "dim")
    if report.comparison:
        yield from ("", changes(report.comparison))
    if report.policies:
        yield from ("", rules(report.policies))
    if report.capacity:
        yield from ("", report.capacity.render())
    if report.nodes:
        yield from ("", report.nodes.render())
    yield from ("", path(report.path), "", tree(report.plan, full), "", outputs(report.plan))
    for warning in report.plan.warnings:
        yield Text(f"warning: {warning}", style="yellow")


def headline(plan: Plan) -> Text:
    """The stack, and how many resources it has of which provider."""
    shares = ", ".join(f"{count} {package}" for package, count in plan.packages.items())
    line = Text.assemble((f"{plan.project} ", "bold"), (plan.stack, "bold cyan"))
    return line.append(f": {sum(plan.packages.values())} resources ({shares})")


def breaks(alarms: Sequence[Alarm]) -> RenderableType:
    """What breaks, one line each; a single line where nothing does."""
    if not alarms:
        return Text("nothing breaks: AWS would take every value, and every policy holds", style="green")
    lines = []
    for alarm in alarms:
        style = "red" if alarm.stops else "yellow"
        lines.append(Text.assemble(("  " + str(alarm.kind), f"bold {style}"), f": {alarm.text}"))
        if alarm.fix:
            lines.append(Text(f"      fix: {alarm.fix}", style="dim"))
    return Group(Text(f"{words.counted(len(alarms), 'thing')} to look at first:", style="bold red"), *lines)


def costs(bill: Bill, *, full: bool = False) -> Table:
    """The month's bill by section, or by line."""
    title = Text.assemble(("Cost: ", "bold"), (f"{words.money(bill.total)} a month", "bold green"))
    if bill.use:
        title.append(f", {words.money(total(bill.floor))} of it whether or not Ray runs", style="dim")
    table = Table(title=title, title_justify="left", box=None, show_header=full, padding=(0, 2, 0, 0))
    table.add_column("$ a month", justify="right")
    table.add_column("what")
    if full:
        for name in ("quantity", "unit price"):
            table.add_column(name, justify="right")
        table.add_column("source", style="dim", no_wrap=True, overflow="ellipsis")
    for section, lines in bill.sections.items():
        table.add_row(Text(words.together(lines), style="bold"), Text(section, style="bold"))
        for line in lines if full else ():
            price = f"{words.price(line.price)} / {line.unit}" if line.price else words.UNKNOWN
            said = f"{line.price.date} {line.price.source}" if line.price else ""
            table.add_row(words.money(line.amount), f"  {line.what}", words.quantity(line.quantity), price, said)
    return table


def hours(bill: Bill) -> Table:
    """What an hour of each pool's cheapest node costs, on each market."""
    table = Table(title="An hour of Ray's nodes, each with its disk", title_justify="left", box=None)
    for name, justify in (("pool", "left"), ("market", "left"), ("$ an hour", "right"), ("cheapest of", "left")):
        table.add_column(name, justify=justify, header_style="dim")
    for hour in bill.node_hours:
        paid = "  the machine is paid above" if hour.paid else ""
        types = words.counted(hour.types, "type")
        usd = words.money(hour.usd, digits=3)
        table.add_row(hour.pool, hour.market, usd, f"{hour.instance_type or '-'} ({types}){paid}")
    return table


def samples(runs: "Sequence[Run]") -> RenderableType:
    """What an hour and a run of each sample cost; nothing where the stack ships none."""
    if not runs:
        return ""
    table = Table(title="Samples, each alone, with the disks of their nodes", title_justify="left", box=None)
    for name, justify in (("sample", "left"), ("$ an hour", "right"), ("$ a run", "right"), ("of", "left")):
        table.add_column(name, justify=justify, header_style="dim")
    for run in runs:
        money = words.money(run.hour, digits=3), words.money(run.usd)
        table.add_row(run.sample, *money, f"{run.hours.normalize():f} h{words.reserved(run)}")
    return table


def changes(comparison: "Comparison") -> RenderableType:
    """What the stack would change of what is at the base, without the resources that stay."""
    title = Text.assemble(("Changes ", "bold"), f"against {comparison.ref} ({comparison.commit})")
    if comparison.dirty:
        title.append(f", with {words.counted(comparison.dirty, 'file')} not committed", style="yellow")
    found = comparison.difference
    if found is None:
        return Group(title, Text(f"  {comparison.problem}", style="yellow"))
    if comparison.absent:
        title.append(": the base has no such stack", style="yellow")
    money = f"{words.change(found.usd)} a month ({words.money(found.base_usd)} → {words.money(found.head_usd)})"
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, count in counts(found).items():
        table.add_row(Text(name, style=OPS[name]), words.counted(count, "resource"))
    for row in rows(found):
        table.add_row(Text(row.op, style=OPS[row.op]), Text.assemble(row.what, (f"  {row.why}", "dim")))
    parts: list[RenderableType] = [title, Text(f"  {money}"), table]
    parts += [Text(f"  broken: {verdict}", style="red") for verdict in found.broken]
    parts += [Text(f"  fixed: {verdict}", style="green") for verdict in found.fixed]
    return Group(*parts)


OPS = {"replace": "bold red", "delete": "red", "create": "green", "update": "yellow"}


def rules(judgement: "Judgement") -> RenderableType:
    """How the policies judge: the counts, and every finding that stops nothing (those that do stand on top)."""
    counts = ", ".join(f"{count} {name}" for name, count in judgement.counts.items()) or "all hold"
    lines = [Text.assemble(("Policies: ", "bold"), f"{judgement.judged} judged, {counts}")]
    for verdict in judgement.verdicts:
        if not verdict.stops:
            weight = "excepted" if verdict.excepted else str(verdict.severity)
            lines.append(Text.assemble(("  " + weight, STYLES[weight]), f" {verdict}"))
    return Group(*lines)


def path(found: CriticalPath) -> Group:
    """When the stack is ready, and the chain that decides it."""
    chain = found.first_ray_pod or found.everything
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("from", justify="right", style="dim", no_wrap=True)
    table.add_column("takes", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("source", style="dim", no_wrap=True, overflow="ellipsis", max_width=40)
    for step in chain.steps:
        kind = words.kind(step.type) if step.urn else step.type
        what = Text.assemble((kind, "green"), f" {step.name}")
        table.add_row(words.clock(step.start), words.clock(step.seconds), what, step.source)
    return Group(_moments(found), table)


def _moments(found: CriticalPath) -> Text:
    title = Text("Critical path: ", style="bold")
    if found.first_ray_pod and found.ratio:
        title.append(f"first Ray pod after {words.clock(found.first_ray_pod.seconds)} ")
        title.append(f"({found.ratio:.2f} of control plane → node group → operator), ", style="dim")
    return title.append(f"everything after {words.clock(found.everything.seconds)}")


def tree(plan: Plan, full: bool = False) -> Tree:
    """The components, each with how many resources are below it."""
    top = Tree(Text(plan.stack, style="bold"), guide_style="dim")
    stack = next(plan.of_type(STACK_TYPE), None)
    if stack is not None:
        _below(plan, top, stack.urn, full)
    return top


def _below(plan: Plan, above: Tree, urn: str, full: bool) -> None:
    """One branch for each component, and one line for each kind of resource (for each resource, if `full`)."""
    kinds: dict[str, list[Resource]] = {}
    for child in plan.children(urn):
        if child.custom:
            kinds.setdefault(child.type, []).append(child)
            continue
        label = Text.assemble(
            (words.kind(child.type), "bold"), f" {child.name}", (f"  {plan.below(child.urn)}", "cyan")
        )
        _below(plan, above.add(label), child.urn, full)
    for kind, members in kinds.items():
        for group in [[member] for member in members] if full else [members]:
            branch = above.add(_line(kind, group))
            for member in group:
                _below(plan, branch, member.urn, full)


def _line(kind: str, members: list[Resource]) -> Text:
    """Some resources of one kind: how many, the first names, and whether all are protected."""
    names = ", ".join(member.name for member in members[:NAMES_SHOWN])
    more = f", … {len(members) - NAMES_SHOWN} more" if len(members) > NAMES_SHOWN else ""
    times = f" × {len(members)}" if len(members) > 1 else ""
    mark = ("  protected", "yellow") if all(member.protect for member in members) else ("", "")
    line = Text.assemble((f"{words.kind(kind)}{times}", "green"), mark, (f"  {names}{more}", "dim"))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def outputs(plan: Plan) -> Table:
    """What the stack will say of itself."""
    table = Table(title="Outputs", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in sorted(plan.outputs.items()):
        table.add_row(Text(name, style="bold"), _value(value))
    return table


def _value(value: Any) -> Text:
    if value is not None and public(value) is None:
        return Text("known after creation", style="dim")
    shown = public(value)
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
    return Text(text, no_wrap=True, overflow="ellipsis")
