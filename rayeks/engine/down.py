"""`rayeks down local`: the engine destroys the stack, the servers are asked what is left, and then stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from rich.console import Console

from local import aws
from local.home import home
from rayeks.engine import controllers, recovery, servers
from rayeks.engine.api import Api, left_by_helm
from rayeks.engine.ledger import Ledger
from rayeks.engine.servers import Servers
from rayeks.engine.session import session
from rayeks.errors import UserError
from rayeks.launching import clean

SWEEP_S = 30.0


@dataclass(frozen=True)
class Outcome:
    """A tear-down that ended well; `ledger` is None where there was nothing to destroy."""

    ledger: Ledger | None
    stopped: list[str]


def down(console: Console, *, force: bool = False) -> Outcome:
    """Destroy the stack `local`, prove that nothing is left, and stop what was started, killed launches' Ray included.

    UserError that names what is left, with the servers still running, so that it can be looked at; `force` stops
    them all the same, with whatever they hold. Where nothing is up nothing is done.
    """
    clean(lambda line: console.print(line, markup=False, soft_wrap=True))
    if not recovery.resources() and not servers.up():
        return Outcome(None, [])
    ledger = None
    with session(console, "rayeks down local") as run:
        if recovery.resources():
            with controllers.for_teardown(run.servers, run.say):
                progress, _ = run.run(
                    "down",
                    lambda stack, progress: stack.destroy(
                        on_event=progress,
                        color="never",
                        suppress_outputs=True,
                        suppress_progress=True,
                        refresh=True if run.refresh else None,
                        run_program=False,
                    ),
                )
            ledger = progress.ledger
        sweep(run.servers.api, run.say)
        left = leftovers(run.servers)
        if left and not force:
            raise UserError(
                f"{len(left)} things are left that the stack did not make or could not delete:\n"
                + "\n".join(f"  - {thing}" for thing in left),
                "delete them and run this again, or `rayeks down local --force` to drop them with the servers",
            )
        names = servers.up()
        servers.stop(and_forget=bool(left))
        servers.forget()
        if alive := processes():
            raise UserError("processes are left:\n" + "\n".join(f"  - {process}" for process in alive))
    return Outcome(ledger, names)


def sweep(api: Api, say: Callable[[str], None]) -> None:
    """Remove what Helm leaves by design; in an account it would go with the cluster, which is gone."""
    remains = left_by_helm(api.objects())
    for item in remains:
        api.delete(item.path)
    if remains:
        say(f"removed what Helm leaves on an uninstall: {', '.join(str(item) for item in remains)}")
    deadline = time.monotonic() + SWEEP_S
    while left_by_helm(api.objects()) and time.monotonic() < deadline:
        time.sleep(0.5)


def leftovers(running: Servers) -> list[str]:
    """Everything that the servers hold beyond what they have when fresh."""
    held = [f"AWS {kind} {name}" for kind, names in aws.inventory(running.aws.endpoint).items() for name in names]
    return held + [f"Kubernetes {item}" for item in running.api.objects()]


def processes() -> list[str]:
    """The processes of this checkout that run: daemons and providers, not this command."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("RAYEKS_SERVICE", "").startswith(f"{home()}/")
            if marked or recovery.is_plugin(process):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
        except psutil.Error:
            continue
    return found
