"""Plans every touched stack against a base and keeps each report as a file; the pull request's own code runs here.

Usage: python3 -m rayeks.pipelines.reports BASE FOLDER. Ends with 1 when a plan failed; its report then says why.
"""

import subprocess
import sys
from pathlib import Path

from rayeks.pipelines.touched import changed, stacks, touched

PATIENCE_S = 300


def report(stack: str, base: str, root: Path) -> tuple[bool, str]:
    """Whether the plan holds, and the report as Markdown: the plan's own, or its complaint."""
    argv = [sys.executable, "-m", "rayeks", "plan", stack, "--base", base, "--markdown"]
    try:
        ran = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return False, f"**`{stack}`: the plan was not done within {PATIENCE_S} s.**\n"
    # A plan with findings ends with 1 and is whole; one that could not be made printed nothing.
    if ran.stdout.strip():
        return ran.returncode == 0, ran.stdout
    return (
        False,
        f"**`{stack}`: the plan failed.**\n\n{fenced(ran.stderr.strip() or f'exit status {ran.returncode}')}\n",
    )


def fenced(text: str) -> str:
    """The text as a Markdown code block that nothing in it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def main(arguments: list[str]) -> int:
    """Write FOLDER/STACK.md for every touched stack."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    base, folder, root = arguments[0], Path(arguments[1]), Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for stack in touched(changed(base, root), stacks(root)):
        print(f"planning {stack}", flush=True)
        holds, text = report(stack, base, root)
        (folder / f"{stack}.md").write_text(text)
        if not holds:
            failed.append(stack)
    if failed:
        print(f"see the reports of: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
