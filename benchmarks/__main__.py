"""`make bench`: measures everything in one run and prints each number beside what it cannot fall under."""

import sys

from rich.console import Console
from rich.table import Table

from benchmarks import engine, plan
from benchmarks.measure import Row, machine


def main() -> int:
    """Print the report; 1 when a bound is not kept."""
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(machine())
    measured: list[Row] = []
    for rows in (plan.rows, engine.rows):
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
        bound = "" if row.bound is None else f"≤ {row.bound:g} {'kept' if row.kept else 'NOT KEPT'}"
        table.add_row(row.what, f"{row.value:.1f} {row.unit}", floor, row.beside, ratio, bound)
    return table


if __name__ == "__main__":
    sys.exit(main())
