"""What results look like: tables on a terminal, plain text elsewhere; colour never carries meaning alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rayeks.cli.doctor import Finding
    from rayeks.engine import down, up

PLAIN_WIDTH = 120


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error. Into a file or a pipe lines are as long as they are."""
    plain = Console(highlight=False, stderr=stderr)
    return plain if plain.is_terminal else Console(highlight=False, stderr=stderr, width=PLAIN_WIDTH)


def brought_up(console: Console, outcome: "up.Outcome") -> None:
    """What an update did, and what the stack says of itself."""
    from rayeks.engine.ledger import by_component

    ledger = outcome.ledger
    for warning in ledger.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    console.print()
    if ledger.changed:
        console.print(_components(by_component(ledger.done)))
        console.print(Text(f"{_counted(ledger.counts())} in {ledger.seconds:.0f} s", style="bold"))
    else:
        count = sum(ledger.counts().values())
        console.print(Text(f"no changes: {count} resources, {ledger.seconds:.0f} s", style="bold"))
    console.print()
    console.print(outputs(outcome.outputs))
    console.print()
    console.print(f"the local AWS: {outcome.servers.aws.endpoint}   (aws --endpoint-url, boto3 endpoint_url=)")
    console.print(f"the local Kubernetes: KUBECONFIG={outcome.servers.kubernetes.kubeconfig}", soft_wrap=True)


def brought_down(console: Console, outcome: "down.Outcome") -> None:
    """What a tear-down did, and the proof that it is over."""
    if outcome.ledger is None and not outcome.stopped:
        console.print("nothing is up: no resource in the state, no server running")
        return
    if outcome.ledger:
        console.print(Text(f"{_counted(outcome.ledger.counts())} in {outcome.ledger.seconds:.0f} s", style="bold"))
    console.print("0 resources left in the local AWS and the local Kubernetes, and 0 in the state")
    console.print(f"stopped {', '.join(outcome.stopped)}: 0 processes left")


def outputs(found: Mapping[str, Any]) -> RenderableType:
    """Outputs, one a row; of the long ones only what a person can use."""
    if not found:
        return "the stack has no outputs"
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        table.add_row(name, _value(name, value))
    return Group(Text("outputs", style="bold underline"), table)


def findings(found: list["Finding"]) -> RenderableType:
    """What was looked at, and under each thing that is missing how to get it."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in found:
        mark = Text("missing", style="red") if finding.missing else Text("ok", style="green")
        if finding.fix and not finding.missing:
            mark = Text("not yet", style="yellow")
        table.add_row(mark, finding.name, Text(finding.state, overflow="fold"))
        if finding.fix:
            table.add_row("", "", Text(f"fix: {finding.fix}", style="yellow"))
    return table


def _value(name: str, value: Any) -> str:
    if name == "workloads" and isinstance(value, Mapping):
        return "\n".join(f"{sample}: {what['launch']}" for sample, what in value.items())
    if isinstance(value, Mapping) and all(isinstance(item, str | int | float) for item in value.values()):
        return "\n".join(f"{key}: {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    text = str(value)
    return text if len(text) < 200 else f"{text[:60]}… ({len(text)} characters; all of it: rayeks outputs --json)"


def _components(components: list[Any]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("component", "resources"):
        table.add_column(title)
    table.add_column("from", justify="right")
    table.add_column("to", justify="right")
    for component in components:
        span = (f"{component.started:.1f} s", f"{component.ended:.1f} s")
        table.add_row(component.name, _counted(component.counts), *span)
    return table


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verb}" for verb, count in counts.items()) or "nothing done"
