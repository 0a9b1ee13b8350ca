"""Posts the plans of a pull request as one comment, and updates that comment from then on.

Usage: python3 -m rayeks.pipelines.comment FOLDER. The folder comes from a run of the pull request's own code, perhaps
a stranger's: it is data of limited size, and its claim of which pull request it is about is checked against the head
that GitHub says ran (HEAD_SHA, HEAD_REPOSITORY). RUN_URL is linked as the place of the whole reports.
"""

import os
import re
import sys
from pathlib import Path

from rayeks.pipelines.github import AUTHOR, LONGEST_BODY, GitHub, Refused, harmless, shortened

MARKER = "<!-- rayeks:plan -->"
NUMBER = "pull-request"
REPORT = re.compile(r"([a-z0-9][a-z0-9-]{0,39})\.md")
MOST_REPORTS = 12
LONGEST_REPORT = 1_000_000


def number(folder: Path) -> int:
    """The pull request that the folder says it is about. SystemExit where that is no number."""
    file = folder / NUMBER
    text = _read(file, 32).strip() if _plain(file) else ""
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        sys.exit(f"{file} holds no pull request's number: {text!r}")
    return int(text)


def reports(folder: Path) -> dict[str, str]:
    """Stack → its report; SystemExit where there is anything that no run of ours would have left."""
    found = {}
    for file in sorted(folder.iterdir()):
        match = REPORT.fullmatch(file.name)
        if file.name == NUMBER:
            continue
        if not match or not _plain(file) or len(found) == MOST_REPORTS:
            sys.exit(f"{file.name!r} is not a report of a stack, or there are more than {MOST_REPORTS}")
        found[match[1]] = _read(file, LONGEST_REPORT)
    return found


def body(found: dict[str, str], head: str, run: str) -> str:
    """The comment: every report, each with its share of what GitHub takes."""
    if not found:
        text = "No stack is touched."
    else:
        share = (LONGEST_BODY - 1_000) // len(found)
        where = f"[the run]({run}) keeps the whole report."
        text = "\n\n".join(shortened(harmless(report).strip(), share, where) for report in found.values())
    return f"{MARKER}\n{text}\n\n<sub>Planned offline at {head[:12]} · [run]({run})</sub>\n"


def post(github: GitHub, pull: int, text: str, *, only_update: bool = False) -> str:
    """Update our comment, or make it where there is none (not with `only_update`). Says what was done."""
    mine = next((each for each in github.every(f"issues/{pull}/comments") if _ours(each)), None)
    if mine and mine["body"].strip() == text.strip():
        return "the comment says so already"
    if mine:
        try:
            github.send("PATCH", f"issues/comments/{mine['id']}", {"body": text})
            return "updated the comment"
        except Refused as refused:
            if refused.status not in (404, 410):
                raise
    if only_update:
        return "nothing to say"
    github.send("POST", f"issues/{pull}/comments", {"body": text})
    return "made a comment"


def main(arguments: list[str]) -> int:
    """Check whose the folder is, then post it."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder, github = Path(arguments[0]), GitHub.of_this_job()
    head, source = os.environ["HEAD_SHA"], os.environ["HEAD_REPOSITORY"]
    pull, found = number(folder), reports(folder)
    try:
        now = github.get(f"pulls/{pull}")
        claimed = (now["state"], now["head"]["sha"], (now["head"]["repo"] or {}).get("full_name"))
        if claimed != ("open", head, source):
            print(f"not posted: pull request {pull} is not open at {source}@{head[:12]} (any more)")
            return 0
        text = body(found, head, os.environ["RUN_URL"])
        try:
            print(post(github, pull, text, only_update=not found))
        except Refused as refused:
            if refused.status != 422:
                raise
            short = (
                f"{MARKER}\nThe plan is too long or too odd to show here: [the run]({os.environ['RUN_URL']}) has it.\n"
            )
            print(post(github, pull, short))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


def _ours(comment: dict) -> bool:
    """Whether we wrote it: anybody can copy the marker, nobody can be its author."""
    return comment["user"]["login"] == AUTHOR and comment["body"].startswith(MARKER)


def _plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _read(file: Path, longest: int) -> str:
    with file.open("rb") as stream:
        return stream.read(longest).decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
