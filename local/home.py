"""Where the checkout and its running state lie, so that two checkouts never share a server or a state file."""

import os
from pathlib import Path


def root() -> Path:
    """The checkout: the folder that holds Pulumi.yaml and this package."""
    return Path(__file__).resolve().parent.parent


def home() -> Path:
    """The folder of everything that runs or is remembered: `$RAYEKS_HOME`, else `.rayeks` in the checkout."""
    path = Path(os.environ.get("RAYEKS_HOME") or root() / ".rayeks").resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
