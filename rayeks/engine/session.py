"""What every engine run on the local stack has around it: one at a time, whole servers, a settled state, its errors."""

import logging
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pulumi.automation import Stack
from pulumi.automation.errors import CommandError
from rich.console import Console

from local import aws, toolchain
from local.files import write
from local.home import home
from rayeks.engine import recovery, servers
from rayeks.engine.interrupt import attended
from rayeks.engine.lock import exclusive
from rayeks.engine.progress import Progress
from rayeks.engine.servers import Servers
from rayeks.engine.workspace import LOCAL, Engine, environment, open_engine
from rayeks.errors import UserError

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """The local stack, ready for an engine run. `refresh`: the state is not to be trusted before it is read anew."""

    console: Console
    servers: Servers
    engine: Engine
    refresh: bool

    def run(self, what: str, work: Callable[[Stack, Progress], T]) -> tuple[Progress, T]:
        """Run the engine and show it; UserError with the engine's own reasons when it fails."""
        progress = Progress(self.console, what)
        # An engine that is stopped or killed breaks its connections; Pulumi's side of them tells that in tracebacks.
        logging.getLogger("grpc._server").setLevel(logging.CRITICAL)
        try:
            with progress.shown(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", module=r"pulumi(_aws)?\b")
                answer = attended(self.engine.command, lambda: work(self.engine.stack, progress), self.say)
        except CommandError as error:
            raise self._failure(what, progress, error) from None
        servers.remember(self.servers)
        return progress, answer

    def say(self, text: str) -> None:
        """One line for the person, at once."""
        self.console.print(text, soft_wrap=True, highlight=False, markup=False)

    def _failure(self, what: str, progress: Progress, error: CommandError) -> UserError:
        if self.engine.mistakes:
            return UserError(str(self.engine.mistakes[0]))
        log = home() / "logs" / "engine.log"
        log.parent.mkdir(exist_ok=True)
        write(log, str(error))
        reasons = list(dict.fromkeys(progress.ledger.errors)) or [str(error).strip()]
        listed = "\n".join(f"  - {reason}".replace("\n", "\n    ") for reason in reasons)
        return UserError(
            f"{what} failed; what had been done is kept:\n{listed}",
            f"mend the cause and run it again; the engine's whole output is {log}",
        )


@contextmanager
def session(console: Console, command: str, *, rehearsed: str | None = None) -> Generator[Session]:
    """Everything that a run needs, for the length of the block; other commands that change the stack are refused.

    `rehearsed`: see `open_engine`.
    """

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    with exclusive(home() / "lock", command):
        recovery.clear_locks(say)
        recovery.await_plugins(say)
        binary = toolchain.tool("pulumi", progress=say)
        running = servers.start(say)
        env = environment(aws.environment(running.aws.endpoint), running.kubernetes.kubeconfig)
        engine = open_engine(binary, env, rehearsed=rehearsed)
        pending = recovery.mend(engine, say)
        lost = servers.lost(running) if recovery.resources(LOCAL) else []
        if lost:
            say(f"{' and '.join(lost)} began anew since the last run: reading what is left")
        elif not recovery.resources(LOCAL):
            servers.remember(running)
        yield Session(console, running, engine, pending or bool(lost))
