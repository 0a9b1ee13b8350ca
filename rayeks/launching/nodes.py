"""A Ray cluster of real processes on this machine: started as pods would be, found again and ended by process id."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import psutil

from local.files import write
from local.home import home
from local.ports import PORTS, is_free
from local.processes import hold_interrupts
from local.services import last_lines
from rayeks.errors import UserError
from rayeks.launching.shape import OBJECT_STORE_BYTES, Node, Shape

MARK = "RAYEKS_LAUNCH"
"""In the environment of every process of a launch: whose it is, so that a killed launcher's are known."""

SOCKET_PATH = 107
SESSION_PATH = len("/0101-000000/0/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
KEPT_LAUNCHES = 3

Progress = Callable[[str], None]


@dataclass
class Cluster:
    """A running cluster. `folder` holds each node's log and Ray's own session."""

    address: str
    dashboard: str
    token: str | None
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def headers(self) -> dict[str, str]:
        """What the dashboard's API asks for."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def dead(self) -> str | None:
        """What became of the first node whose process ended, None while all run."""
        for index, process in enumerate(self.processes):
            if process.poll() is not None:
                log = self.folder / f"{index}.log"
                return f"Ray node {index} ended with code {process.returncode}:\n{last_lines(log)}"
        return None


def start(shape: Shape, env: Mapping[str, str], *, auth: bool, progress: Progress, timeout_s: float = 120) -> Cluster:
    """Start a head and its workers, and wait until the Jobs API answers and every node has joined.

    Each node has a loopback address and a folder of its own, as pods have, so that nodes which start at the
    same moment do not fight over names. UserError when a node ends or when they are not up in time.
    """
    folder = _new_folder()
    gcs, dashboard, client, *agents = free_ports(3 + len(shape.nodes))
    token = _token() if auth else None
    cluster = Cluster(f"{_ip(0)}:{gcs}", f"http://127.0.0.1:{dashboard}", token, folder)
    own = {**env, **_environment(auth)}
    head_flags = [
        "--head",
        f"--port={gcs}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard}",
        f"--ray-client-server-port={client}",
    ]
    deadline = time.monotonic() + timeout_s
    try:
        _spawn(cluster, shape.nodes[0], agents[0], head_flags, own)
        _await(lambda: _listens(_ip(0), gcs), cluster, "the head", deadline, progress)
        for node, agent in zip(shape.nodes[1:], agents[1:], strict=True):
            _spawn(cluster, node, agent, [f"--address={cluster.address}"], own)
        _await(lambda: _answers(cluster), cluster, "the Jobs API", deadline, progress)
    except BaseException:
        stop(cluster)
        raise
    return cluster


def stop(cluster: Cluster) -> None:
    """End every process of the cluster, at once: nothing on it outlives its one job."""
    _kill([psutil.Process(process.pid) for process in cluster.processes if process.poll() is None])
    for process in cluster.processes:
        process.wait()


def clean(progress: Progress = print) -> int:
    """End what launchers of this checkout left behind when they were killed; says how many processes."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            owner = process.environ().get(MARK, "")
            if owner.startswith(f"{home()}:") and not _alive(owner) and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    if left:
        progress(f"a launch that was killed left a Ray cluster running: ending its {len(left)} processes")
        _kill(left)
    return len(left)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody holds, below the kernel's own, and none that this checkout's servers remember."""
    path = home() / "ports.json"
    remembered = set(json.loads(path.read_text()).values()) if path.exists() else set()
    first = secrets.randbelow(len(PORTS))
    chosen = []
    for step in range(len(PORTS)):
        port = PORTS[(first + step) % len(PORTS)]
        if port not in remembered and is_free(port):
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise UserError(f"fewer than {count} loopback ports in {PORTS.start}–{PORTS.stop} are free", "stop some servers")


# --- starting --------------------------------------------------------------------------------------------


def _spawn(cluster: Cluster, node: Node, agent_port: int, flags: list[str], own: Mapping[str, str]) -> None:
    index = len(cluster.processes)
    session = cluster.folder / str(index)
    session.mkdir()
    labels = {**node.labels, "ray.io/node-group": node.group}
    argv = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
        *flags,
        f"--node-ip-address={_ip(index)}",
        f"--temp-dir={session}",
        f"--num-cpus={node.cpus}",
        f"--num-gpus={node.gpus}",
        f"--resources={json.dumps(node.custom)}",
        f"--labels={','.join(f'{key}={value}' for key, value in labels.items())}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--dashboard-agent-listen-port={agent_port}",
    ]
    with hold_interrupts(), (cluster.folder / f"{index}.log").open("ab") as log:
        cluster.processes.append(
            subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_outside(), **node.env, **own},
                cwd=cluster.folder,
                start_new_session=True,
            )
        )


def _outside() -> dict[str, str]:
    # A RAY_ADDRESS of the caller's shell would draw nodes and drivers into another cluster.
    return {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}


def _environment(auth: bool) -> dict[str, str]:
    own = psutil.Process()
    binaries = str(Path(sys.executable).parent)
    return {
        MARK: f"{home()}:{own.pid}:{own.create_time()}",
        # A job's entrypoint says `python`: it must be the one that has Ray and the workloads.
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
        # Ray runs its workers at the lowest priority, which on a busy machine is none.
        "RAY_worker_niceness": "0",
        # Ray Train takes one report an interval: with Ray's 2 s, short epochs would wait for it.
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
        **(
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(_token_path())}
            if auth
            else {"RAY_AUTH_MODE": "disabled"}
        ),
        **({"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}),
    }


def _ip(index: int) -> str:
    """A node's own loopback address. Ray replaces 127.0.0.1 by the machine's outside address, others not."""
    return f"127.0.0.{2 + index}" if sys.platform == "linux" else "127.0.0.1"


def _new_folder() -> Path:
    """A folder for one launch; short enough for the sockets in it, and the oldest launches are removed."""
    parent = home() / "ray"
    if len(str(parent)) + SESSION_PATH > SOCKET_PATH:
        digest = sha256(str(home()).encode()).hexdigest()[:8]
        parent = Path(tempfile.gettempdir()) / f"rayeks-{os.getuid()}-{digest}"
    parent.mkdir(mode=0o700, exist_ok=True)
    if parent.stat().st_uid != os.getuid():
        raise UserError(f"{parent} belongs to another user", "remove it, or set RAYEKS_HOME to a shorter path")
    for old in sorted(path for path in parent.iterdir() if path.is_dir())[: -KEPT_LAUNCHES + 1 or None]:
        if not _in_use(old):
            shutil.rmtree(old, ignore_errors=True)
    while True:
        folder = parent / time.strftime("%m%d-%H%M%S")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            time.sleep(0.5)
        else:
            return folder


def _in_use(folder: Path) -> bool:
    return any(_cwd(process) == folder for process in psutil.process_iter())


def _cwd(process: psutil.Process) -> Path | None:
    try:
        return Path(process.cwd())
    except (psutil.Error, OSError):
        return None


def _token_path() -> Path:
    return home() / "ray-token"


def _token() -> str:
    if not _token_path().exists():
        write(_token_path(), secrets.token_hex(32))
    return _token_path().read_text()


# --- waiting ---------------------------------------------------------------------------------------------


def _await(done: Callable[[], bool], cluster: Cluster, what: str, deadline: float, progress: Progress) -> None:
    spoken = began = time.monotonic()
    while not done():
        now = time.monotonic()
        if dead := cluster.dead():
            raise UserError(dead, f"the nodes' logs are in {cluster.folder}")
        if now > deadline:
            raise UserError(f"{what} of the local Ray cluster is not up in time", f"read the logs in {cluster.folder}")
        if now - spoken > 5:
            progress(f"waiting for {what} ({now - began:.0f} s)")
            spoken = now
        time.sleep(0.1)


def _listens(host: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def _answers(cluster: Cluster) -> bool:
    request = urllib.request.Request(f"{cluster.dashboard}/api/jobs/", headers=cluster.headers())
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status == 200
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise UserError(
                f"{cluster.dashboard} refuses the token of this checkout", f"remove {_token_path()}"
            ) from error
        return False
    except OSError:
        return False


# --- ending ----------------------------------------------------------------------------------------------


def _kill(roots: list[psutil.Process]) -> None:
    """Kill processes and all that descend from them. Ray's workers erase their environment, so they are found
    as descendants, before their parents die."""
    doomed = {process.pid: process for process in roots}
    for root in roots:
        with suppress(psutil.Error):
            doomed |= {child.pid: child for child in root.children(recursive=True)}
    for process in doomed.values():
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(list(doomed.values()), timeout=10)


def _alive(owner: str) -> bool:
    """Whether the launcher that a mark names still runs."""
    _, pid, created = owner.rsplit(":", 2)
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(created)) < 2
    except psutil.Error:
        return False
