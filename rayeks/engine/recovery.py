"""What a killed engine leaves behind, and how the next run goes on from there without anybody's surgery.

An engine that dies says in its state which operations were in flight. Updates and deletions are simply done again: a
refresh reads what is there. A creation may have happened without the engine hearing of it, so the providers note
each one in a journal of their own as they answer; what is noted there is taken into the state by its id.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psutil

from local.home import home
from rayeks.engine.workspace import LOCAL, Engine, journal, state_file
from rayeks.errors import UserError

Deployment = dict[str, Any]
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Mended:
    """A state without operations in flight: what was found to exist, and what has to be made again."""

    deployment: Deployment
    adopted: list[str]
    forgotten: list[str]


def deployment(stack: str = LOCAL) -> Deployment:
    """The stack's last checkpoint, empty where it has none."""
    file = state_file(stack)
    return (json.loads(file.read_text())["checkpoint"].get("latest") or {}) if file.exists() else {}


def resources(stack: str = LOCAL) -> list[dict[str, Any]]:
    """What the state says exists outside the engine: no components, no providers, no stack."""
    found = deployment(stack).get("resources") or []
    return [r for r in found if r.get("custom") and not r["type"].startswith("pulumi:")]


def mend(engine: Engine, say: Callable[[str], None], stack: str = LOCAL) -> bool:
    """Take up what a killed engine left. True when there was something, so that a refresh must follow."""
    pending = deployment(stack).get("pending_operations") or []
    if pending:
        say(f"the last run was killed with {len(pending)} operations in flight: taking up from there")
        work = engine.stack.workspace.work_dir
        exported = engine.command.run(["stack", "export", "--stack", stack], work, {})
        document = json.loads(exported.stdout)
        mended = without_pending(document["deployment"], created(journal()))
        document["deployment"] = mended.deployment
        file = home() / "mended.json"
        file.write_text(json.dumps(document))
        engine.command.run(["stack", "import", "--stack", stack, "--file", str(file)], work, {})
        file.unlink()
        for urn in mended.adopted:
            say(f"  {urn.rsplit('::', 1)[-1]} had been created: taken into the state")
    journal().unlink(missing_ok=True)
    return bool(pending)


def created(file: Path) -> dict[str, str]:
    """The ids that the providers noted, by URN; a last line that was cut short is passed over."""
    found: dict[str, str] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        with suppress(json.JSONDecodeError):
            entry = json.loads(line)
            found[entry["urn"]] = entry["id"]
    return found


def without_pending(deployment: Deployment, ids: Mapping[str, str]) -> Mended:
    """The deployment with every operation in flight settled: creations by the ids of what they created.

    A resource that was being replaced stays beside its replacement, marked for deletion, as the engine does it.
    """
    resources = list(deployment.get("resources") or [])
    adopted: list[str] = []
    forgotten: list[str] = []
    known = {(r["urn"], r.get("id")) for r in resources}
    for operation in deployment.get("pending_operations") or []:
        resource = operation["resource"]
        urn = resource["urn"]
        if operation["type"] != "creating" or not resource.get("custom"):
            continue
        if (made := ids.get(urn)) is None or resource["type"].startswith("pulumi:"):
            forgotten.append(urn)
        elif (urn, made) not in known:
            resources = [r | {"delete": True} if r["urn"] == urn else r for r in resources]
            resources.append(resource | {"id": made, "outputs": resource.get("inputs", {})})
            adopted.append(urn)
    rest = {key: value for key, value in deployment.items() if key != "pending_operations"}
    return Mended(rest | {"resources": ordered(resources)}, adopted, forgotten)


def ordered(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Resources so that each comes after what it needs, as the engine wants them."""
    place = {r["urn"]: index for index, r in enumerate(resources) if not r.get("delete")}
    graph: TopologicalSorter[int] = TopologicalSorter()
    for index, resource in enumerate(resources):
        graph.add(index, *(place[urn] for urn in _needs(resource) if place.get(urn, index) != index))
    return [resources[index] for index in graph.static_order()]


def _needs(resource: Mapping[str, Any]) -> set[str]:
    needs = set(resource.get("dependencies") or [])
    for urns in (resource.get("propertyDependencies") or {}).values():
        needs.update(urns or [])
    needs.update(filter(None, (resource.get("parent"), resource.get("deletedWith"))))
    if provider := resource.get("provider"):
        needs.add(provider.rsplit("::", 1)[0])
    return needs


def clear_locks(say: Callable[[str], None], stack: str = LOCAL) -> None:
    """Remove the locks of engines that are gone; wait for one that still ends, UserError when it does not."""
    deadline = time.monotonic() + PATIENCE_S
    for lock in sorted((home() / "state" / ".pulumi" / "locks").rglob(f"{stack}/*.json")):
        said = False
        while (pid := _engine_of(lock)) is not None:
            if time.monotonic() > deadline:
                raise UserError(
                    f"a Pulumi engine (pid {pid}) still works on this stack", f"wait for it, or `kill {pid}`"
                )
            if not said:
                said = True
                say(f"waiting for the engine of an earlier command (pid {pid}) to end")
            time.sleep(0.2)
        for file in (lock, lock.with_name(lock.name + ".attrs")):
            file.unlink(missing_ok=True)


def await_plugins(say: Callable[[str], None]) -> None:
    """Let the providers of an engine that was killed end what they do, so that the journal is whole."""
    plugins = [process for process in psutil.process_iter() if is_plugin(process)]
    if plugins:
        say(f"waiting for {len(plugins)} providers of an earlier command to end")
    _, alive = psutil.wait_procs(plugins, timeout=PATIENCE_S)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()


def is_plugin(process: psutil.Process) -> bool:
    """Whether a process is an engine of this checkout or one of its providers."""
    try:
        return process.environ().get("RAYEKS_JOURNAL") == str(journal()) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _engine_of(lock: Path) -> int | None:
    """The pid of the engine that holds a lock file, while that engine runs."""
    try:
        pid = json.loads(lock.read_text())["pid"]
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= lock.stat().st_mtime
        return pid if alive and "pulumi" in process.name() else None
    except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
        return None
