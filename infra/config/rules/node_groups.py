"""Whether managed node groups, placement groups and reservations can be made, and would do what they say."""

from collections.abc import Iterator, Mapping

from infra import instances
from infra.config.network import AnyNetwork
from infra.config.node_groups import NodeGroup, PlacementGroup, Reservation
from infra.config.rules.base import Problem, rule
from infra.config.rules.machines import type_problems, unknown_zone, zone_problems

CAPACITY_BLOCK_FAMILIES = ("p", "trn")
"""EC2 sells Capacity Blocks of these families only."""

SPREAD_NODES = 7
"""Running instances of a spread group in one zone. Source: EC2 user guide, "Placement strategies"."""


@rule
def controllers_have_a_group(node_groups: dict[str, NodeGroup]) -> Iterator[Problem]:
    def may_run_controllers(group: NodeGroup) -> bool:
        return group.desired > 0 and all(taint.key == "CriticalAddonsOnly" for taint in group.taints)

    if not any(may_run_controllers(group) for group in node_groups.values()):
        fix = "add a CPU group with no taint but CriticalAddonsOnly"
        yield Problem("node_groups", "none runs the cluster's own controllers", fix)


@rule
def node_groups_can_be_made(region: str, network: AnyNetwork, node_groups: dict[str, NodeGroup]) -> Iterator[Problem]:
    for name, group in node_groups.items():
        path = f"node_groups.{name}"
        if not group.min <= group.desired <= group.max:
            message = f"{group.desired} is not between min {group.min} and max {group.max}"
            yield Problem(f"{path}.desired", message, "min <= desired <= max")
        yield from zone_problems(f"{path}.zones", group.zones, network)
        for index, kind in enumerate(group.instance_types):
            at = f"{path}.instance_types[{index}]"
            refused = list(type_problems(at, kind, region, group.zones or network.zones))
            yield from refused or _type_fits(at, kind, group)
        architectures = {known.architectures for kind in group.instance_types if (known := instances.facts(kind))}
        if len(architectures) > 1:
            yield Problem(f"{path}.instance_types", "mixes processors, and a group has one AMI", "a group each")
        yield from _options_fit(path, group)


@rule
def node_groups_stand_where_they_say(
    network: AnyNetwork,
    node_groups: dict[str, NodeGroup],
    placement_groups: dict[str, PlacementGroup],
    reservations: dict[str, Reservation],
) -> Iterator[Problem]:
    for name, group in node_groups.items():
        path = f"node_groups.{name}"
        yield from placement_known(path, group.placement_group, placement_groups)
        placement = placement_groups.get(group.placement_group or "")
        zones = group.zones or network.zones
        if placement:
            if placement.strategy == "cluster" and len(zones) > 1:
                fix = "name one zone in zones"
                yield Problem(f"{path}.zones", "a cluster placement group lives in one zone and cannot span them", fix)
            for kind in group.instance_types:
                yield from joins(path, kind, placement)
            if placement.strategy == "spread" and group.max > SPREAD_NODES * len(zones):
                yield spread_thin(f"{path}.max", group.max, len(zones))
        if group.reservation:
            yield from reservation_fits(
                f"{path}.reservation",
                group.reservation,
                reservations,
                types=group.instance_types,
                zones=zones,
                placement_group=group.placement_group,
            )


@rule
def reservations_can_be_made(
    region: str,
    network: AnyNetwork,
    reservations: dict[str, Reservation],
    placement_groups: dict[str, PlacementGroup],
) -> Iterator[Problem]:
    for name, reservation in reservations.items():
        path = f"reservations.{name}"
        if reservation.zone not in network.zones:
            yield unknown_zone(f"{path}.zone", reservation.zone, network)
        yield from type_problems(f"{path}.instance_type", reservation.instance_type, region, [reservation.zone])
        yield from placement_known(path, reservation.placement_group, placement_groups)
        placement = placement_groups.get(reservation.placement_group or "")
        if placement and placement.strategy != "cluster":
            message = (
                f"EC2 reserves in cluster groups alone, and {reservation.placement_group} is a {placement.strategy}"
            )
            yield Problem(f"{path}.placement_group", message, "leave it out, or make the group a cluster")
        elif placement:
            yield from joins(path, reservation.instance_type, placement)


@rule
def partitions_fit_the_strategy(placement_groups: dict[str, PlacementGroup]) -> Iterator[Problem]:
    for name, group in placement_groups.items():
        path = f"placement_groups.{name}.partitions"
        if group.strategy == "partition" and group.partitions is None:
            yield Problem(path, "a partition group needs 1 to 7", "say how many")
        if group.strategy != "partition" and group.partitions is not None:
            yield Problem(path, f"a {group.strategy} group has no partitions", "leave it out")


def placement_known(path: str, group: str | None, groups: Mapping[str, PlacementGroup]) -> Iterator[Problem]:
    """Whether a named placement group is in the stack file."""
    if group and group not in groups:
        known = ", ".join(groups) or "none"
        yield Problem(f"{path}.placement_group", f"no placement group {group}", f"placement_groups has {known}")


def joins(path: str, kind: str, placement: PlacementGroup) -> Iterator[Problem]:
    """Whether machines of a type can stand in a group of this strategy."""
    known = instances.facts(kind)
    if known and placement.strategy not in known.placement_strategies:
        yield Problem(f"{path}.placement_group", f"{kind} joins no {placement.strategy} group", "leave it out")


def spread_thin(path: str, nodes: int, zones: int) -> Problem:
    """More nodes than a spread group can have running."""
    most = SPREAD_NODES * zones
    return Problem(path, f"{nodes} nodes, and a spread group runs {SPREAD_NODES} a zone", f"at most {most}")


def reservation_fits(
    path: str,
    ref: str,
    reservations: Mapping[str, Reservation],
    *,
    types: tuple[str, ...],
    zones: tuple[str, ...],
    placement_group: str | None,
) -> Iterator[Problem]:
    """Whether who uses a reservation asks for its type, in its zone, in its placement group."""
    if ref.startswith("cr-"):
        return  # one that is there already: only AWS knows it, and preflight asks
    reservation = reservations.get(ref)
    if reservation is None:
        yield Problem(path, f"no reservation {ref}", f"reservations has {', '.join(reservations) or 'none'}")
        return
    if reservation.instance_type not in types:
        message = f"{ref} reserves {reservation.instance_type}, not {', '.join(types)}"
        yield Problem(path, message, f"use {reservation.instance_type} here, or reserve another type")
    if zones != (reservation.zone,):
        message = f"{ref} is in {reservation.zone}, and this would launch in {', '.join(zones)}"
        yield Problem(path, message, f"launch in {reservation.zone} alone, or reserve elsewhere")
    if reservation.placement_group != placement_group:
        yield Problem(
            path,
            f"{ref} stands in placement group {reservation.placement_group}, and this in {placement_group}",
            "a reservation outside the group yields insufficient capacity",
        )


def _type_fits(path: str, kind: str, group: NodeGroup) -> Iterator[Problem]:
    known = instances.facts(kind)
    if known is None:
        return
    if group.accelerator == "nvidia" and known.gpus == 0:
        yield Problem(path, f"{kind} has no whole NVIDIA GPU", "or set accelerator: none")
    if group.accelerator == "none" and known.gpus:
        yield Problem(path, f"{kind} has GPUs that the group would not use", "set accelerator: nvidia")
    if group.efa and known.efa_interfaces == 0:
        yield Problem(path, f"{kind} has no EFA", "use a larger size, or set efa: false")
    if group.local_disks == "raid0" and known.nvme_gb == 0:
        yield Problem(path, f"{kind} has no local disks", "set local_disks: none")
    if group.capacity == "capacity-block" and not known.family.startswith(CAPACITY_BLOCK_FAMILIES):
        yield Problem(path, f"EC2 sells no Capacity Blocks of {kind}", "they are P and Trn machines")


def _options_fit(path: str, group: NodeGroup) -> Iterator[Problem]:
    """Combinations that AWS refuses, or that silently do not do what they say."""
    if group.efa and len(group.instance_types) > 1:
        yield Problem(f"{path}.instance_types", "EFA's interfaces are laid out for one type", "name one")
    if group.capacity == "capacity-block":
        if group.reservation is None:
            yield Problem(f"{path}.reservation", "a Capacity Block group needs the block's id", "cr-… of the block")
        if group.placement_group:
            fix = "leave the group out: blocks already stand in one UltraCluster"
            yield Problem(f"{path}.placement_group", "a Capacity Block cannot join a placement group", fix)
        if len(group.instance_types) != 1 or len(group.zones) != 1:
            yield Problem(path, "a Capacity Block is one instance type in one zone", "name one of each")
    if group.capacity == "spot" and group.reservation:
        yield Problem(f"{path}.reservation", "spot instances never use a reservation", "set capacity: on-demand")
    if group.warm_pool and group.capacity != "on-demand":
        yield Problem(f"{path}.warm_pool", f"a warm pool cannot hold {group.capacity} instances", "leave it out")
    if group.warm_pool and group.warm_pool.size > group.max:
        message = f"{group.warm_pool.size} is more than the group's max {group.max}"
        yield Problem(f"{path}.warm_pool.size", message, f"at most {group.max}")
