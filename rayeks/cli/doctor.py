"""Looks at this machine: everything that a command may need, and what to do about what is missing."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from local.home import home, root

# One package of each layer stands for the layer.
LAYERS = {
    "platform": ("pulumi", "make setup"),
    "local": ("kubernetes", "make setup"),
    "ray": ("ray", "make setup"),
    "torch": ("torch", "make setup; on a laptop prefer PyTorch's CPU index, see README.md"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fix` says how to get it, or how to make use of it."""

    name: str
    state: str
    missing: bool = False
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """The public form."""
        return asdict(self)


def examine() -> list[Finding]:
    """Everything there is to know, in the order in which one would mend it. Starts and changes nothing."""
    found = [Finding("python", f"{sys.version.split()[0]} ({sys.executable})")]
    found += _layers()
    if all(not finding.missing for finding in found[:3]):
        found += [*_tools(), *_servers(), *_state()]
    return found


def _layers() -> Iterator[Finding]:
    for layer, (package, fix) in LAYERS.items():
        try:
            yield Finding(f"packages: {layer}", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding(f"packages: {layer}", f"{package} is not installed", missing=True, fix=fix)


def _tools() -> Iterator[Finding]:
    from local import toolchain

    go = shutil.which("go")
    for found in toolchain.survey():
        name, tag = found.tool.name, f"{found.tool.name} {found.version}"
        if found.path:
            yield Finding(name, f"{tag} ({found.origin}: {found.path}) {found.note}".rstrip())
        elif go:
            yield Finding(
                name,
                f"{tag} will be built when it is needed {found.note}".rstrip(),
                fix="rayeks prove builds it" if found.tool.proof else "make setup builds it now",
            )
        else:
            text = (
                f"{tag} is neither on PATH nor built{', which only `rayeks prove` needs' if found.tool.proof else ''}"
            )
            yield Finding(name, text, missing=not found.tool.proof, fix="install Go: https://go.dev/dl/")
    state = go or "not on PATH; needed only to build the tools above"
    yield Finding("go", state)


def _servers() -> Iterator[Finding]:
    from local import services

    known = services.recorded()
    if not known:
        yield Finding("servers", "none is up", fix="rayeks up local starts them")
    for service in known:
        state = f"pid {service.pid}, port {service.port}, log {service.log}"
        if service.alive:
            yield Finding(service.name, f"running: {state}")
        else:
            yield Finding(service.name, f"has died: {state}", fix="rayeks up local starts it again")


def _state() -> Iterator[Finding]:
    from rayeks.engine import recovery

    deployment = recovery.deployment()
    pending = len(deployment.get("pending_operations") or [])
    count = f"{len(recovery.resources())} resources in {home() / 'state'}"
    if pending:
        yield Finding("state", f"{count}, {pending} operations were cut off", fix="rayeks up local goes on from there")
    else:
        yield Finding("state", count)
    yield Finding("project", str(root()))
