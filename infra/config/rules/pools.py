"""Whether Karpenter's pools can launch something, and what they launch stands where it should."""

from collections.abc import Iterator, Mapping

from infra import instances, sizing
from infra.config.network import AnyNetwork
from infra.config.node_groups import NodeGroup, PlacementGroup, Reservation
from infra.config.pools import GpuInferPool, GpuTrainPool, Pool, _Flexible
from infra.config.portable import NodePool
from infra.config.rules.base import Problem, rule
from infra.config.rules.machines import UNUSABLE, type_problems, unknown_zone, zone_problems
from infra.config.rules.node_groups import SPREAD_NODES, joins, placement_known, reservation_fits, spread_thin
from infra.contract import RAY_HEAD


@rule
def heads_have_a_pool(pools: Mapping[str, Pool | NodePool]) -> Iterator[Problem]:
    if not any(pool.kind == RAY_HEAD.name for pool in pools.values()):
        yield Problem("pools", f"no pool of kind {RAY_HEAD.name}", "every Ray cluster needs a head")


@rule
def pools_can_launch(region: str, network: AnyNetwork, pools: dict[str, Pool]) -> Iterator[Problem]:
    for name, pool in pools.items():
        path = f"pools.{name}"
        if isinstance(pool, GpuTrainPool):
            if pool.zone not in network.zones:
                yield unknown_zone(f"{path}.zone", pool.zone, network)
            yield from type_problems(f"{path}.instance_type", pool.instance_type, region, [pool.zone])
            known = instances.facts(pool.instance_type)
            if known and known.gpus == 0:
                yield Problem(
                    f"{path}.instance_type", f"{pool.instance_type} has no whole NVIDIA GPU", "a p5, g6e or g5"
                )
            continue
        yield from zone_problems(f"{path}.zones", pool.zones, network)
        if isinstance(pool, _Flexible) and pool.max_vcpus and pool.min_vcpus > pool.max_vcpus:
            message = f"{pool.min_vcpus} is more than max_vcpus {pool.max_vcpus}"
            yield Problem(f"{path}.min_vcpus", message, "lower it, or raise max_vcpus")
        if isinstance(pool, GpuInferPool):
            for index, family in enumerate(pool.families):
                at = f"{path}.families[{index}]"
                if family in UNUSABLE:
                    yield Problem(at, f"{family} is refused: {UNUSABLE[family]}", "g6 or g6e")
                elif family not in instances.families():
                    yield Problem(at, f"EC2 has no instance family {family}", "check the spelling, such as g6e")


@rule
def training_stands_in_its_group(
    pools: dict[str, Pool],
    placement_groups: dict[str, PlacementGroup],
    reservations: dict[str, Reservation],
) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, pool in pools.items():
        if not isinstance(pool, GpuTrainPool):
            continue
        path = f"pools.{name}"
        group = pool.placement_group
        yield from placement_known(path, group, placement_groups)
        known = instances.facts(pool.instance_type)
        if group and group in placement_groups and known:
            yield from joins(path, pool.instance_type, placement_groups[group])
            nodes = sizing.pool_nodes(pool)
            if placement_groups[group].strategy == "spread" and nodes > SPREAD_NODES:
                yield spread_thin(f"{path}.limits", nodes, 1)
        if group and group in owner:
            yield Problem(
                f"{path}.placement_group",
                f"{group} already belongs to pools.{owner[group]}",
                "EC2 packs one instance type into a group well, not two",
            )
        if group:
            owner.setdefault(group, name)
        if ("reserved" in pool.capacity) != bool(pool.reservations):
            yield Problem(
                f"{path}.reservations",
                "capacity `reserved` and `reservations` belong together",
                "give both, or neither",
            )
        for index, ref in enumerate(pool.reservations):
            yield from reservation_fits(
                f"{path}.reservations[{index}]",
                ref,
                reservations,
                types=(pool.instance_type,),
                zones=(pool.zone,),
                placement_group=group,
            )


@rule
def a_cluster_group_stands_in_one_zone(
    pools: dict[str, Pool],
    placement_groups: dict[str, PlacementGroup],
    reservations: dict[str, Reservation],
    node_groups: dict[str, NodeGroup],
) -> Iterator[Problem]:
    """EC2 puts a cluster group where its first machine starts; whoever is elsewhere then gets no capacity."""
    members = [(f"reservations.{name}.zone", held.placement_group, held.zone) for name, held in reservations.items()]
    members += [
        (f"node_groups.{name}.zones", group.placement_group, zone)
        for name, group in node_groups.items()
        for zone in group.zones
    ]
    members += [
        (f"pools.{name}.zone", pool.placement_group, pool.zone)
        for name, pool in pools.items()
        if isinstance(pool, GpuTrainPool)
    ]
    first: dict[str, tuple[str, str]] = {}
    for path, group, zone in members:
        if group and group in placement_groups and placement_groups[group].strategy == "cluster":
            where, there = first.setdefault(group, (path, zone))
            if zone != there:
                message = f"{zone} is not where placement group {group} stands: {where} is in {there}"
                yield Problem(path, message, "put both into one zone")
