"""How a launch ended, the same for a cluster on this machine and for one of KubeRay."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """The outcome of one launch.

    `status` is Ray's job status; DETACHED when the watcher left first; a service is RUNNING, or ENDED on this machine.

    `rows` are the JSON objects that the driver printed, one a line; `logs` is where more can be read.
    """

    name: str
    status: str
    seconds: float
    message: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    logs: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 for a job that succeeded or was left running and for a service that runs or was ended, else 1."""
        return 0 if self.status in ("SUCCEEDED", "DETACHED", "ENDED", "RUNNING") else 1

    @property
    def final(self) -> dict[str, Any]:
        """The last JSON object that the driver printed; empty where it printed none."""
        return self.rows[-1] if self.rows else {}


def row_of(line: str) -> dict[str, Any] | None:
    """The JSON object that a line of a driver's log is, None for any other line."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
