"""What a pipeline has the real engine do with a stack; the same by hand, with credentials and PULUMI_BACKEND_URL.

Usage: python -m rayeks.pipelines.engine (preview|up|drift) STACK. `up` looks at the account first; `drift` leaves the
engine's output and exit status in the folder drift/ and ends with 0.
"""

import subprocess
import sys
from pathlib import Path

from rayeks.plan.stackfile import read

POLICIES = "infra/policies/pack"
"""The policy pack: what it forbids is stopped here as well as in the offline plan."""
COMMANDS = {
    "preview": ("preview", "--diff", "--policy-pack", POLICIES),
    "up": ("up", "--yes", "--policy-pack", POLICIES),
    # --refresh reads what is there without writing the state: a preview takes no lock and changes nothing.
    "drift": ("preview", "--refresh", "--expect-no-changes", "--diff"),
}


def commands(command: str, stack: str) -> list[list[str]]:
    """The command lines, in order; each runs when the one before it ended with 0."""
    engine = ["pulumi", *COMMANDS[command], "--stack", stack, "--non-interactive", "--color", "never"]
    before = [[sys.executable, "-m", "rayeks", "preflight", stack]] if command == "up" else []
    return [*before, engine]


def main(arguments: list[str]) -> int:
    """Run the commands; ends with the status of the first that failed."""
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    command, stack = arguments
    read(stack, Path.cwd())
    if command == "drift":
        return _kept(commands(command, stack)[0], Path("drift"))
    for argv in commands(command, stack):
        if status := subprocess.run(argv).returncode:
            return status
    return 0


def _kept(argv: list[str], folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    ran = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(ran.stdout, end="")
    (folder / "log").write_text(ran.stdout)
    (folder / "status").write_text(f"{ran.returncode}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
