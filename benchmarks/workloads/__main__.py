"""`python -m benchmarks.workloads [train serve data hybrid]`: measures the samples, by default all of them."""

import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from benchmarks.__main__ import report
from benchmarks.measure import Row, machine
from benchmarks.workloads import data, hybrid, serve, train

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "train": train.rows,
    "serve": serve.rows,
    "data": data.rows,
    "hybrid": hybrid.rows,
}


def main(asked: list[str]) -> int:
    """Print the report; 1 when a goal is not reached, 2 for a part that there is not."""
    if unknown := set(asked) - PARTS.keys():
        print(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(machine())
    measured: list[Row] = []
    for part in asked or PARTS:
        for row in PARTS[part]():
            console.print(f"… {row.what}: {row.value:.1f} {row.unit}")
            measured.append(row)
    console.print(report(measured), "", machine(), sep="\n")
    return int(any(row.kept is False for row in measured))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
