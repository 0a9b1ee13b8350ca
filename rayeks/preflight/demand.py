"""How many vCPUs a stack may want at once, of which quotas, and whether what is free can hold it. Pure arithmetic."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from infra import karpenter
from infra.config import Platform
from infra.config.pools import GpuTrainPool, Pool
from rayeks.preflight import matching
from rayeks.preflight.classes import ON_DEMAND, SPOT, VcpuQuota, quota

Types = Mapping[str, Mapping[str, Any]]
"""Instance type → EC2's description of it."""


@dataclass(frozen=True)
class Demand:
    """So many vCPUs at the most, from any of these quotas; those of the first market are tried first."""

    path: str
    vcpus: int
    quotas: tuple[VcpuQuota, ...]


@dataclass(frozen=True)
class Shortfall:
    """Quotas that together cannot hold what only they may supply. With `more` of the quota `raised`, they would."""

    quotas: tuple[VcpuQuota, ...]
    wanted: int
    free: int
    demands: tuple[Demand, ...]
    raised: VcpuQuota
    more: int


def vcpus(types: Types, name: str) -> int:
    """The vCPUs that an instance counts for: those of its type, whatever its CPU options; 0 for no such type."""
    return types[name]["VCpuInfo"]["DefaultVCpus"] if name in types else 0


def demands(platform: Platform, types: Types, blocks: Collection[str] = ()) -> list[Demand]:
    """What the node groups, pools and reservations of a stack may want at their limits.

    `blocks` are the ids of reservations that are Capacity Blocks, which no vCPU quota limits.
    """
    found = []
    for name, group in platform.node_groups.items():
        if group.capacity == "capacity-block" or group.reservation in blocks:
            continue
        market = SPOT if group.capacity == "spot" else ON_DEMAND
        most = max((vcpus(types, kind) for kind in group.instance_types), default=0)
        found.append(_demand(f"node_groups.{name}", group.max * most, group.instance_types, [market]))
    for name, pool in platform.pools.items():
        markets = _markets(pool, blocks)
        if markets:
            launchable = pool_types(name, pool, types)
            found.append(_demand(f"pools.{name}", pool_vcpus(pool, types), launchable, markets))
    found += _reservations(platform, types)
    return [demand for demand in found if demand.vcpus and demand.quotas]


def requirements_of(name: str, pool: Pool) -> list[dict[str, Any]]:
    """What Karpenter will be told that the pool's machines must be."""
    return karpenter.node_pool(name, pool)["template"]["spec"]["requirements"]


def pool_types(name: str, pool: Pool, types: Types) -> list[str]:
    """The instance types that a pool may launch, of those given."""
    requirements = requirements_of(name, pool)
    return sorted(kind for kind, about in types.items() if matching.satisfies(matching.labels(about), requirements))


def pool_vcpus(pool: Pool, types: Types) -> int:
    """The most vCPUs that a pool's limits allow; of one type, only whole machines."""
    each = vcpus(types, pool.instance_type) if isinstance(pool, GpuTrainPool) else 0
    return pool.limits.cpu // each * each if each else pool.limits.cpu


def _markets(pool: Pool, blocks: Collection[str]) -> list[str]:
    """The markets that a pool buys in, in Karpenter's order: reserved, spot, on demand."""
    capacity: Sequence[str] = getattr(pool, "capacity", (ON_DEMAND,))
    reserved = "reserved" in capacity and not set(getattr(pool, "reservations", ())) <= set(blocks)
    spot, on_demand = SPOT in capacity, ON_DEMAND in capacity
    if reserved and not on_demand and not spot:
        return [ON_DEMAND]  # a reservation counts against the on-demand quota
    return [SPOT] * spot + [ON_DEMAND] * (on_demand or reserved)


def _demand(path: str, wanted: int, kinds: Iterable[str], markets: Sequence[str]) -> Demand:
    quotas = dict.fromkeys(quota(kind, market) for market in markets for kind in kinds)
    return Demand(path, wanted, tuple(item for item in quotas if item is not None))


def _reservations(platform: Platform, types: Types) -> Iterator[Demand]:
    """Reservations that the stack makes count from the first moment; what a pool or group may use of it, once."""
    users: dict[str, int] = {}
    for group in platform.node_groups.values():
        if group.reservation:
            most = max((vcpus(types, kind) for kind in group.instance_types), default=0)
            users[group.reservation] = users.get(group.reservation, 0) + group.max * most
    for pool in platform.pools.values():
        for name in getattr(pool, "reservations", ()):
            users[name] = users.get(name, 0) + pool_vcpus(pool, types)
    for name, reservation in platform.reservations.items():
        wanted = reservation.count * vcpus(types, reservation.instance_type) - users.get(name, 0)
        yield _demand(f"reservations.{name}", max(0, wanted), [reservation.instance_type], [ON_DEMAND])


def shortfalls(wanted: Sequence[Demand], free: Mapping[VcpuQuota, int]) -> list[Shortfall]:
    """Where the free vCPUs cannot hold every demand at once; empty exactly when some split among quotas can.

    Hall's condition: a split exists when no set of quotas is asked for more than it has by demands that may use
    nothing outside the set. The smallest sets come first; a larger one is told for what it lacks once those are
    mended, so that all the remedies together suffice. Quotas that `free` lacks count as empty.
    """
    found: list[Shortfall] = []
    more: dict[VcpuQuota, int] = {}
    for group in _connected(wanted):
        for size in range(1, len(group) + 1):
            for chosen in combinations(group, size):
                bound = tuple(demand for demand in wanted if set(demand.quotas) <= set(chosen))
                need, room = sum(demand.vcpus for demand in bound), sum(free.get(item, 0) for item in chosen)
                lack = need - room - sum(more.get(item, 0) for item in chosen)
                if lack > 0:
                    # The market that the most flexible of them would try first.
                    raised = max(bound, key=lambda demand: len(demand.quotas)).quotas[0]
                    more[raised] = more.get(raised, 0) + lack
                    found.append(Shortfall(chosen, need, room, bound, raised, lack))
    return [replace(short, more=more[short.raised]) for short in found]


def squeezes(wanted: Sequence[Demand], free: Mapping[VcpuQuota, int]) -> list[Shortfall]:
    """Quotas that hold less than all that may want them: fine while other quotas have room, dear or slow when not."""
    found = []
    for item in dict.fromkeys(item for demand in wanted for item in demand.quotas):
        asking = tuple(demand for demand in wanted if item in demand.quotas)
        need, room = sum(demand.vcpus for demand in asking), free.get(item, 0)
        if need > room:
            found.append(Shortfall((item,), need, room, asking, item, need - room))
    return found


def _connected(wanted: Sequence[Demand]) -> list[list[VcpuQuota]]:
    """The quotas in groups that no demand crosses."""
    groups: list[list[VcpuQuota]] = []
    for demand in wanted:
        touched = [group for group in groups if set(group) & set(demand.quotas)]
        merged = list(dict.fromkeys([*(item for group in touched for item in group), *demand.quotas]))
        groups = [group for group in groups if group not in touched] + [merged]
    return groups


def used(
    instances: Iterable[Mapping[str, Any]],
    reservations: Iterable[Mapping[str, Any]],
    types: Types,
    *,
    apart_from: Collection[str] = (),
    cluster: str = "",
) -> dict[VcpuQuota, int]:
    """vCPUs in use by others: running instances, and the empty places of on-demand reservations.

    `instances` and `reservations` are EC2's documents. Left out are instances of `cluster`, Capacity Blocks, which
    no quota limits, and the reservations named in `apart_from`, which are this stack's own to fill.
    """
    found: dict[VcpuQuota, int] = {}

    def add(kind: str, market: str, count: int) -> None:
        counted = quota(kind, market)
        if counted:
            found[counted] = found.get(counted, 0) + count * vcpus(types, kind)

    for instance in instances:
        lifecycle = instance.get("InstanceLifecycle", "")
        running = instance["State"]["Name"] in ("pending", "running")
        if running and lifecycle != "capacity-block" and not _of_cluster(instance, cluster):
            add(instance["InstanceType"], SPOT if lifecycle == "spot" else ON_DEMAND, 1)
    for reservation in reservations:
        ordinary = reservation.get("ReservationType", "default") == "default"
        if ordinary and reservation["State"] == "active" and reservation["CapacityReservationId"] not in apart_from:
            add(reservation["InstanceType"], ON_DEMAND, reservation.get("AvailableInstanceCount", 0))
    return found


def _of_cluster(instance: Mapping[str, Any], cluster: str) -> bool:
    tags = {tag["Key"]: tag.get("Value", "") for tag in instance.get("Tags") or []}
    return bool(cluster) and (
        f"kubernetes.io/cluster/{cluster}" in tags
        or cluster in (tags.get("eks:cluster-name"), tags.get("eks:eks-cluster-name"))
    )
