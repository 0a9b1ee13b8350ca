"""`make bench`: measures everything in one run and prints each number beside what it cannot fall under."""

import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import engine, plan
from benchmarks.measure import Row, machine
from local.home import root
from local.processes import heed_termination
from rayeks.errors import UserError

Part = StrEnum("Part", ["train", "serve", "data", "hybrid"])
"""The samples that are measured, each a module of `benchmarks.workloads`."""

app = typer.Typer(no_args_is_help=False, add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """Without a command: everything that `make bench` bounds."""
    if context.invoked_subcommand is None:
        raise typer.Exit(main())


@app.command()
def day(
    contender: Annotated[list[str] | None, typer.Option(help="Whom to run, again for more; all without it.")] = None,
    hours: Annotated[int, typer.Option(min=1, max=24, help="How much of the day.")] = 24,
    seed: Annotated[int, typer.Option(help="Of the trace and of the interruptions.")] = 7,
    trace: Annotated[Path | None, typer.Option(help="A trace of your own, one JSON object a line.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the trace there, and run nothing.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Put the results into docs/cost-of-a-day.md.")] = False,
) -> None:
    """The cost of a day through the real Karpenter and KubeRay: our pools beside those of others.

    Example: `python -m benchmarks day --contender ours --hours 2`
    """
    from benchmarks import day as of
    from benchmarks.day import picture
    from benchmarks.day import trace as traces

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if save:
        traces.write(save, traces.generated(seed, hours))
        return
    items = traces.read(trace) if trace else None
    results = []
    for result in of.days(contender or of.NAMES, hours=hours, seed=seed, items=items, say=say):
        results.append(result)
        if publish:
            of.publish(result, root())
    print(picture.table(sorted(results, key=lambda result: -result.usd)))


@app.command()
def scale(
    clusters: Annotated[int, typer.Option(min=1, help="RayClusters, all alike.")] = 200,
    pods: Annotated[int, typer.Option(min=1, help="Ray pods in all of them together.")] = 10_000,
    nodes: Annotated[int, typer.Option(min=1, help="Nodes that they fill.")] = 2_000,
    minutes: Annotated[float, typer.Option(help="When to stop, and tell how far it went.")] = 30,
    save: Annotated[Path | None, typer.Option(help="Write the stages there as JSON.")] = None,
) -> None:
    """How far this machine goes: Ray clusters through the real controllers, a tenth of them at a time.

    Examples: `python -m benchmarks scale --clusters 20 --pods 400 --nodes 80` · `… --clusters 1000 --pods 1000`
    """
    from benchmarks import scale as of

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    print(machine())
    stages = of.run(clusters=clusters, pods=pods, nodes=nodes, minutes=minutes, say=say)
    print(of.table(stages))
    if save:
        of.write(stages, save)


@app.command()
def workloads(
    parts: Annotated[list[Part] | None, typer.Argument(help="Which samples; all without it.")] = None,
) -> None:
    """What the samples reach on Ray of this machine: return after a kill, throughput, latency, busy share, cost.

    Example: `python -m benchmarks workloads train data`
    """
    raise typer.Exit(main(import_module(f"benchmarks.workloads.{part}").rows for part in parts or Part))


def main(measures: Iterable[Callable[[], Iterable[Row]]] = (plan.rows, engine.rows)) -> int:
    """Print the report; 1 when a bound is not kept."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(machine())
    measured: list[Row] = []
    for rows in measures:
        for row in rows():
            console.print(f"… {row.what}: {row.value:.1f} {row.unit}")
            measured.append(row)
    console.print(report(measured), "", machine(), sep="\n")
    return int(any(row.kept is False for row in measured))


def report(rows: list[Row]) -> Table:
    """The numbers, their floors, the ratios and the bounds."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("measured", "", "floor", "", "ratio", "bound"):
        table.add_column(title, justify="left" if title in ("measured", "bound") else "right")
    for row in rows:
        floor = f"{row.floor:.1f} {row.unit}" if row.floor else ""
        ratio = f"{row.ratio:.2f}" if row.ratio else ""
        bound = (
            ""
            if row.bound is None
            else f"{'≥' if row.least else '≤'} {row.bound:g} {'kept' if row.kept else 'NOT KEPT'}"
        )
        table.add_row(row.what, f"{row.value:.1f} {row.unit}", floor, row.beside, ratio, bound)
    return table


if __name__ == "__main__":
    heed_termination()
    try:
        app()
    except UserError as error:
        sys.exit(f"error: {error.message}" + (f"\n  fix: {error.fix}" if error.fix else ""))
