"""Keeps one issue for each stack that has drifted: opened, brought up to date, closed when the stack is whole again.

Usage: python3 -m rayeks.pipelines.drift STACK STATUS LOG, with the exit status and the output of
`pulumi preview --refresh --expect-no-changes --diff`. RUN_URL is linked.
"""

import os
import re
import sys
from pathlib import Path

from rayeks.pipelines.github import AUTHOR, LONGEST_BODY, GitHub, Refused, harmless, shortened
from rayeks.pipelines.reports import fenced

LABEL = "drift"
DRIFTED = "no changes were expected"
"""How Pulumi says that a preview has changes where none were expected; any other failure is no drift."""


def marker(stack: str) -> str:
    """What the stack's issue is known by."""
    return f"<!-- rayeks:drift:{stack} -->"


def keep(github: GitHub, stack: str, status: int, log: str, run: str) -> str:
    """Bring the stack's issue in line with what was found. Says what was done."""
    drifted = DRIFTED in log
    mine = next((each for each in github.every(f"issues?state=open&labels={LABEL}") if _ours(each, stack)), None)
    if status == 0:
        if mine is None:
            return f"{stack}: no drift"
        github.send("POST", f"issues/{mine['number']}/comments", {"body": f"No drift any more: [run]({run})."})
        github.send("PATCH", f"issues/{mine['number']}", {"state": "closed"})
        return f"{stack}: no drift any more; closed #{mine['number']}"
    title = f"{stack} has drifted" if drifted else f"{stack}: drift could not be looked for"
    told = (
        "What is there differs from what the program on the main branch says. Put it back with "
        f"`pulumi up --refresh -s {stack}`, or write it into the program."
        if drifted
        else "The preview failed; until it is mended nobody knows whether the stack has drifted."
    )
    head = f"{marker(stack)}\n{told} · [run]({run})\n\n"
    room = LONGEST_BODY - len(head)
    text = head + shortened(fenced(harmless(log).strip()), room, f"[the run]({run}) has the whole output.")
    fields = {"title": title, "body": text}
    if mine is None:
        made = github.send("POST", "issues", fields | {"labels": [LABEL]})
        return f"{stack}: opened #{made['number']}"
    github.send("PATCH", f"issues/{mine['number']}", fields)
    return f"{stack}: updated #{mine['number']}"


def main(arguments: list[str]) -> int:
    """Read the log and keep the issue; ends with the status that was given, so that the job shows it."""
    if len(arguments) != 3 or not re.fullmatch(r"[0-9]{1,3}", arguments[1]):
        print(__doc__, file=sys.stderr)
        return 2
    stack, status, log = arguments[0], int(arguments[1]), Path(arguments[2]).read_text(errors="replace")
    try:
        print(keep(GitHub.of_this_job(), stack, status, log, os.environ["RUN_URL"]))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return status


def _ours(issue: dict, stack: str) -> bool:
    return issue["user"]["login"] == AUTHOR and (issue["body"] or "").startswith(marker(stack))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
