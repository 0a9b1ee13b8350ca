"""Whether the capacity that is reserved elsewhere is what the pools believe it to be, and spot may be bought."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.config.pools import GpuTrainPool
from infra.karpenter import group_name
from rayeks.preflight.account import Account
from rayeks.preflight.checks.vcpus import reservations as seen
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack

SPOT, SPOT_ROLE = "spot.amazonaws.com", "AWSServiceRoleForEC2Spot"
SOON_DAYS = 7


@dataclass(frozen=True)
class User:
    """Who counts on a reservation, and for what."""

    path: str
    reservation: str
    instance_type: str
    zones: tuple[str, ...]
    group: str | None
    block: bool | None
    """Whether it must be a Capacity Block; None: either will do."""


def users(stack: Stack) -> Iterator[User]:
    """Pools and node groups that name a reservation by its id; those of the stack file are made as they should be."""
    platform = stack.platform
    for name, pool in platform.pools.items():
        if isinstance(pool, GpuTrainPool):
            for reference in pool.reservations:
                if reference not in platform.reservations:
                    kind, group = pool.instance_type, pool.placement_group
                    yield User(f"pools.{name}", reference, kind, (pool.zone,), group, block=None)
    for name, group in platform.node_groups.items():
        if group.reservation and group.reservation not in platform.reservations:
            zones = group.zones or stack.zones
            block = group.capacity == "capacity-block"
            kind = group.instance_types[0]
            yield User(f"node_groups.{name}", group.reservation, kind, zones, group.placement_group, block)


@check("reservations")
def reservations(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Capacity reservations and Capacity Blocks."""
    wanted = list(users(stack))
    found = seen(aws) if wanted else {}
    for user in wanted:
        if user.reservation in found:
            yield from _one(user, found[user.reservation], stack)
        else:
            yield failed(
                f"{user.path}: {user.reservation}",
                f"the account has no such reservation in {aws.region}",
                f"aws ec2 describe-capacity-reservations --region {aws.region} lists them",
            )


def _one(user: User, about: dict[str, Any], stack: Stack) -> Iterator[Finding]:
    subject = f"{user.path}: {user.reservation}"
    wrong = list(_wrong(user, about, stack))
    for message, fix in wrong:
        yield failed(subject, message, fix)
    start, end = about.get("StartDate"), about.get("EndDate")
    if about["State"] == "scheduled" and start:
        yield warned(subject, f"begins on {start:%Y-%m-%d %H:%M}", "until then the pool has no reserved machine")
    if end and 0 <= (end - datetime.now(UTC)).days < SOON_DAYS:
        yield warned(subject, f"ends on {end:%Y-%m-%d %H:%M}", "extend it, or plan for what comes after")
    if not wrong:
        count, free = about["TotalInstanceCount"], about["AvailableInstanceCount"]
        yield passed(subject, f"{count} × {about['InstanceType']} in {about['AvailabilityZone']}, {free} free")


def _wrong(user: User, about: dict[str, Any], stack: Stack) -> Iterator[tuple[str, str]]:
    """Message and fix of everything that keeps the reservation from its user."""
    block = about.get("ReservationType") == "capacity-block"
    if about["State"] not in ("active", "scheduled"):
        yield f"is {about['State']}", f"take it out of {user.path}, or name another"
    if about["InstanceType"] != user.instance_type:
        yield f"is for {about['InstanceType']}, not {user.instance_type}", f"mend the instance type of {user.path}"
    if about["AvailabilityZone"] not in user.zones:
        yield f"is in {about['AvailabilityZone']}, not {', '.join(user.zones)}", f"move {user.path} to its zone"
    if about.get("InstancePlatform", "Linux/UNIX") != "Linux/UNIX":
        yield f"is for {about['InstancePlatform']}", "reserve Linux/UNIX"
    if user.block is not None and block != user.block:
        is_, needs = ("a", "no") if block else ("no", "a")
        yield f"is {is_} Capacity Block, and {user.path} needs {needs} such", f"mend {user.path}.capacity"
    group = group_name(stack.platform.name, user.group) if user.group else None
    inside = (about.get("PlacementGroupArn") or "").rpartition("placement-group/")[2]
    if group and block:
        yield (
            f"is a Capacity Block, which no placement group can hold; {user.path} asks for {group}",
            f"take placement_group out of {user.path}: blocks already stand close together",
        )
    elif group and inside != group:
        where = f"in the placement group {inside}" if inside else "in no placement group"
        yield (
            f"is {where}, so that nothing in {group} can ever use it",
            "reserve inside the group, by an entry of `reservations` in the stack file, or leave placement_group out "
            f"of {user.path}",
        )


@check("spot-role")
def spot_role(stack: Stack, aws: Account) -> Iterator[Finding]:
    """The role that EC2 buys spot capacity with."""
    buyers = [f"pools.{name}" for name, pool in stack.platform.pools.items() if "spot" in getattr(pool, "capacity", ())]
    buyers += [f"node_groups.{name}" for name, group in stack.platform.node_groups.items() if group.capacity == "spot"]
    if not buyers:
        return
    if aws.read("iam", "list_roles", PathPrefix=f"/aws-service-role/{SPOT}/")["Roles"]:
        yield passed(SPOT_ROLE, f"is there for {', '.join(buyers)}")
    else:
        yield failed(
            SPOT_ROLE,
            f"is missing; Karpenter may not make it, and {', '.join(buyers)} could launch no spot machine",
            f"aws iam create-service-linked-role --aws-service-name {SPOT}",
        )
