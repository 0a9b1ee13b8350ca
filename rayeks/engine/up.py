"""`rayeks up local`: from nothing, or from whatever is there, to what the program says."""

import contextvars
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi import RunError
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import Settings, configure
from rich.console import Console

from infra.config import Platform, PortablePlatform, load
from local.home import root
from rayeks.engine import controllers
from rayeks.engine.controllers import Told
from rayeks.engine.ledger import Ledger
from rayeks.engine.rehearsal import populate
from rayeks.engine.servers import Servers
from rayeks.engine.session import session
from rayeks.engine.workspace import LOCAL, POLICIES
from rayeks.errors import UserError
from rayeks.plan import stackfile


@dataclass(frozen=True)
class Outcome:
    """An update that ended well."""

    ledger: Ledger
    outputs: Mapping[str, Any]
    servers: Servers


def up(
    console: Console, *, refresh: bool = False, with_controllers: bool = False, rehearsed: str | None = None
) -> Outcome:
    """Bring the stack `local` up, or up to date. UserError with every reason when that fails.

    `with_controllers` leaves Karpenter, KubeRay and the others running beside it, on simulated nodes. `rehearsed` is
    another stack, whose settings it is brought up with.
    `refresh` reads everything from the servers first; a run that finds a server begun anew, or operations that a
    killed engine left in flight, does so by itself.
    """
    platform = contextvars.copy_context().run(_checked_settings, rehearsed or LOCAL)
    with session(console, f"rayeks up {rehearsed or LOCAL}", rehearsed=rehearsed) as run:
        if rehearsed:
            populate(run.servers, platform)
        progress, result = run.run(
            "up",
            lambda stack, progress: stack.up(
                on_event=progress,
                policy_packs=[str(POLICIES)],
                color="never",
                suppress_outputs=True,
                suppress_progress=True,
                refresh=True if refresh or run.refresh else None,
            ),
        )
        outputs = {key: output.value for key, output in result.outputs.items()}
        if with_controllers:
            names = controllers.start(run.servers, Told.of(platform), run.say)
            run.say(f"running beside it, on simulated nodes: {', '.join(names)}")
        return Outcome(progress.ledger, outputs, run.servers)


def _checked_settings(stack: str) -> Platform:
    """What the stack file says; its mistakes are reported before anything is started."""
    file = stackfile.read(stack, root())
    configure(Settings(project=file.project, stack=file.stack))
    set_all_config(dict(file.config), list(file.secret_keys))
    try:
        platform = load()
    except RunError as error:
        raise UserError(str(error)) from error
    if isinstance(platform, PortablePlatform):
        raise UserError(
            f"the stack {stack} is on a Kubernetes that is there already; this brings up a cluster with an AWS",
            f"pulumi up -s {stack}",
        )
    return platform
