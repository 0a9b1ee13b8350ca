"""The list of policies for a person: what each demands, how much it weighs where, and how it is met."""

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.policies import Policy, Severity

STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.ADVICE: "cyan"}


def table(policies: Iterable[Policy]) -> RenderableType:
    """The policies by subject, each with its demand, reason and fix."""
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    found.add_column("policy", no_wrap=True)
    found.add_column("severity", no_wrap=True)
    found.add_column("demands", overflow="fold")
    subject = ""
    for policy in sorted(policies, key=lambda policy: (policy.subject, policy.name)):
        if policy.subject != subject:
            subject = policy.subject
            found.add_row(Text(subject, style="bold underline"))
        found.add_row(f"  {policy.name}", severity(policy.severity), policy.demands)
        found.add_row("", "", Text(f"because {policy.reason}", style="dim"))
        found.add_row("", "", Text(f"fix: {policy.fix}", style="dim"))
    note = (
        "An exception is written in the stack file: policies.exceptions, with an owner and a day on which it expires."
    )
    return Group(found, Text(note))


def severity(levels: Mapping[str, Severity]) -> Text:
    """How much a policy weighs: one word where it is the same everywhere, else each level with its environments."""
    text = Text()
    for level in dict.fromkeys(levels.values()):
        where = [environment for environment, found in levels.items() if found is level]
        text.append(("\n" if text else "") + str(level), style=STYLES[level])
        text.append("" if len(where) == 4 else f" in {', '.join(where)}")
    return text
