"""Whether what a stack asks for fits what it may launch: types are left of every pool, and some pool runs every pod."""

from collections.abc import Iterator, Sequence

from infra import allocatable, fleet, karpenter, requirements, schedulability
from infra.config.cluster import Cluster
from infra.config.network import AnyNetwork
from infra.config.node_groups import NodeGroup, PlacementGroup
from infra.config.pools import GpuTrainPool, Pool, _Choosing
from infra.config.rules.base import Problem, rule
from infra.config.samples import Samples
from infra.config.tenants import Tenant
from infra.contract import GPU_RESOURCE
from infra.schedulability import Supply, spelt


@rule
def pools_have_types_left(
    region: str, network: AnyNetwork, pools: dict[str, Pool], placement_groups: dict[str, PlacementGroup]
) -> Iterator[Problem]:
    for name, pool in pools.items():
        if isinstance(pool, GpuTrainPool):
            continue  # it names its one type, and rules of its own say what is wrong with that
        supply = fleet.pool_supply(name, pool, region=region, zones=network.zones, placement_groups=placement_groups)
        if not supply.machines:
            removed = requirements.removed_the_last(
                karpenter.requirements(pool), region=region, zones=tuple(network.zones)
            )
            last = f"{requirements.spelt(removed)} removed the last ones" if removed else "its node class excludes them"
            yield Problem(f"pools.{name}", f"no instance type is left: {last}", "widen that constraint")
            continue
        types = [machine.type for machine in supply.machines]
        few = requirements.diverse(supply.requirements, types)
        if few:
            there = len({requirements.labels(kind).get(few["key"]) for kind in types})
            yield Problem(
                f"pools.{name}.min_families",
                f"{few['minValues']} are asked for and the other constraints leave {there}",
                "Karpenter would launch nothing; ask for fewer, or widen the pool",
            )
        yield from _preferences(name, pool, supply, pools)


def _preferences(name: str, pool: Pool, supply: Supply, pools: dict[str, Pool]) -> Iterator[Problem]:
    if not _prefers(pool):
        return
    types = {machine.type for machine in supply.machines}
    for index, kind in enumerate(getattr(pool, "prefer", ())):
        if kind not in types:
            yield Problem(f"pools.{name}.prefer[{index}]", f"{kind} is not among the types that the pool may use")
    if pool.weight == 1:
        yield Problem(f"pools.{name}.weight", "1 leaves no lighter weight for the types that are not preferred", "2")
    if f"{name}{karpenter.REST}" in pools:
        yield Problem(f"pools.{name}{karpenter.REST}", f"is the name of the NodePool for the rest of pools.{name}")


def _prefers(pool: Pool) -> bool:
    """Whether the pool is two NodePools, the lighter of weight less one."""
    return isinstance(pool, _Choosing) and bool(pool.optimise or pool.prefer)


@rule
def pools_can_launch_a_machine(
    region: str, network: AnyNetwork, pools: dict[str, Pool], placement_groups: dict[str, PlacementGroup]
) -> Iterator[Problem]:
    keys = {"cpu": "cpu", "memory": "memory_gib", GPU_RESOURCE: "gpus"}
    for name, pool in pools.items():
        supply = fleet.pool_supply(name, pool, region=region, zones=network.zones, placement_groups=placement_groups)
        share = karpenter.PREFERRED_SHARE if _prefers(pool) else 1
        for resource, key in keys.items():
            # Of a pool with a preference, the preferred types have a part of the limits, and none may be out of reach.
            most = supply.limits[resource] * share if resource in supply.limits else None
            smallest = min(supply.machines, key=lambda machine: machine.held[resource], default=None)
            if most is not None and smallest and smallest.held[resource] > most:
                yield Problem(
                    f"pools.{name}.limits.{key}",
                    f"{spelt(resource, most)} is less than the smallest machine has: "
                    f"{spelt(resource, smallest.held[resource])} ({smallest.type})",
                    "Karpenter would launch nothing; raise the limit",
                )


@rule
def pools_are_told_apart(pools: dict[str, Pool]) -> Iterator[Problem]:
    """Two pools of one kind carry the same labels and taints, so every pod of the one fits the other."""
    seen: dict[tuple[str, int], str] = {}
    for name, pool in pools.items():
        for weight in (pool.weight, pool.weight - 1) if _prefers(pool) else (pool.weight,):
            other = seen.setdefault((pool.kind, weight), name)
            if other != name:
                yield Problem(
                    f"pools.{name}.weight",
                    f"pods of {pool.kind} match pools.{other} as well, and both weigh {weight}",
                    "give the one to try first the larger weight",
                )


@rule
def limits_hold_the_quotas(
    network: AnyNetwork,
    pools: dict[str, Pool],
    node_groups: dict[str, NodeGroup],
    cluster: Cluster,
    tenants: dict[str, Tenant],
) -> Iterator[Problem]:
    hybrid = cluster.hybrid
    held = {
        "cpu": (sum(pool.limits.cpu for pool in pools.values()) + (hybrid.nodes * hybrid.cpu if hybrid else 0)) * 1000,
        "memory": (
            sum(pool.limits.memory_gib for pool in pools.values()) + (hybrid.nodes * hybrid.memory_gib if hybrid else 0)
        )
        * allocatable.GIB,
        GPU_RESOURCE: sum(pool.limits.gpus for pool in pools.values()),
    }
    for name, group in node_groups.items():
        supply = fleet.group_supply(name, group, zones=network.zones)
        for resource in held:
            held[resource] += group.max * max((machine.free[resource] for machine in supply.machines), default=0)
    for team, tenant in tenants.items():
        quota = tenant.quota
        asked = allocatable.amounts({"cpu": quota.cpu, "memory": quota.memory, GPU_RESOURCE: quota.gpus})
        for resource, key in (("cpu", "cpu"), ("memory", "memory"), (GPU_RESOURCE, "gpus")):
            if asked[resource] > held[resource]:
                yield Problem(
                    f"tenants.{team}.quota.{key}",
                    f"{spelt(resource, asked[resource])} is more than all pools and node groups may hold: "
                    f"{spelt(resource, held[resource])}",
                    "lower the quota, or raise their limits",
                )


@rule
def samples_fit_a_pool(
    region: str,
    network: AnyNetwork,
    pools: dict[str, Pool],
    node_groups: dict[str, NodeGroup],
    placement_groups: dict[str, PlacementGroup],
    samples: Samples,
) -> Iterator[Problem]:
    supplies = fleet.supplies(pools, node_groups, placement_groups, region=region, zones=network.zones)
    for name, found in fleet.sample_pods(samples).items():
        for pod in found:
            verdict = schedulability.judge(pod, supplies, region)
            if not verdict.fits:
                yield Problem(f"samples.{name}", _nowhere(pod.name, verdict.misses), "it would stay Pending")


def _nowhere(pod: str, misses: Sequence[str]) -> str:
    return f"no pool can run its {pod}: {misses[0] if misses else 'there is none'}"
