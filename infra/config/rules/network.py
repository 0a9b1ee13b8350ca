"""Whether the network can be made, and holds what may grow in it."""

from collections.abc import Iterator

from infra import cidrs, instances, sizing
from infra.config.cluster import Cluster
from infra.config.network import PRIVATE_ENDPOINTS, AnyNetwork, Network
from infra.config.node_groups import NodeGroup
from infra.config.pools import Pool
from infra.config.rules.base import Problem, rule


@rule
def network_has_room(network: AnyNetwork, cluster: Cluster) -> Iterator[Problem]:
    if isinstance(network, Network):
        try:
            cidrs.plan(network.cidr, network.zones)
        except ValueError as error:
            yield Problem("network.cidr", str(error), "take a larger range, such as a /16")
    if network.cidr.overlaps(cluster.service_cidr):
        yield Problem(
            "network.cidr",
            f"{network.cidr} overlaps cluster.service_cidr {cluster.service_cidr}",
            "pods could not tell a Service from a node; move one of them",
        )
    for index, reserved in enumerate(network.reserved_cidrs):
        if network.cidr.overlaps(reserved):
            fix = "move network.cidr, or the range is not reserved"
            yield Problem(f"network.reserved_cidrs[{index}]", f"{reserved} overlaps network.cidr {network.cidr}", fix)


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
def each_way_out_is_there_once(network: AnyNetwork) -> Iterator[Problem]:
    """A second endpoint of a service, or a second rule for a range, is refused as a duplicate."""
    for index, cidr in enumerate(network.load_balancer_cidrs):
        if cidr == network.cidr:
            yield Problem(
                f"network.load_balancer_cidrs[{index}]", f"{cidr} is the VPC's, which is let in", "leave it out"
            )
    if isinstance(network, Network) and network.interface_endpoints != "private":
        for index, service in enumerate(network.interface_endpoints):
            if service in network.gateway_endpoints:
                path = f"network.interface_endpoints[{index}]"
                yield Problem(path, f"{service} has a gateway endpoint, which is free", "leave it out")


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
        if not zone.startswith(region):
            yield Problem(path, f"{zone} is not a zone of {region}", "aws:region says which region it is")
        elif known is not None and zone not in known:
            yield Problem(path, f"{region} has no zone {zone}", f"it has {', '.join(known)}")
