"""Whether EKS offers the stack's version of Kubernetes, and for how long at the ordinary price."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack

SOON_DAYS = 90
"""An upgrade of every cluster, with its rehearsal, fits into a quarter."""

STANDARD = "STANDARD_SUPPORT"


@check("kubernetes")
def kubernetes(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Kubernetes version."""
    wanted = stack.platform.cluster.version
    offered = {item["clusterVersion"]: item for item in aws.read("eks", "describe_cluster_versions")["clusterVersions"]}
    fresh = sorted((key for key, item in offered.items() if status(item) == STANDARD), key=_order)
    fix = f"set cluster.version to one of: {', '.join(fresh)}"
    if wanted not in offered:
        yield failed(wanted, "EKS does not offer it here", fix)
        return
    about = offered[wanted]
    if status(about) != STANDARD:
        price = "EKS would upgrade the cluster by itself: its upgrade policy is STANDARD"
        yield failed(wanted, f"is in {status(about).lower().replace('_', ' ')}; {price}", fix)
        return
    end = about.get("endOfStandardSupportDate")
    if end is None:
        yield warned(wanted, "in standard support; AWS names no end date", "look it up in EKS's release calendar")
        return
    days = (end.astimezone(UTC) - datetime.now(UTC)).days
    if days < SOON_DAYS:
        yield warned(wanted, f"leaves standard support in {max(days, 0)} days, on {end:%Y-%m-%d}", fix)
    else:
        yield passed(wanted, f"in standard support until {end:%Y-%m-%d}")


def status(about: dict[str, Any]) -> str:
    """STANDARD_SUPPORT, EXTENDED_SUPPORT or UNSUPPORTED; `status` is the older spelling of `versionStatus`."""
    return str(about.get("versionStatus") or about.get("status") or "unknown").upper().replace("-", "_")


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
