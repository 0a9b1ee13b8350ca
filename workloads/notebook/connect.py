"""Where a notebook finds its cluster and models, by the stack's outputs: a wrong name is told before Ray is asked."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import contract

CLIENT_PORT = 10001
"""Of Ray's head, for drivers that run elsewhere."""


@dataclass(frozen=True)
class Place:
    """`address` is what `ray.init` takes, None for Ray of this machine; `models` is the team's registry."""

    address: str | None
    models: str


def outputs(stack: str, file: Path | str | None = None) -> dict[str, Any]:
    """A stack's outputs: of a `file` that `rayeks outputs STACK --json` was saved to, else of that command itself."""
    if file:
        return json.loads(Path(file).read_text())
    answer = subprocess.run(["rayeks", "outputs", stack, "--json"], capture_output=True, text=True)
    if answer.returncode:
        raise LookupError(answer.stderr.strip())
    return json.loads(answer.stdout)


def place(found: Mapping[str, Any], team: str, cluster: str | None = None) -> Place:
    """Where a team's work is. LookupError for a team or a bucket that the stack does not have."""
    teams = found.get("namespaces") or {}
    if team not in teams:
        raise LookupError(f"the stack has no team {team!r}; it has: {', '.join(sorted(teams)) or 'none'}")
    buckets = found.get("buckets") or {}
    if "artifacts" not in buckets:
        raise LookupError("the stack has no bucket 'artifacts' for models: add it to `storage.buckets` of its file")
    namespace = contract.namespace(team)
    address = f"ray://{cluster}-head-svc.{namespace}.svc.cluster.local:{CLIENT_PORT}" if cluster else None
    return Place(address, contract.storage_uri(buckets["artifacts"], namespace, "models"))
