"""Versioned models with their metrics in a bucket: what training registers, Serve and batch jobs take by reference.

Layout: `<root>/<name>/versions/<version>/{model.npz,card.json}` and `<root>/<name>/aliases/<alias>`, a file
that holds a version. The card is written last and seals the arrays, so a torn upload is no version.
"""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from workloads.storage import Storage

PRODUCTION = "production"
ARRAYS = "model.npz"
CARD = "card.json"


class ModelError(Exception):
    """A model that does not exist, is broken, or is not good enough; the message names it."""


@dataclass(frozen=True)
class Model:
    """One version of a model as read back whole."""

    name: str
    version: str
    arrays: dict[str, np.ndarray]
    metrics: dict[str, float]

    @property
    def reference(self) -> str:
        """What gives exactly this version again."""
        return f"{self.name}@{self.version}"


def register(root: Storage, name: str, arrays: Mapping[str, np.ndarray], metrics: Mapping[str, Any]) -> str:
    """Store a new version; returns it. Nothing uses it before it is promoted or asked for by its version."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name):
        raise ModelError(f"{name!r} cannot name a model: lower-case letters, digits and '-', at most 63")
    version = f"{datetime.now(UTC):%Y%m%dt%H%M%S%f}"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # ty: ignore[invalid-argument-type]
    content = buffer.getvalue()
    folder = _version(root, name, version)
    folder.filesystem.create_dir(folder.path)
    folder.write(ARRAYS, content)
    card = {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "metrics": dict(metrics)}
    folder.write(CARD, json.dumps(card).encode())
    return version


def promote(
    root: Storage, name: str, version: str, *, least: Mapping[str, float] | None = None, alias: str = PRODUCTION
) -> None:
    """Let `name@alias` mean `version`.

    ModelError, and nothing changed, when a metric of `least` is missing or lower than asked, or when the version
    cannot be read back whole.
    """
    model = load(root, f"{name}@{version}")
    for metric, floor in (least or {}).items():
        reached = model.metrics.get(metric)
        if reached is None or not float(reached) >= floor:
            raise ModelError(f"{model.reference} is not promoted: {metric} is {reached}, {floor} is the least")
    aliases = root.child(name).child("aliases")
    aliases.filesystem.create_dir(aliases.path)
    aliases.write(alias, version.encode())


def resolve(root: Storage, reference: str) -> str:
    """`name@version` of what `name@alias` means now; an exact reference is returned as it is."""
    name, _, wanted = reference.partition("@")
    pointed = root.child(name).child("aliases").read(wanted or PRODUCTION)
    return f"{name}@{pointed.decode() if pointed else wanted}"


def load(root: Storage, reference: str) -> Model:
    """Read `name@alias` or `name@version`. ModelError when there is none or it is broken."""
    name, _, version = resolve(root, reference).partition("@")
    folder = _version(root, name, version)
    card, content = folder.read(CARD), folder.read(ARRAYS)
    if not version or card is None or content is None:
        raise ModelError(f"there is no model {reference!r} in {root.uri}")
    described = json.loads(card)
    if hashlib.sha256(content).hexdigest() != described["sha256"]:
        raise ModelError(f"model {reference!r} in {root.uri} is broken: its arrays do not match its card")
    with np.load(io.BytesIO(content)) as arrays:
        return Model(name, version, dict(arrays), described["metrics"])


def versions(root: Storage, name: str) -> list[str]:
    """The versions of a model, oldest first."""
    return root.child(name).child("versions").names()


def _version(root: Storage, name: str, version: str) -> Storage:
    return root.child(name).child("versions").child(version)
