"""Mistakes that no single key shows: rules over whole sections of a stack file.

Each rule is a pure generator whose parameters name the sections it reads; it runs when they are well-formed, so
one report holds these mistakes together with misspelt keys and wrong types.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from infra import cidrs, instances, lustre, sizing
from infra.config.cluster import Cluster, NodeGroup
from infra.config.cost import Cost
from infra.config.data import DataSource
from infra.config.network import PRIVATE_ENDPOINTS, AnyNetwork, Network
from infra.config.pools import GpuInferPool, GpuTrainPool, PlacementGroup, Pool, _Flexible
from infra.config.storage import Storage
from infra.config.tenants import Samples, Tenant
from infra.contract import POOLS, RAY_HEAD
from infra.versions import KUBERNETES_REFUSED, KUBERNETES_SUPPORTED


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what, and what to do about it."""

    path: str
    message: str
    fix: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.fix})" if self.fix else "")


Rule = Callable[..., Iterator[Problem]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Adds a rule; its parameters name sections of the platform."""
    RULES.append(function)
    return function


@rule
def network_has_room(network: AnyNetwork, cluster: Cluster) -> Iterator[Problem]:
    if isinstance(network, Network):
        try:
            cidrs.plan(network.cidr, network.zones)
        except ValueError as error:
            yield Problem("network.cidr", str(error))
    if network.cidr.overlaps(cluster.service_cidr):
        yield Problem(
            "network.cidr",
            f"{network.cidr} overlaps cluster.service_cidr {cluster.service_cidr}",
            "pods could not tell a Service from a node; move one of them",
        )
    for index, reserved in enumerate(network.reserved_cidrs):
        if network.cidr.overlaps(reserved):
            yield Problem(f"network.reserved_cidrs[{index}]", f"{reserved} overlaps network.cidr {network.cidr}")


@rule
def a_network_without_nat_has_endpoints(network: AnyNetwork) -> Iterator[Problem]:
    if isinstance(network, Network) and network.nat == "none":
        missing = [name for name in PRIVATE_ENDPOINTS if name not in network.endpoint_services]
        if missing:
            yield Problem(
                "network.nat", f"without NAT, nodes cannot reach {', '.join(missing)}", "interface_endpoints: private"
            )
        if "s3" not in network.gateway_endpoints:
            yield Problem("network.gateway_endpoints", "without NAT, images come through the s3 endpoint", "add s3")


@rule
def every_zone_has_room_for_its_nodes(
    network: AnyNetwork, node_groups: dict[str, NodeGroup], pools: dict[str, Pool]
) -> Iterator[Problem]:
    if not isinstance(network, Network):
        return
    try:
        room = cidrs.nodes_per_zone(cidrs.plan(network.cidr, network.zones), network.pods_per_node)
    except ValueError:
        return  # network_has_room says so
    wanted = sizing.nodes_per_zone(network.zones, node_groups, pools)
    zone = max(wanted, key=lambda zone: wanted[zone] - room[zone])
    if wanted[zone] > room[zone]:
        yield Problem(
            "network.cidr",
            f"{zone} has addresses for {room[zone]} nodes of {network.pods_per_node} pods, and the pools and node "
            f"groups may grow to {wanted[zone]} there",
            "use a larger range, or lower the pools' limits",
        )


@rule
def zones_are_of_the_region(region: str, network: AnyNetwork) -> Iterator[Problem]:
    known = instances.zones(region)
    for index, zone in enumerate(network.zones):
        path = f"network.zones[{index}]" if isinstance(network, Network) else f"network.private_subnets.{zone}"
        if network.zones.index(zone) != index:
            yield Problem(path, f"{zone} is listed twice")
        elif not zone.startswith(region):
            yield Problem(path, f"{zone} is not a zone of {region}", "aws:region says which region it is")
        elif known is not None and zone not in known:
            yield Problem(path, f"{region} has no zone {zone}", f"it has {', '.join(known)}")


@rule
def cluster_is_supported(cluster: Cluster, environment: str) -> Iterator[Problem]:
    if cluster.version not in KUBERNETES_SUPPORTED:
        yield Problem(
            "cluster.version",
            f"Kubernetes {cluster.version} is not supported: {KUBERNETES_REFUSED}",
            f"use one of {', '.join(KUBERNETES_SUPPORTED)}",
        )
    if environment in ("staging", "prod"):
        for index, cidr in enumerate(cluster.public_access_cidrs):
            if cidr.prefixlen == 0:
                yield Problem(
                    f"cluster.public_access_cidrs[{index}]",
                    f"{cidr} opens the API server of {environment} to the whole internet",
                    "name your VPN's and your CI's ranges, or none for a private endpoint",
                )
    if environment == "prod" and not cluster.deletion_protection:
        yield Problem("cluster.deletion_protection", "prod must be protected from deletion", "set it to true")


@rule
def access_entries_grant_something(cluster: Cluster) -> Iterator[Problem]:
    for name, access in cluster.access.items():
        if access.role is None and not access.groups:
            yield Problem(f"cluster.access.{name}", "grants nothing", "give it a role or groups")
        for group in access.groups:
            if group.startswith("system:"):
                yield Problem(f"cluster.access.{name}.groups", f"EKS refuses the group {group}", "use role: admin")
    for (one, first), (two, second) in combinations(cluster.access.items(), 2):
        if first.principal == second.principal:
            yield Problem(
                f"cluster.access.{two}.principal",
                f"{second.principal} already has the entry {one}",
                "EKS allows one entry a principal; merge them",
            )


@rule
def node_groups_can_be_made(region: str, network: AnyNetwork, node_groups: dict[str, NodeGroup]) -> Iterator[Problem]:
    if not any(not group.taints or _system(group) for group in node_groups.values()):
        yield Problem("node_groups", "none can run the cluster's own controllers", "add an untainted CPU group")
    for name, group in node_groups.items():
        path = f"node_groups.{name}"
        if not group.min <= group.desired <= group.max:
            yield Problem(f"{path}.desired", f"{group.desired} is not between min {group.min} and max {group.max}")
        yield from _zones_known(f"{path}.zones", group.zones, network)
        for index, kind in enumerate(group.instance_types):
            at = f"{path}.instance_types[{index}]"
            yield from _type_offered(at, kind, region, group.zones or network.zones)
            known = instances.facts(kind)
            if known and group.accelerator == "nvidia" and known.gpus == 0:
                yield Problem(at, f"{kind} has no whole NVIDIA GPU", "or set accelerator: none")
            if known and group.accelerator == "none" and known.gpus:
                yield Problem(at, f"{kind} has GPUs that the group would not use", "set accelerator: nvidia")


@rule
def pools_can_launch(
    region: str, network: AnyNetwork, pools: dict[str, Pool], placement_groups: dict[str, PlacementGroup]
) -> Iterator[Problem]:
    if not any(pool.kind == RAY_HEAD.name for pool in pools.values()):
        yield Problem("pools", f"no pool of kind {RAY_HEAD.name}", "every Ray cluster needs a head")
    for name, pool in pools.items():
        path = f"pools.{name}"
        if isinstance(pool, GpuTrainPool):
            yield from _train_pool(path, pool, region, network, placement_groups)
            continue
        yield from _zones_known(f"{path}.zones", pool.zones, network)
        if isinstance(pool, _Flexible) and pool.min_vcpus > pool.max_vcpus:
            yield Problem(f"{path}.min_vcpus", f"{pool.min_vcpus} is more than max_vcpus {pool.max_vcpus}")
        if isinstance(pool, GpuInferPool):
            for index, family in enumerate(pool.families):
                if family not in instances.families():
                    yield Problem(f"{path}.families[{index}]", f"EC2 has no instance family {family}")


@rule
def one_pool_serves_a_placement_group(pools: dict[str, Pool]) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, pool in pools.items():
        if isinstance(pool, GpuTrainPool) and pool.placement_group:
            if pool.placement_group in owner:
                yield Problem(
                    f"pools.{name}.placement_group",
                    f"{pool.placement_group} already belongs to pools.{owner[pool.placement_group]}",
                    "EC2 packs one instance type into a group well, not two",
                )
            owner.setdefault(pool.placement_group, name)


@rule
def partitions_fit_the_strategy(placement_groups: dict[str, PlacementGroup]) -> Iterator[Problem]:
    for name, group in placement_groups.items():
        if group.strategy == "partition" and group.partitions is None:
            yield Problem(f"placement_groups.{name}.partitions", "a partition group needs 1 to 7")
        if group.strategy != "partition" and group.partitions is not None:
            yield Problem(f"placement_groups.{name}.partitions", f"a {group.strategy} group has no partitions")


@rule
def scratch_can_be_made(network: AnyNetwork, storage: Storage) -> Iterator[Problem]:
    scratch = storage.scratch
    if scratch is None:
        return
    refused = lustre.size_problem(scratch.size_gib, scratch.throughput, efa=scratch.efa)
    if refused:
        yield Problem("storage.scratch.size_gib", f"{scratch.size_gib}: {refused}")
    if scratch.zone not in network.zones:
        yield _unknown_zone("storage.scratch.zone", scratch.zone, network)
    for index, link in enumerate(scratch.links):
        if link.bucket not in storage.buckets:
            yield Problem(f"storage.scratch.links[{index}].bucket", f"no bucket {link.bucket}")


@rule
def tenants_read_what_is_there(tenants: dict[str, Tenant], data_sources: dict[str, DataSource]) -> Iterator[Problem]:
    for team, tenant in tenants.items():
        for index, source in enumerate(tenant.reads):
            if source not in data_sources:
                known = ", ".join(data_sources) or "none"
                yield Problem(f"tenants.{team}.reads[{index}]", f"no data source {source}", f"there are {known}")


@rule
def costs_name_what_is_there(cost: Cost | None, tenants: dict[str, Tenant], storage: Storage) -> Iterator[Problem]:
    for name, budget in cost.budgets.items() if cost else ():
        if budget.team and budget.team not in tenants:
            yield Problem(f"cost.budgets.{name}.team", f"no tenant {budget.team}")
    if cost and cost.export and cost.export.bucket not in storage.buckets:
        yield Problem("cost.export.bucket", f"no bucket {cost.export.bucket}")


@rule
def samples_can_run(
    samples: Samples, tenants: dict[str, Tenant], storage: Storage, pools: dict[str, Pool]
) -> Iterator[Problem]:
    train = samples.train
    if train is None:
        return
    if train.tenant not in tenants:
        yield Problem("samples.train.tenant", f"no tenant {train.tenant}", f"there are {', '.join(tenants)}")
    if train.bucket not in storage.buckets:
        yield Problem("samples.train.bucket", f"no bucket {train.bucket}", f"there are {', '.join(storage.buckets)}")
    if all(pool.kind != train.pool for pool in pools.values()):
        yield Problem("samples.train.pool", f"no pool of kind {train.pool}", "it would stay Pending; add one")
    quota = tenants[train.tenant].quota if train.tenant in tenants else None
    if quota and POOLS[train.pool].gpu and quota.gpus < train.workers:
        yield Problem(
            "samples.train.workers",
            f"{train.workers} GPU workers exceed the quota of {quota.gpus} GPUs of tenant {train.tenant}",
        )


def _system(group: NodeGroup) -> bool:
    return all(taint.key == "CriticalAddonsOnly" for taint in group.taints)


def _zones_known(path: str, zones: tuple[str, ...], network: AnyNetwork) -> Iterator[Problem]:
    for index, zone in enumerate(zones):
        if zone not in network.zones:
            yield _unknown_zone(f"{path}[{index}]", zone, network)


def _unknown_zone(path: str, zone: str, network: AnyNetwork) -> Problem:
    return Problem(path, f"{zone} is not one of network.zones", f"use {', '.join(network.zones)}")


def _type_offered(path: str, kind: str, region: str, zones: tuple[str, ...]) -> Iterator[Problem]:
    if instances.facts(kind) is None:
        yield Problem(path, f"EC2 has no instance type {kind}")
        return
    missing = [zone for zone in zones if instances.offered(kind, region, zone) is False]
    if len(missing) == len(zones):
        yield Problem(path, f"{kind} is not offered in {', '.join(missing)}")


def _train_pool(
    path: str, pool: GpuTrainPool, region: str, network: AnyNetwork, groups: dict[str, PlacementGroup]
) -> Iterator[Problem]:
    if pool.zone not in network.zones:
        yield _unknown_zone(f"{path}.zone", pool.zone, network)
    yield from _type_offered(f"{path}.instance_type", pool.instance_type, region, (pool.zone,))
    known = instances.facts(pool.instance_type)
    if known and known.gpus == 0:
        yield Problem(
            f"{path}.instance_type",
            f"{pool.instance_type} has no whole NVIDIA GPU",
            "fractional GPUs (g6f) advertise no nvidia.com/gpu under Karpenter",
        )
    if known and pool.placement_group in groups:
        strategy = groups[pool.placement_group].strategy
        if strategy not in known.placement_strategies:
            yield Problem(
                f"{path}.placement_group",
                f"{pool.instance_type} does not support {strategy} placement groups",
            )
    if pool.placement_group and pool.placement_group not in groups:
        yield Problem(
            f"{path}.placement_group",
            f"no placement group {pool.placement_group}",
            f"placement_groups has {', '.join(groups) or 'none'}",
        )
    if ("reserved" in pool.capacity) != bool(pool.reservations):
        yield Problem(f"{path}.reservations", "capacity `reserved` and `reservations` belong together")
