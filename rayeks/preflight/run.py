"""Runs the checks side by side, and turns whatever happens to one of them into findings."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from rayeks.errors import UserError
from rayeks.preflight import checks as _checks  # noqa: F401 - importing them registers them
from rayeks.preflight.account import Account, Unauthenticated, Unreadable
from rayeks.preflight.model import CHECKS, Check, Finding, Report, Status, stamped, unknown
from rayeks.preflight.stack import Stack

WORKERS = 8
Say = Callable[[str], None]


def chosen(only: Sequence[str]) -> list[Check]:
    """The checks of these names, or all; UserError for a name that there is not."""
    for name in only:
        if name not in CHECKS:
            raise UserError(f"no check {name!r}", f"use one of: {', '.join(CHECKS)}")
    return [check for name, check in CHECKS.items() if not only or name in only]


def preflight(
    stack: Stack, account: Account, *, only: Sequence[str] = (), strict: bool = False, say: Say = lambda _: None
) -> Report:
    """Everything that the checks find. Calls nothing that changes the account, and raises for wrong usage only."""
    began = time.monotonic()
    wanted = chosen(only)
    number, identity = _identity(account)
    say(f"{len(wanted)} checks of account {number or '?'} in {account.region}, as {identity or 'nobody'}")
    findings = _run(stack, account, wanted, say) if identity else _nobody(stack, account, wanted)
    return Report(
        stack=stack.name,
        account=number,
        identity=identity,
        region=account.region,
        endpoint=_endpoint(account),
        findings=tuple(findings),
        seconds=time.monotonic() - began,
        strict=strict,
        checks=tuple(check.name for check in wanted),
    )


def _identity(account: Account) -> tuple[str, str]:
    """The account's number and the caller's ARN, both empty where AWS does not know who asks."""
    try:
        who = account.read("sts", "get_caller_identity", region=account.home)
    except Unreadable:
        return "", ""
    return who["Account"], who["Arn"]


def _endpoint(account: Account) -> str:
    try:
        return account.endpoint()
    except Exception as error:  # without a profile there is not even an address
        return f"? ({error})"


def _nobody(stack: Stack, account: Account, wanted: Sequence[Check]) -> list[Finding]:
    """Without an identity only the check of it can say something; the others were not made."""
    found = []
    for check in wanted:
        if check.name == "identity":
            found += _one(check, stack, account)
        else:
            finding = unknown(check.title, "not looked at: AWS does not know who asks", "mend the identity first")
            found.append(stamped(finding, check))
    return found


def _run(stack: Stack, account: Account, wanted: Sequence[Check], say: Say) -> list[Finding]:
    found: dict[str, list[Finding]] = {}
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="preflight")
    try:
        running: dict[Future[list[Finding]], Check] = {
            pool.submit(_one, check, stack, account): check for check in wanted
        }
        for count, done in enumerate(as_completed(running), 1):
            check = running[done]
            found[check.name] = done.result()
            worst = max((finding.status for finding in found[check.name]), key=lambda status: status.rank)
            say(f"  {count}/{len(wanted)} {check.name}: {worst}")
    finally:
        account.close()
        pool.shutdown(wait=False, cancel_futures=True)
    return [finding for check in wanted for finding in found[check.name]]


def _one(check: Check, stack: Stack, account: Account) -> list[Finding]:
    """The findings of one check; what it had found stays when it is refused an answer."""
    found: list[Finding] = []
    try:
        for finding in check.run(stack, account):
            found.append(stamped(finding, check))
    except Unauthenticated as error:
        # The identity was good elsewhere: a region that is not enabled answers so.
        fix = f"enable {account.region} for the account, or: {error.fix}"
        found.append(stamped(unknown(check.title, error.message, fix), check))
    except Unreadable as error:
        found.append(stamped(unknown(check.title, error.message, error.fix), check))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        message = f"a fault in this check itself: {type(error).__name__}: {error}"
        found.append(stamped(unknown(check.title, message, "report it with the traceback above"), check))
    if not found:
        found.append(Finding(Status.PASS, check.title, "nothing to look at in this stack", check=check.name))
    return found
