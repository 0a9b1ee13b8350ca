"""The rehearsal of a restore: the real engine opens a copy of the newest checkpoint; nothing in use is touched."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from rayeks.errors import UserError
from rayeks.state.backend import Backend
from rayeks.state.checkpoints import Checkpoints, from_file


@dataclass(frozen=True)
class Rehearsal:
    """What was proved: resources that the engine found in the copy, versions to go back to, seconds it took."""

    resources: int
    versions: int
    seconds: float


def drill(checkpoints: Checkpoints, settings: Path) -> Rehearsal:
    """Copy the checkpoint out of the bucket and have Pulumi open the copy as a stack of its own, on this machine.

    `settings` is the stack's file, which says how its secrets are sealed; the engine must open them, so the key is
    proved as well. UserError where a step fails or the engine finds anything but what the bucket holds.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy = from_file(checkpoints.backup(folder / "copy"))
        project = folder / "project"
        project.mkdir()
        (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": checkpoints.project, "runtime": "python"}))
        (project / settings.name).write_text(settings.read_text())
        state = folder / "state" / ".pulumi" / "stacks" / checkpoints.project
        state.mkdir(parents=True)
        (folder / "state" / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        (state / f"{checkpoints.stack}.json").write_bytes(copy.content)
        backend = Backend((folder / "state").as_uri(), project, {"PULUMI_CONFIG_PASSPHRASE": ""})
        exported = json.loads(backend.run("stack", "export", "--stack", checkpoints.stack, "--show-secrets"))
    found = len((exported.get("deployment") or {}).get("resources") or ())
    if found != copy.resources:
        raise UserError(f"the engine finds {found} resources in a copy of {copy.resources}", "rayeks state show")
    kept = sum(not version.deletion for version in checkpoints.versions())
    return Rehearsal(found, kept, time.monotonic() - began)
