"""Runs the program of a stack under the in-process monitor: seconds, no engine, no server, no credentials."""

import asyncio
import contextlib
import contextvars
import gc
import json
import runpy
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pulumi
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import settings
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.stack import run_in_stack

from rayeks.errors import UserError
from rayeks.plan.foretold import Place
from rayeks.plan.model import Plan, in_order
from rayeks.plan.monitor import Monitor
from rayeks.plan.stackfile import StackFile, read
from rayeks.plan.values import unknown

HERE = Path(__file__).resolve().parent
M = TypeVar("M", bound=Monitor)
Packages = Mapping[str, Mapping[str, Any]]
"""The configuration of each package, objects parsed."""


class Log:
    """The engine's log: warnings are part of the plan, and an error fails it as it fails an update."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def Log(self, request: Any) -> None:  # noqa: N802
        """Takes one message."""
        if request.severity == engine_pb2.__dict__["WARNING"]:
            self.warnings.append(request.message)
        if request.severity == engine_pb2.__dict__["ERROR"]:
            self.errors.append(request.message)


def plan(stack: str, *, root: Path) -> Plan:
    """The plan of a stack of the project whose Pulumi.yaml lies in `root`.

    Raises UserError for an unknown stack, a configuration or program that fails (with the program's file and
    line), and for whatever the program asks that only the cloud can answer.
    """
    root = root.resolve()
    file = read(stack, root)
    monitor, warnings = execute(
        file, root, lambda place, packages: Monitor(file.stack, file.project, place, packages), dry_run=False
    )
    return Plan(
        stack=file.stack,
        project=file.project,
        resources=in_order(monitor.recorded),
        outputs=monitor.outputs,
        config=file.config,
        warnings=tuple(sorted(warnings)),
        unknowns=dict(sorted(monitor.unknowns.items())),
    )


def execute(file: StackFile, root: Path, make: Callable[[Place, Packages], M], *, dry_run: bool) -> tuple[M, list[str]]:
    """Runs the stack's program under the monitor that `make` returns; the monitor, and what the program warned of.

    `dry_run` is whether the program is told that this is a preview, in which values may be unknown. Raises UserError
    as `plan` does.
    """
    with _no_collection():
        return contextvars.copy_context().run(lambda: _execute(file, root, make, dry_run))


@contextlib.contextmanager
def _no_collection() -> Generator[None]:
    """Importing a cloud's SDK makes a million objects that all stay; collecting in between costs a third more.

    After the first time what was imported is set aside for good, or the first collection would walk it all.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
        gc.enable()


def _execute(file: StackFile, root: Path, make: Callable[[Place, Packages], M], dry_run: bool) -> tuple[M, list[str]]:
    if not (file.program / "__main__.py").is_file():
        raise UserError(f"{file.program} holds no __main__.py", "mend `main:` in Pulumi.yaml")
    packages = by_package(file.config)
    monitor = make(_place(packages.get("aws", {}), file), packages)
    log = Log()
    settings.configure(
        settings.Settings(
            project=file.project,
            stack=file.stack,
            monitor=monitor,
            engine=log,
            dry_run=dry_run,
            organization="organization",
            root_directory=str(root),
        )
    )
    settings.SETTINGS.callbacks = monitor.transforms.callbacks
    settings.ROOT.set(None)
    pulumi_config.set_all_config(dict(file.config), list(file.secret_keys))
    try:
        # What the program prints is not part of the plan, which machines read from standard output.
        with contextlib.chdir(file.program), contextlib.redirect_stdout(sys.stderr):
            asyncio.run(_run(file.program, monitor))
    except (Exception, SystemExit) as error:
        raise _explained(error, root) from error
    if log.errors:
        raise UserError("the program reported an error: " + "; ".join(log.errors))
    return monitor, log.warnings


async def _run(program: Path, monitor: Monitor) -> None:
    """The program in its stack, as Pulumi's own language host runs it; an error that nobody awaited counts too."""
    lost: list[BaseException] = []
    loop = asyncio.get_running_loop()
    monitor.transforms.loop = loop
    loop.set_exception_handler(lambda _, context: lost.append(context.get("exception") or _message(context)))

    def run() -> None:
        runpy.run_path(str(program), run_name="__main__")

    await run_in_stack(run)
    if lost:
        raise lost[0]


def _message(context: Mapping[str, Any]) -> RuntimeError:
    return RuntimeError(str(context.get("message")))


def by_package(config: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The configuration of each package: what the engine gives to its default provider, objects parsed."""
    packages: dict[str, dict[str, Any]] = {}
    for key, text in sorted(config.items()):
        package, _, name = key.partition(":")
        value: Any = text
        if text.startswith(("{", "[")):
            with contextlib.suppress(json.JSONDecodeError):
                value = json.loads(text)
        packages.setdefault(package, {})[name] = value
    return packages


def _place(aws: Mapping[str, Any], file: StackFile) -> Place:
    """The region and account of the stack; what the stack file does not say stays unknown."""
    accounts = aws.get("allowedAccountIds")
    account = accounts[0] if isinstance(accounts, list) and accounts else unknown(file.stack, "account")
    return Place(region=aws.get("region") or unknown(file.stack, "region"), account=str(account))


def _explained(error: BaseException, root: Path) -> UserError:
    """The error for a person: the program's own words, and where in the program it happened."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, UserError):
            return link
        if isinstance(link, pulumi.RunError):
            return UserError(str(link))
    if isinstance(error, SystemExit):
        return UserError(f"the program ended itself with exit status {error.code}")
    cause = chain[-1]
    where = next(filter(None, (_where(link, root) for link in reversed(chain))), None)
    text = f"{type(cause).__name__}: {cause}"
    return UserError(f"the program failed{f' at {where}' if where else ''}\n  {text}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _where(error: BaseException, root: Path) -> str | None:
    """The innermost line of the project's own code in an error's traceback, or the resource that was being made."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        ours = path.is_relative_to(root) and not path.is_relative_to(HERE) and "site-packages" not in path.parts
        if ours:
            return f"{path.relative_to(root)}:{frame.lineno}"
    notes = getattr(error, "__notes__", [])
    return notes[0] if notes else None
