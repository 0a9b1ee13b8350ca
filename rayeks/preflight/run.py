"""Runs the checks side by side, and turns whatever happens to one of them into findings."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from rayeks.errors import UserError
from rayeks.preflight import checks as _checks  # noqa: F401 - importing them registers them
from rayeks.preflight.model import CHECKS, Check, Finding, Ground, Report, Status, Target, Unreadable, stamped, unknown
from rayeks.preflight.stack import AnyStack

WORKERS = 8
Say = Callable[[str], None]


def chosen(only: Sequence[str], of: Ground) -> list[Check]:
    """The checks of these names, or all, of what stands on a ground; UserError for a name that there is not."""
    there = {name: check for name, check in CHECKS.items() if check.of is of}
    for name in only:
        if name not in there:
            raise UserError(f"no check {name!r}", f"use one of: {', '.join(there)}")
    return [check for name, check in there.items() if not only or name in only]


def preflight(
    stack: AnyStack, target: Target, *, only: Sequence[str] = (), strict: bool = False, say: Say = lambda _: None
) -> Report:
    """Everything that the checks find. Calls nothing that changes the target, and raises for wrong usage only."""
    began = time.monotonic()
    wanted = chosen(only, target.ground)
    about = target.facts()
    where = target.told(about)
    say(f"{len(wanted)} checks of {where}, as {about['identity'] or 'nobody'}")
    findings = _run(stack, target, wanted, say) if about["identity"] else _nobody(stack, target, wanted)
    return Report(
        stack=stack.name,
        about=about,
        where=where,
        findings=tuple(findings),
        seconds=time.monotonic() - began,
        strict=strict,
        checks=tuple(check.name for check in wanted),
    )


def _nobody(stack: AnyStack, target: Target, wanted: Sequence[Check]) -> list[Finding]:
    """Without an identity only the check at the door can say something; the others were not made."""
    found = []
    for check in wanted:
        if check.name == target.door:
            found += _one(check, stack, target)
        else:
            finding = unknown(check.title, "not looked at: nobody is let in", f"mend what {target.door} says first")
            found.append(stamped(finding, check))
    return found


def _run(stack: AnyStack, target: Target, wanted: Sequence[Check], say: Say) -> list[Finding]:
    found: dict[str, list[Finding]] = {}
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="preflight")
    try:
        running: dict[Future[list[Finding]], Check] = {
            pool.submit(_one, check, stack, target): check for check in wanted
        }
        for count, done in enumerate(as_completed(running), 1):
            check = running[done]
            found[check.name] = done.result()
            worst = max((finding.status for finding in found[check.name]), key=lambda status: status.rank)
            say(f"  {count}/{len(wanted)} {check.name}: {worst}")
    finally:
        target.close()
        pool.shutdown(wait=False, cancel_futures=True)
    return [finding for check in wanted for finding in found[check.name]]


def _one(check: Check, stack: AnyStack, target: Target) -> list[Finding]:
    """The findings of one check; what it had found stays when it is refused an answer."""
    found: list[Finding] = []
    try:
        for finding in check.run(stack, target):
            found.append(stamped(finding, check))
    except Unreadable as error:
        found.append(stamped(unknown(check.title, error.message, error.fix), check))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        message = f"a fault in this check itself: {type(error).__name__}: {error}"
        found.append(stamped(unknown(check.title, message, "report it with the traceback above"), check))
    if not found:
        found.append(Finding(Status.PASS, check.title, "nothing to look at in this stack", check=check.name))
    return found
