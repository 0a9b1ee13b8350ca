"""A stack's outputs: the one interface between the platform and the people on it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from local import toolchain
from local.home import home, root
from rayeks.engine import recovery
from rayeks.engine.workspace import LOCAL, environment, known
from rayeks.errors import UserError


def read(stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
    """The outputs of a stack that is up, by name; secrets are masked unless asked for.

    The stack `local` is read from this machine's state, the others by the person's own Pulumi and login. UserError
    when the stack does not exist, is not up, or cannot be read.
    """
    if known(stack) == LOCAL:
        if not recovery.resources():
            raise UserError("the stack local is not up", "rayeks up local")
        return _asked(toolchain.tool("pulumi"), stack, home() / "work", environment({}, None), show_secrets)
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise UserError(
            f"reading the stack {stack!r} needs Pulumi on PATH", "install it: https://www.pulumi.com/docs/install"
        )
    return _asked(Path(pulumi), stack, root(), dict(os.environ), show_secrets)


def _asked(pulumi: Path, stack: str, folder: Path, env: dict[str, str], show_secrets: bool) -> dict[str, Any]:
    argv = [pulumi, "stack", "output", "--json", "--non-interactive", "--stack", stack]
    argv += ["--show-secrets"] if show_secrets else []
    answer = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    if answer.returncode:
        raise UserError(f"the outputs of {stack!r} cannot be read: {answer.stderr.strip()}")
    return json.loads(answer.stdout)
