"""Whether EC2's vCPU quotas let the pools and node groups grow to their limits."""

from collections.abc import Iterator
from typing import Any

from rayeks.preflight.account import Account
from rayeks.preflight.checks.machines import instance_types
from rayeks.preflight.classes import SPOT, VcpuQuota
from rayeks.preflight.demand import Demand, Shortfall, demands, shortfalls, squeezes, used
from rayeks.preflight.model import Finding, check, failed, passed, unknown, warned
from rayeks.preflight.quotas import Quota
from rayeks.preflight.stack import Stack, tags_of


@check("vcpu-quotas")
def vcpu_quotas(stack: Stack, aws: Account) -> Iterator[Finding]:
    """EC2 vCPU quotas against the configured maximum."""
    reserved, running = reservations(aws), _instances(aws)
    types = instance_types(stack, aws, {item["InstanceType"] for item in [*reserved.values(), *running]})
    blocks = {key for key, item in reserved.items() if item.get("ReservationType") == "capacity-block"}
    wanted = demands(stack.platform, types, blocks)
    named = {ref for pool in stack.platform.pools.values() for ref in getattr(pool, "reservations", ())}
    named |= {group.reservation for group in stack.platform.node_groups.values() if group.reservation}
    mine = {key for key, item in reserved.items() if stack.owns(tags_of(item.get("Tags")))} | named
    busy = used(running, reserved.values(), types, apart_from=mine, cluster=stack.platform.name)
    free: dict[VcpuQuota, int] = {}
    limits: dict[VcpuQuota, int] = {}
    for item in dict.fromkeys(item for demand in wanted for item in demand.quotas):
        value = _quota(item).value(aws)
        if value is None and not item.code:
            yield warned(item.name, "AWS publishes no such quota", "ask AWS what limits these types on the spot market")
        elif value is None:
            yield unknown(item.name, "Service Quotas does not know it", "look at EC2's quotas in the console")
        else:
            limits[item] = value
            free[item] = max(0, value - busy.get(item, 0))
    known = [demand for demand in wanted if all(item in free for item in demand.quotas)]
    short = shortfalls(known, free)
    told = {item for lack in short for item in lack.quotas}
    for lack in short:
        yield _failed(lack, limits, aws)
    for lack in squeezes(known, free):
        if not told & set(lack.quotas):
            yield _warned(lack, limits, aws)
            told |= set(lack.quotas)
    for item in free:
        if item not in told:
            most = sum(demand.vcpus for demand in known if item in demand.quotas)
            yield passed(
                str(_quota(item)), f"up to {most:,} of {limits[item]:,} ({limits[item] - free[item]:,} in use)"
            )


def reservations(aws: Account) -> dict[str, dict[str, Any]]:
    """Every capacity reservation that the account sees, by id."""
    found = aws.read("ec2", "describe_capacity_reservations")["CapacityReservations"]
    return {item["CapacityReservationId"]: item for item in found}


def _instances(aws: Account) -> list[dict[str, Any]]:
    filters = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    answer = aws.read("ec2", "describe_instances", Filters=filters)
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def _quota(item: VcpuQuota) -> Quota:
    return Quota("ec2", item.code, item.name)


def _failed(lack: Shortfall, limits: dict[VcpuQuota, int], aws: Account) -> Finding:
    lower = [
        f"{demand.path}.{'max' if demand.path.startswith('node_groups') else 'limits'}"
        for demand in lack.demands
        if lack.raised in demand.quotas
    ]
    return failed(
        " and ".join(str(_quota(item)) for item in lack.quotas),
        f"{_asked(lack.demands)} may want {lack.wanted:,} vCPUs, and {lack.free:,} are free{_of(lack, limits)}",
        f"{_more(lack, limits, aws)}; or lower {', '.join(lower)}",
    )


def _warned(lack: Shortfall, limits: dict[VcpuQuota, int], aws: Account) -> Finding:
    rest = "the rest would be on demand, and dearer" if lack.raised.market == SPOT else "the rest would wait for spot"
    return warned(
        str(_quota(lack.raised)),
        f"{_asked(lack.demands)} may want {lack.wanted:,} vCPUs of it, and {lack.free:,} are free"
        f"{_of(lack, limits)}; {rest}",
        _more(lack, limits, aws),
    )


def _more(lack: Shortfall, limits: dict[VcpuQuota, int], aws: Account) -> str:
    return _quota(lack.raised).ask_for(limits[lack.raised] + lack.more, aws)


def _asked(wanted: tuple[Demand, ...]) -> str:
    return ", ".join(f"{demand.path} ({demand.vcpus:,})" for demand in wanted)


def _of(lack: Shortfall, limits: dict[VcpuQuota, int]) -> str:
    total = sum(limits[item] for item in lack.quotas)
    return f" of {total:,}" if total != lack.free else ""
