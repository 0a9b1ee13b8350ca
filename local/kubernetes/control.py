"""Starts and stops the local Kubernetes; what was stored survives a stop, a kill and a new start."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local import services, toolchain
from local.files import write, write_json
from local.home import home
from local.kubernetes import pki, servers
from local.kubernetes.servers import API_SERVER, CONTROLLERS, ETCD, PEER, PROGRAMS
from local.ports import claim_port
from rayeks.errors import UserError

Progress = Callable[[str], None]
RESET = "`python -m local.kubernetes reset` (everything in the local Kubernetes is then gone)"


@dataclass(frozen=True)
class Kubernetes:
    """A Kubernetes that answers. `fresh`: its store was empty when it was started."""

    endpoint: str
    ca: Path
    kubeconfig: Path
    fresh: bool


@dataclass(frozen=True)
class Status:
    """What runs: the endpoint if the API server is ready, and each server's process id, None for a dead one."""

    endpoint: str | None
    processes: dict[str, int | None]


def start(*, nodes: bool = False, progress: Progress = print) -> Kubernetes:
    """Have etcd, the API server and the controller manager running and ready; what runs already is kept.

    `nodes` adds the controllers of Pods, for a cluster that has some (see `local.controllers`).
    UserError when a tool can't be had, a port is taken, a server fails, or the data is a newer version's.
    """
    programs = toolchain.tools(PROGRAMS, progress=progress)
    ports = {
        API_SERVER: claim_port(API_SERVER),
        CONTROLLERS: claim_port(CONTROLLERS, movable=True),
        ETCD: claim_port(ETCD, movable=True),
        PEER: claim_port(PEER, service=ETCD, movable=True),
    }
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    _check_data_version(folder)
    _ensure_certificates(folder / "pki", progress)
    endpoint = f"https://127.0.0.1:{ports[API_SERVER]}"
    admin = _write_kubeconfig(folder, endpoint, "admin")
    controllers = _write_kubeconfig(folder, endpoint, "controller-manager")
    data = folder / "etcd"
    fresh = not (data / "member").exists()
    services.start_all(
        [
            servers.etcd(programs[ETCD], ports, folder / "pki", data),
            servers.api_server(programs[API_SERVER], ports, folder / "pki"),
        ],
        progress=progress,
    )
    # After the API server: the controller manager gives up when that does not answer within ten seconds.
    services.start(
        servers.controller_manager(programs[CONTROLLERS], ports, folder / "pki", controllers, nodes=nodes),
        progress=progress,
    )
    return Kubernetes(endpoint, folder / "pki" / "ca.crt", admin, fresh)


def stop(*, progress: Progress = print) -> None:
    """End the three servers, the store last. The data stays."""
    for name in reversed(PROGRAMS):
        services.stop(name, progress=progress)


def reset(*, progress: Progress = print) -> None:
    """Stop, and forget all: data, certificates and kubeconfig. The ports stay the same."""
    stop(progress=progress)
    shutil.rmtree(_folder(), ignore_errors=True)


def status() -> Status:
    """What runs now; starts nothing."""
    running = {name: services.running(name) for name in PROGRAMS}
    api_server = running[API_SERVER]
    port = api_server.port if api_server else None
    ready = port is not None and servers.api_server_ready(port, _folder() / "pki")()
    return Status(
        endpoint=f"https://127.0.0.1:{port}" if ready else None,
        processes={name: known.pid if known else None for name, known in running.items()},
    )


def certificates() -> Path:
    """The folder of the certificates and keys."""
    return _folder() / "pki"


def _folder() -> Path:
    return home() / "kubernetes"


def _check_data_version(folder: Path) -> None:
    """Refuse data that a newer etcd or Kubernetes wrote: neither can read it back reliably."""
    path = folder / "versions.json"
    ours = {name: toolchain.TOOLS[name].version for name in (ETCD, API_SERVER)}
    written = json.loads(path.read_text()) if path.exists() else {}
    for name, version in ours.items():
        if _minor(written.get(name, version)) > _minor(version):
            raise UserError(f"the data in {folder} was written by {name} {written[name]}, newer than {version}", RESET)
    if written != ours:
        write_json(path, ours)


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _ensure_certificates(folder: Path, progress: Progress) -> None:
    if fault := pki.fault(folder):
        if folder.exists():
            progress(f"new certificates for the local Kubernetes ({fault}); its servers start again")
            stop(progress=progress)
        pki.make(folder)


def kubeconfig(user: str, *, acting_as: str | None = None) -> Path:
    """A kubeconfig of the running API server for a certificate's holder, who may act as somebody else.

    The rights are then those of `acting_as`, such as `system:serviceaccount:kuberay:kuberay-operator`.
    """
    found = status()
    if found.endpoint is None:
        raise UserError("the local Kubernetes does not run", "`rayeks up local` starts it")
    return _write_kubeconfig(_folder(), found.endpoint, user, acting_as)


def _write_kubeconfig(folder: Path, endpoint: str, user: str, acting_as: str | None = None) -> Path:
    name = acting_as.rpartition(":")[2] if acting_as else user
    path = folder / f"{name}.kubeconfig"
    certificates = folder / "pki"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "local",
                "cluster": {"server": endpoint, "certificate-authority": str(certificates / "ca.crt")},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate": str(certificates / f"{user}.crt"),
                    "client-key": str(certificates / f"{user}.key"),
                    **({"as": acting_as} if acting_as else {}),
                },
            }
        ],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    }
    text = json.dumps(config, indent=2) + "\n"  # JSON is YAML
    if not path.exists() or path.read_text() != text:
        write(path, text)
    return path
