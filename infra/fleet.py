"""All that a stack can launch: its pools with what they left open filled in, and its supplies as a scheduler sees them.

Pure, on the sections of a stack file, so that rules, the plan and the components judge and make the same thing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from infra import gpus, instances, karpenter, packing, prices, ranking, samples, schedulability
from infra.config.node_groups import NodeGroup, PlacementGroup
from infra.config.pools import GpuInferPool, GpuTrainPool, Pool, _Flexible
from infra.config.samples import Samples
from infra.contract import GPU_RESOURCE, POOL_LABEL
from infra.pods import Pod, pods
from infra.schedulability import Supply, refusal


def sample_pods(settings: Samples) -> dict[str, tuple[Pod, ...]]:
    """Sample → the pods that it becomes; what buckets and images are called does not change them."""
    return {name: pods(samples.manifest(spec)) for name, spec in samples.specs(settings, samples.ANY_NAMES).items()}


def pool_supply(
    name: str,
    pool: Pool,
    *,
    region: str,
    zones: Sequence[str],
    placement_groups: Mapping[str, PlacementGroup] | None = None,
) -> Supply:
    """A Karpenter pool as a supply: the objects that it becomes, read as Karpenter reads them.

    A pool with preferred types is two NodePools, which together are one supply: the limits of both, all the types.
    """
    train = pool if isinstance(pool, GpuTrainPool) else None
    group = (placement_groups or {}).get(train.placement_group or "") if train else None
    node_class = karpenter.node_class(pool, cluster="", role="", security_group="", tags={})
    return schedulability.node_pool(
        name,
        karpenter.node_pool(name, pool),
        node_class,
        region=region,
        zones=zones,
        strategy=group.strategy if group else None,
        reserved=[train.instance_type] if train and train.reservations else (),
    )


def group_supply(name: str, group: NodeGroup, *, zones: Sequence[str]) -> Supply:
    """A managed node group as a supply."""
    node_class = {
        "blockDeviceMappings": [{"rootVolume": True, "ebs": {"volumeSize": f"{group.disk_gib}Gi"}}],
        "networkInterfaces": karpenter.efa_interfaces(group.instance_types[0]) if group.efa else [],
    } | ({"instanceStorePolicy": "RAID0"} if group.local_disks == "raid0" else {})
    return schedulability.node_group(
        name,
        group.instance_types,
        labels=gpus.node_labels(name, group),
        taints=[{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in group.taints],
        node_class=node_class,
        zones=group.zones or zones,
        capacity="spot" if group.capacity == "spot" else "on-demand",
        most=group.max,
        devices={kind: _devices(kind, group) for kind in group.instance_types},
    )


def _devices(kind: str, group: NodeGroup) -> dict[str, int]:
    """The GPUs of a group's machine as pods ask for them: whole, in parts, or (by claims) not as a count at all."""
    known = instances.facts(kind)
    whole = known.gpus if known else 0
    if group.sharing:
        return {GPU_RESOURCE: 0, gpus.resource(group): whole * group.sharing.replicas}
    if group.mig:
        return {GPU_RESOURCE: 0, gpus.resource(group): whole * gpus.profiles(kind).get(group.mig, 0)}
    return {GPU_RESOURCE: 0 if group.devices == "dra" else whole}


def supplies(
    pools: Mapping[str, Pool],
    node_groups: Mapping[str, NodeGroup],
    placement_groups: Mapping[str, PlacementGroup],
    *,
    region: str,
    zones: Sequence[str],
) -> list[Supply]:
    """Everything that can run a pod, Karpenter's pools first."""
    made = [
        pool_supply(name, pool, region=region, zones=zones, placement_groups=placement_groups)
        for name, pool in pools.items()
    ]
    return made + [group_supply(name, group, zones=zones) for name, group in node_groups.items()]


def serves(supply: Supply, asked: Iterable[Pod]) -> list[Pod]:
    """The pods that ask for the supply by its pool's name and are let onto it."""
    return [pod for pod in asked if refusal(pod, supply) is None and POOL_LABEL in pod.selector]


def completed(pools: Mapping[str, Pool], settings: Samples, *, region: str, zones: Sequence[str]) -> dict[str, Pool]:
    """The pools with what they leave open filled in from the stack's own jobs: the largest machine, preferred types."""
    asked = [pod for found in sample_pods(settings).values() for pod in found]
    return {name: _completed(name, pool, asked, region, zones) for name, pool in pools.items()}


def _completed(name: str, pool: Pool, asked: Sequence[Pod], region: str, zones: Sequence[str]) -> Pool:
    if isinstance(pool, GpuTrainPool):
        return pool
    supply = pool_supply(name, pool, region=region, zones=zones)
    served = serves(supply, asked)
    least = packing.promised(pool.kind)

    def price(kind: str) -> float:
        known = prices.on_demand(kind, region)
        return known.usd if known else math.inf

    def bound(size) -> int | None:
        return packing.bound(served, least, supply.machines, size, price, needs=supply.requirements)

    open_ends: dict[str, object] = {}
    if isinstance(pool, _Flexible) and pool.max_vcpus is None:
        open_ends["max_vcpus"] = bound(lambda machine: machine.held["cpu"] // 1000)
    if isinstance(pool, GpuInferPool) and pool.max_gpus_per_node is None:
        open_ends["max_gpus_per_node"] = bound(lambda machine: machine.held[GPU_RESOURCE])
    pool = pool.model_copy(update=open_ends)
    if pool.optimise and not pool.prefer:
        supply = pool_supply(name, pool, region=region, zones=zones)
        ranked = ranking.ranked(pool.kind, pool.optimise, supply.machines, served or [least], region)
        pool = pool.model_copy(update={"prefer": ranking.preferred(ranked, supply.requirements)})
    return pool
