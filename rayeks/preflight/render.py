"""A report as a table for people and as one document for machines."""

import json

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rayeks.preflight.model import Finding, Report, Status

STYLES = {Status.PASS: "green", Status.WARN: "yellow", Status.UNKNOWN: "magenta", Status.FAIL: "red"}


def document(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(report.to_json(), indent=2)


def render(report: Report) -> RenderableType:
    """The report as a table: each finding, and under it what to do."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("", "check", "what", "found"):
        table.add_column(title, overflow="fold")
    for name in report.checks:
        for index, finding in enumerate(item for item in report.findings if item.check == name):
            table.add_row(
                Text(finding.status, style=STYLES[finding.status]),
                name if index == 0 else "",
                finding.subject,
                _found(finding),
            )
    where = f"account {report.account or '?'} in {report.region} at {report.endpoint}"
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    verdict = Text("ready" if report.ok else "not ready", style="bold green" if report.ok else "bold red")
    summary = Text.assemble(f"{report.stack}: ", verdict, f": {counts} in {report.seconds:.0f} s")
    return Group(Text(where, style="bold"), table, Text(), summary)


def _found(finding: Finding) -> Text:
    text = Text(finding.message)
    if finding.fix and finding.status is not Status.PASS:
        text.append(f"\nfix: {finding.fix}", style=STYLES[finding.status])
    return text
