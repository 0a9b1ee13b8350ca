"""Which stacks a change touches: changed files in, stacks out, so that a pull request plans no more than it must."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

EVERY_STACK = ("infra/", "stacks/", "workloads/", "requirements/", "Pulumi.yaml", "pyproject.toml")
"""What every stack's program is made of; `stacks/Pulumi.X.yaml` alone is of the stack X. All else is of none."""
SETTINGS = re.compile(r"stacks/Pulumi\.([^/]+)\.yaml")


def touched(changed: Iterable[str], stacks: Iterable[str]) -> list[str]:
    """Those of `stacks` that a change of these files (paths from the root, deleted ones included) may change."""
    stacks, found = sorted(stacks), set()
    for path in changed:
        if match := SETTINGS.fullmatch(path):
            found.add(match[1])
        elif path.startswith(EVERY_STACK):
            return stacks
    return [stack for stack in stacks if stack in found]


def changed(base: str, root: Path) -> list[str]:
    """The files that differ between where this branch left `base` and its head; a renamed file counts as two.

    Raises SystemExit with git's own words for a ref that does not exist or has no history in common.
    """
    argv = ["git", "diff", "--name-only", "--no-renames", "-z", "--end-of-options", f"{base}...HEAD"]
    asked = subprocess.run(argv, cwd=root, capture_output=True, text=True)
    if asked.returncode:
        sys.exit(
            f"cannot compare with {base!r}: {asked.stderr.strip()}\n  fix: git fetch origin, with the whole history"
        )
    return [name for name in asked.stdout.split("\0") if name]


def stacks(root: Path) -> list[str]:
    """The stacks that have a settings file now."""
    files = (path.relative_to(root).as_posix() for path in (root / "stacks").glob("Pulumi.*.yaml"))
    return sorted(match[1] for file in files if (match := SETTINGS.fullmatch(file)))


def main(arguments: list[str]) -> int:
    """Print the touched stacks, one a line."""
    if len(arguments) != 1:
        print("usage: python3 -m rayeks.pipelines.touched BASE", file=sys.stderr)
        return 2
    root = Path.cwd()
    print("\n".join(touched(changed(arguments[0], root), stacks(root))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
