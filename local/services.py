"""Daemons that outlive the command that starts them: started once, known by their process, stopped whole."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from local.files import write_json
from local.home import home
from local.ports import MARK, claim_port, held_by, holder, is_freed, mark, marked, taken
from local.processes import hold_interrupts
from rayeks.errors import UserError

__all__ = [
    "Running",
    "Service",
    "claim_port",
    "last_lines",
    "log_path",
    "recorded",
    "running",
    "start",
    "start_all",
    "stop",
]

Progress = Callable[[str], None]
SPEAK_EVERY_S = 5.0


@dataclass(frozen=True)
class Service:
    """A daemon to keep. `env` is added to the caller's environment; `ready` is asked until it says True."""

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool]
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Running:
    """A daemon as recorded. `started` is True only in the answer of the very `start` that started it."""

    name: str
    pid: int
    create_time: float
    port: int | None
    argv: tuple[str, ...]
    log: Path
    started: bool = False

    @property
    def alive(self) -> bool:
        """Whether that very process still runs; a later process with the same id is another one."""
        return _process(self) is not None


def start(service: Service, *, progress: Progress = print) -> Running:
    """Have `service` running and ready, and say which process it is.

    One that already runs with the same arguments and port is kept; with others, or when it does not answer
    within `timeout_s` seconds, it is started again.
    UserError when its port is a stranger's, when it ends by itself, or when it is not ready within
    `timeout_s` seconds; it is stopped then, and also when the caller is interrupted meanwhile.
    """
    return start_all([service], progress=progress)[0]


def start_all(services: Sequence[Service], *, progress: Progress = print) -> list[Running]:
    """Start several daemons side by side, and wait until each is ready; else as `start`.

    When one fails, those that this call started are stopped.
    """
    kept: set[int] = set()
    with ExitStack() as locks:
        for name in sorted(service.name for service in services):  # one order, or two commands may block each other
            locks.enter_context(_lock(name, progress))
        try:
            daemons = []
            for service in services:
                if known := _kept(service, progress):
                    kept.add(known.pid)
                daemons.append(known or _spawn(service, progress))
            return [_ready(daemon, service, progress) for daemon, service in zip(daemons, services, strict=True)]
        except BaseException:
            for service in reversed(services):
                if (known := _read(service.name)) and known.pid not in kept:
                    _end(known, grace_s=5.0)
            raise


def running(name: str) -> Running | None:
    """The recorded daemon of that name, if that very process still runs."""
    known = _read(name)
    return known if known and known.alive else None


def recorded() -> list[Running]:
    """Every daemon on record, alive or not, by name."""
    names = sorted(path.stem for path in (home() / "run").glob("*.json"))
    return [known for name in names if (known := _read(name))]


def stop(name: str, grace_s: float = 10.0, *, progress: Progress = print) -> bool:
    """End the daemon and its process group: SIGTERM, `grace_s` seconds, SIGKILL. True if it was running."""
    with _lock(name, progress):
        known = _read(name)
        if known is None:
            return False
        was_alive = known.alive
        _end(known, grace_s)
        return was_alive


def log_path(name: str) -> Path:
    """Where the daemon's output goes; that of the run before lies beside it as `.log.1`."""
    return _folder("logs") / f"{name}.log"


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, indented for an error message."""
    if not log.exists():
        return "    (no log)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        lines = file.read().decode(errors="replace").splitlines()[-count:]
    return "\n".join(f"    {line}" for line in lines) or "    (the log is empty)"


# --- records ---------------------------------------------------------------------------------------------


def _folder(name: str) -> Path:
    path = home() / name
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _record_path(name: str) -> Path:
    return _folder("run") / f"{name}.json"


@contextmanager
def _lock(name: str, progress: Progress) -> Generator[None]:
    lock = FileLock(_folder("run") / f"{name}.lock")
    try:
        lock.acquire(timeout=SPEAK_EVERY_S)
    except Timeout:
        progress(f"another command starts or stops {name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _read(name: str) -> Running | None:
    path = _record_path(name)
    try:
        record = json.loads(path.read_text())
        return Running(**record | {"argv": tuple(record["argv"]), "log": Path(record["log"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is not a record of a service ({error})", "delete that file") from error


# --- processes -------------------------------------------------------------------------------------------

_children: dict[int, subprocess.Popen[bytes]] = {}  # started by this very process, which has to reap them


def _process(known: Running) -> psutil.Process | None:
    if (child := _children.get(known.pid)) and child.poll() is not None:
        del _children[known.pid]
    try:
        process = psutil.Process(known.pid)
        # A second apart is the same process: the time counts from the kernel's boot time, which is adjusted.
        same = abs(process.create_time() - known.create_time) < 2.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _kept(service: Service, progress: Progress) -> Running | None:
    known = _read(service.name)
    if known is None:
        return None
    if not known.alive:
        progress(f"{service.name} (pid {known.pid}) had died; starting it again, old log: {_older(known.log)}")
    elif (known.argv, known.port) == (tuple(service.argv), service.port):
        return known
    else:
        progress(f"{service.name}: its arguments changed, starting it again")
    _end(known, grace_s=10.0)
    return None


def _spawn(service: Service, progress: Progress) -> Running:
    if service.port is not None and not is_freed(service.port):
        _free_own_port(service.name, service.port, progress)
    log = service.log or log_path(service.name)
    if log.exists():
        log.replace(_older(log))
    env = os.environ | dict(service.env) | {MARK: mark(service.name)}
    with hold_interrupts(), log.open("ab") as output:
        try:
            child = subprocess.Popen(
                list(service.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(f"{service.name} cannot be started: {error}") from error
        _children[child.pid] = child
        created = psutil.Process(child.pid).create_time()
        known = Running(service.name, child.pid, created, service.port, tuple(service.argv), log)
        record = asdict(known) | {"log": str(log)}
        del record["started"]
        write_json(_record_path(service.name), record)
    return replace(known, started=True)


def _ready(daemon: Running, service: Service, progress: Progress) -> Running:
    try:
        _await(daemon, service, progress)
        return daemon
    except UserError as error:
        if daemon.started:
            raise
        progress(f"{error.message}\nstarting {service.name} again")
    _end(daemon, grace_s=1.0)
    daemon = _spawn(service, progress)
    _await(daemon, service, progress)
    return daemon


def _await(known: Running, service: Service, progress: Progress) -> None:
    began = spoke = time.monotonic()
    while True:
        now = time.monotonic()
        if not known.alive:
            complaint = "ended by itself"
        elif now - began > service.timeout_s:
            complaint = f"was not ready within {service.timeout_s:.0f} s"
        elif service.ready() and (service.port is None or held_by(service.port, service.name)):
            return
        else:
            if now - spoke > SPEAK_EVERY_S:
                spoke = now
                progress(f"waiting for {service.name} … {now - began:.0f} s")
            time.sleep(0.05)
            continue
        raise UserError(
            f"{service.name} {complaint}; the end of its log:\n{last_lines(known.log)}",
            f"the whole log is {known.log}",
        )


def _end(known: Running, grace_s: float) -> None:
    """End the daemon if it is alive, then whatever of its process group outlived it, and forget it."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        deadline = time.monotonic() + patience_s
        if known.alive:
            with suppress(ProcessLookupError):
                os.killpg(known.pid, number)
        while known.alive and time.monotonic() < deadline:
            time.sleep(0.02)
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == known.pid and marked(process) == mark(known.name):
                process.kill()
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    _record_path(known.name).unlink(missing_ok=True)


def _free_own_port(name: str, port: int, progress: Progress) -> None:
    """End a daemon of this name that lost its record; a stranger on its port is an error."""
    process = holder(port)
    if process is None or marked(process) != mark(name):
        raise taken(port, name)
    progress(f"{name} (pid {process.pid}) ran without a record; starting it again")
    process.kill()
    process.wait(timeout=10)


def _older(log: Path) -> Path:
    return log.with_name(log.name + ".1")
