"""Loopback ports: one for each name and checkout, the same at every start, and never a stranger's."""

import hashlib
import json
import os
import socket
import time
from typing import Any

import psutil
from filelock import FileLock

from local.files import write_json
from local.home import home
from rayeks.errors import UserError

PORTS = range(20_000, 32_000)  # below the ports that kernels hand to outgoing connections
DYING_S = 10.0
"""How long a port may be held by what was ended: a process keeps it until its last thread and its memory are gone."""
MARK = "RAYEKS_SERVICE"  # in every daemon's environment, so that one that lost its record is known


def mark(name: str) -> str:
    """What a daemon's environment says under MARK: its name and whose it is."""
    return f"{home()}/{name}"


def marked(process: psutil.Process) -> str | None:
    """The mark that a process carries; None where it has none or belongs to another user."""
    try:
        return process.environ().get(MARK)
    except psutil.Error:
        return None


def claim_port(name: str, wanted: int | None = None, *, service: str | None = None, movable: bool = False) -> int:
    """The loopback port of `name`: the `wanted` one, else the remembered one, else a free one.

    The answer is remembered. UserError naming the port, its holder and the way out when the wanted or
    the remembered port is a stranger's; the daemon `service` (by default the one called `name`) is none.
    `movable`: nobody outside knows the port, so a remembered one that is a stranger's now is given up.
    """
    if wanted is not None and not 1 <= wanted <= 65_535:
        raise UserError(f"{wanted} is not a port for {name}", f"choose one in {PORTS.start}–{PORTS.stop}")
    path = home() / "ports.json"
    with FileLock(home() / "ports.lock"):
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        port = wanted or ports.get(name) or _choose(name, taken=set(ports.values()))
        if not is_free(port) and not held_by(port, service or name) and not is_freed(port):
            if not movable or wanted:
                raise taken(port, name)
            port = _choose(name, taken=set(ports.values()))
        if ports.get(name) != port:
            write_json(path, ports | {name: port})
        return port


def is_free(port: int) -> bool:
    """Whether a server can listen on that loopback port now."""
    with socket.socket() as probe:
        if os.name == "posix":  # a port in TIME_WAIT is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_freed(port: int) -> bool:
    """Whether a port is free, or becomes so: a large process that was killed holds its port while its memory goes."""
    deadline = time.monotonic() + DYING_S
    while not is_free(port):
        process = holder(port)
        if (process and not _is_dying(process)) or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_dying(process: psutil.Process) -> bool:
    """Whether a process has no memory any more, and so no arguments."""
    try:
        return not process.cmdline()
    except psutil.AccessDenied:
        return False
    except psutil.NoSuchProcess:
        return True


def holder(port: int) -> psutil.Process | None:
    """The process that listens on a port; None where the system does not tell (another user's)."""
    try:
        connections = [(each.pid, each) for each in psutil.net_connections(kind="tcp")]
    except psutil.AccessDenied:  # macOS tells the whole table to root only
        connections = [(process.pid, each) for process in psutil.process_iter() for each in _connections(process)]
    for pid, connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and pid:
            return psutil.Process(pid)
    return None


def held_by(port: int, name: str) -> bool:
    """Whether the listener on `port` is this checkout's daemon `name`, or a child of it."""
    process = holder(port)
    return process is not None and marked(process) == mark(name)


def taken(port: int, name: str) -> UserError:
    """The error that says who holds the port that `name` needs."""
    return UserError(
        f"port {port} for {name} is taken by {_describe(holder(port))}",
        f"stop that process, or choose another port, or remove `{name}` from {home() / 'ports.json'}",
    )


def _connections(process: psutil.Process) -> list[Any]:
    try:
        return process.net_connections(kind="tcp")
    except psutil.Error:
        return []


def _choose(name: str, taken: set[int]) -> int:
    # Where to begin depends on the checkout, so that two checkouts rarely want the same port.
    first = int(hashlib.sha256(mark(name).encode()).hexdigest(), 16) % len(PORTS)
    for step in range(len(PORTS)):
        port = PORTS[(first + step) % len(PORTS)]
        if port not in taken and is_free(port):
            return port
    raise UserError(f"no loopback port in {PORTS.start}–{PORTS.stop} is free for {name}", "stop some servers")


def _describe(process: psutil.Process | None) -> str:
    if process is None:
        return "another user's process"
    try:
        return f"pid {process.pid} ({' '.join(process.cmdline())[:120] or process.name()})"
    except psutil.Error:
        return f"pid {process.pid}"
