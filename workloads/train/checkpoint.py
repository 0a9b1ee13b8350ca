"""Checkpoints that are trusted only when sealed: a torn or corrupt one costs an epoch, never the run."""

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from workloads.storage import Storage

STATE = "state.pt"
SEAL = "seal.json"
PREFIX = "epoch-"


class Sealed(NamedTuple):
    """A checkpoint that was read back whole."""

    name: str
    epoch: int
    metrics: dict[str, Any]
    state: dict[str, Any]


class BrokenCheckpointError(Exception):
    """A checkpoint that lacks a file or whose bytes are not those that were sealed."""


def new_name(epoch: int) -> str:
    """A folder name that sorts by epoch, then by time: a retrained epoch never overwrites a broken one."""
    return f"{PREFIX}{epoch:05d}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"


def write(folder: Path, state: dict[str, Any], *, epoch: int, metrics: dict[str, Any]) -> None:
    """Write `state` and the seal over it into a local folder that Ray Train then uploads."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    seal = {"epoch": epoch, "sha256": hashlib.sha256(content).hexdigest(), "metrics": metrics}
    (folder / STATE).write_bytes(content)
    (folder / SEAL).write_text(json.dumps(seal))


def read(run: Storage, name: str, device: torch.device | str = "cpu") -> Sealed:
    """Read one checkpoint of a run. Raises BrokenCheckpointError with the reason."""
    folder = run.child(name)
    sealed, content = folder.read(SEAL), folder.read(STATE)
    if sealed is None or content is None:
        raise BrokenCheckpointError(f"{SEAL if sealed is None else STATE} is missing")
    try:
        seal = json.loads(sealed)
        epoch, digest, metrics = seal["epoch"], seal["sha256"], seal["metrics"]
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenCheckpointError(f"{SEAL} is not readable") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise BrokenCheckpointError(f"{STATE} does not match its seal")
    return Sealed(name, epoch, metrics, torch.load(io.BytesIO(content), map_location=device, weights_only=True))


def names(run: Storage) -> list[str]:
    """The checkpoints of a run, newest first, broken ones included."""
    return [name for name in reversed(run.names()) if name.startswith(PREFIX)]


def newest(run: Storage, note: Callable[[str], None]) -> Sealed | None:
    """The newest checkpoint that reads back whole; each broken one passed over is told to `note`."""
    for name in names(run):
        try:
            return read(run, name)
        except BrokenCheckpointError as error:
            note(f"checkpoint {run.uri}/{name} is broken ({error}): falling back to the one before it")
    return None
