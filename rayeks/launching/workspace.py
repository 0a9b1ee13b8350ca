"""What a launch on this machine has of its own: a folder, a token, ports, and an environment that marks it."""

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import psutil

from local.files import write
from local.home import home
from local.ports import PORTS, is_free
from rayeks.errors import UserError

MARK = "RAYEKS_LAUNCH"
"""In the environment of every process of a launch: whose it is, so that a killed launcher's are known."""

SOCKET_PATH = 107
SESSION_PATH = len("/0101-000000/00/session_2026-01-01_00-00-00_000000_4194304/sockets/dash_MetricsHead")
KEPT_LAUNCHES = 3


def new_folder() -> Path:
    """A folder for one launch, its path short enough for Ray's sockets; the oldest launches are removed."""
    parent = home() / "ray"
    if len(str(parent)) + SESSION_PATH > SOCKET_PATH:
        digest = sha256(str(home()).encode()).hexdigest()[:8]
        parent = Path(tempfile.gettempdir()) / f"rayeks-{os.getuid()}-{digest}"
    parent.mkdir(mode=0o700, exist_ok=True)
    if parent.stat().st_uid != os.getuid():
        raise UserError(f"{parent} belongs to another user", "remove it, or set RAYEKS_HOME to a shorter path")
    used = _working_folders()
    for old in sorted(path for path in parent.iterdir() if path.is_dir())[: -KEPT_LAUNCHES + 1 or None]:
        if old not in used:
            shutil.rmtree(old, ignore_errors=True)
    while True:
        folder = parent / time.strftime("%m%d-%H%M%S")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            time.sleep(0.5)
        else:
            return folder


def token_path() -> Path:
    """The file of this checkout's Ray token."""
    return home() / "ray-token"


def token() -> str:
    """This checkout's Ray token, made when it is first asked for; only its owner may read it."""
    if not token_path().exists():
        write(token_path(), secrets.token_hex(32))
    return token_path().read_text()


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


def inherited() -> dict[str, str]:
    """The caller's environment, without what would draw nodes and drivers into another cluster or account."""
    return {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS" and not name.startswith("AWS_")}


def environment(auth: bool) -> dict[str, str]:
    """What every process of a launch has in its environment, whatever the manifest says."""
    own = psutil.Process()
    binaries = str(Path(sys.executable).parent)
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_path())}
    return {
        MARK: f"{home()}:{own.pid}:{own.create_time()}",
        # A job's entrypoint says `python`: it must be the one that has Ray and the workloads.
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray runs its workers at a low priority, which on a busy machine can be none.
        "RAY_worker_niceness": "0",
        # Ray Train takes one report an interval: with Ray's 2 s, short epochs would wait for it.
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
        **(secret if auth else {"RAY_AUTH_MODE": "disabled"}),
        # The nodes' addresses are on the loopback interface, where Gloo does not look by itself.
        **({"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}),
    }


def is_alive(mark: str) -> bool:
    """Whether the launcher that a mark names still runs."""
    _, pid, created = mark.rsplit(":", 2)
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(created)) < 2
    except psutil.Error:
        return False


def _working_folders() -> set[Path]:
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(Path(process.cwd()))
        except (psutil.Error, OSError):
            continue
    return found
