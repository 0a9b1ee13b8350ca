"""A report as a table for people and as one document for machines."""

import json
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rayeks.preflight.model import Finding, Report, Status

STYLES = {Status.PASS: "green", Status.WARN: "yellow", Status.UNKNOWN: "magenta", Status.FAIL: "red"}
FEW = 4
"""More passes than these share a row; `--json` has each."""


def document(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(report.to_json(), indent=2)


def render(report: Report) -> RenderableType:
    """The report as a table: each finding, and under it what to do. Many passes of one check share a row."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for _ in ("status", "check"):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name in report.checks:
        first = True
        for status, text in _rows([finding for finding in report.findings if finding.check == name]):
            table.add_row(Text(status, style=STYLES[status]), Text(name if first else "", style="bold"), text)
            first = False
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    verdict = Text("ready" if report.ok else "not ready", style="bold green" if report.ok else "bold red")
    summary = Text.assemble(f"{report.stack} is ", verdict, f": {counts}, in {report.seconds:.0f} s")
    return Group(Text(report.where, style="bold"), Text(), table, Text(), summary)


def _rows(findings: Sequence[Finding]) -> Iterator[tuple[Status, Text]]:
    passes = [finding for finding in findings if finding.status is Status.PASS]
    shared = len(passes) > FEW
    if shared:
        yield Status.PASS, Text(f"{len(passes)}: {', '.join(finding.subject for finding in passes)}")
    for finding in findings:
        if finding.status is not Status.PASS or not shared:
            text = Text(f"{finding.subject}: {finding.message}")
            if finding.fix:
                text.append(f"\nfix: {finding.fix}", style=STYLES[finding.status])
            yield finding.status, text
