"""Whether the stack's addresses are free to use, and a VPC that is there already can hold the stack."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any

from infra import cidrs, sizing
from infra.config.network import ExistingNetwork
from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack, tags_of

Document = Mapping[str, Any]


@check("cidr")
def cidr(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Addresses against the region's VPCs and their peers."""
    network, service = stack.platform.network, stack.platform.cluster.service_cidr
    adopted = network.vpc_id if isinstance(network, ExistingNetwork) else None
    clear, there = True, aws.read("ec2", "describe_vpcs")["Vpcs"]
    mine = {vpc["VpcId"] for vpc in there if vpc["VpcId"] == adopted or stack.owns(tags_of(vpc.get("Tags")))}
    for vpc in there:
        if vpc["VpcId"] == adopted:
            for block in _blocks(vpc):
                if block.overlaps(service):
                    clear = False
                    yield _hidden(f"{adopted} holds {block}", service)
        elif vpc["VpcId"] not in mine:
            for block in _blocks(vpc):
                if block.overlaps(network.cidr):
                    clear = False
                    yield _overlap(vpc, block, network.cidr, _ways(vpc["VpcId"], aws))
    for peering, near, far, beyond in _peers(aws):
        for block in beyond if far not in mine else ():
            if near == adopted and block.overlaps(service):
                clear = False
                yield _hidden(f"{adopted} is peered with {block}", service)
            elif near != adopted and block.overlaps(network.cidr):
                clear = False
                yield warned(
                    peering,
                    f"network.cidr {network.cidr} overlaps {block}, with which {near} is peered",
                    "choose another network.cidr if the stack shall ever reach it",
                )
    if clear:
        yield passed("network.cidr", f"{network.cidr} overlaps no other VPC of the region and none of their peers")


def _overlap(vpc: Document, block: IPv4Network, wanted: IPv4Network, ways: list[str]) -> Finding:
    name = tags_of(vpc.get("Tags")).get("Name")
    subject = f"{vpc['VpcId']} ({name})" if name else vpc["VpcId"]
    message = f"network.cidr {wanted} overlaps its {block}"
    fix = "choose a network.cidr of its own; a VPC's range cannot be changed later"
    if ways:
        return failed(subject, f"{message}, which other networks reach through {', '.join(ways)}", fix)
    return warned(subject, f"{message}: the two can never be connected", fix)


def _hidden(what: str, service: IPv4Network) -> Finding:
    return failed(
        "cluster.service_cidr",
        f"{what}, which {service} overlaps: pods would take addresses there for Services",
        "set cluster.service_cidr to a range that nothing uses",
    )


def _blocks(vpc: Document) -> list[IPv4Network]:
    associated = [
        item["CidrBlock"]
        for item in vpc.get("CidrBlockAssociationSet") or []
        if item.get("CidrBlockState", {}).get("State", "associated") == "associated"
    ]
    return [IPv4Network(text) for text in dict.fromkeys([vpc["CidrBlock"], *associated])]


def _ways(vpc: str, aws: Account) -> list[str]:
    """How other networks reach a VPC: peerings, transit gateways, VPNs."""
    found = [peering for peering, near, *_ in _peers(aws) if near == vpc]
    attached = aws.read("ec2", "describe_transit_gateway_vpc_attachments")["TransitGatewayVpcAttachments"]
    found += [item["TransitGatewayId"] for item in attached if item["VpcId"] == vpc and item["State"] == "available"]
    for gateway in aws.read("ec2", "describe_vpn_gateways")["VpnGateways"]:
        if any(item["VpcId"] == vpc and item["State"] == "attached" for item in gateway.get("VpcAttachments") or []):
            found.append(gateway["VpnGatewayId"])
    return found


def _peers(aws: Account) -> Iterator[tuple[str, str, str, list[IPv4Network]]]:
    """Each active peering from either side: its id, the VPC on this side, the one beyond, and that one's ranges."""
    for item in aws.read("ec2", "describe_vpc_peering_connections")["VpcPeeringConnections"]:
        if item.get("Status", {}).get("Code") == "active":
            ends = item["AccepterVpcInfo"], item["RequesterVpcInfo"]
            for near, far in (ends, ends[::-1]):
                texts = [block["CidrBlock"] for block in far.get("CidrBlockSet") or []] or [far.get("CidrBlock")]
                blocks = [ip_network(text) for text in texts if text]
                ranges = [block for block in blocks if isinstance(block, IPv4Network)]
                yield item["VpcPeeringConnectionId"], near["VpcId"], far["VpcId"], ranges


@check("existing-network")
def existing_network(stack: Stack, aws: Account) -> Iterator[Finding]:
    """The VPC that is there already."""
    network = stack.platform.network
    if not isinstance(network, ExistingNetwork):
        return
    found = aws.find("ec2", "describe_vpcs", "InvalidVpcID.NotFound", VpcIds=[network.vpc_id])
    if not found or not found["Vpcs"]:
        yield failed(network.vpc_id, f"there is no such VPC in {aws.region}", "mend network.vpc_id")
        return
    blocks = _blocks(found["Vpcs"][0])
    if network.cidr in blocks:
        yield passed(network.vpc_id, f"holds {network.cidr}")
    else:
        has = ", ".join(map(str, blocks))
        yield failed(network.vpc_id, f"holds {has}, not {network.cidr}", f"set network.cidr to one of: {has}")
    yield from _dns(network.vpc_id, aws)
    yield from _subnets(stack, network, aws)


def _dns(vpc: str, aws: Account) -> Iterator[Finding]:
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        answer = aws.read("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=attribute)
        if answer[attribute[0].upper() + attribute[1:]]["Value"]:
            yield passed(f"{vpc} {attribute}", "is on")
        else:
            option = "--enable-dns-support" if attribute.endswith("Support") else "--enable-dns-hostnames"
            yield failed(
                f"{vpc} {attribute}",
                "is off: nodes could not find the cluster's private endpoint, and would never join",
                f"aws ec2 modify-vpc-attribute --vpc-id {vpc} {option}",
            )


def _subnets(stack: Stack, network: ExistingNetwork, aws: Account) -> Iterator[Finding]:
    wanted = {**{key: value for value, key in network.public_subnets.items()}}
    wanted |= {key: value for value, key in network.private_subnets.items()}
    filters = [{"Name": "vpc-id", "Values": [network.vpc_id]}]
    there = {item["SubnetId"]: item for item in aws.read("ec2", "describe_subnets", Filters=filters)["Subnets"]}
    tables = aws.read("ec2", "describe_route_tables", Filters=filters)["RouteTables"]
    nodes = sizing.nodes_per_zone(network.zones, stack.platform.node_groups, stack.platform.pools)
    each = cidrs.addresses_per_node(network.pods_per_node)
    for subnet, zone in wanted.items():
        about = there.get(subnet)
        if about is None:
            yield failed(subnet, f"{network.vpc_id} has no such subnet", f"mend network for {zone}")
        elif about["AvailabilityZone"] != zone:
            actual = about["AvailabilityZone"]
            yield failed(subnet, f"is in {actual}, not {zone}", f"list it under {actual}")
        elif subnet in network.private_subnets.values():
            yield _room(subnet, zone, about["AvailableIpAddressCount"], nodes[zone], each)
            if not _leaves(subnet, tables):
                yield warned(
                    subnet,
                    "has no way out: no default route through NAT, a transit gateway or an appliance",
                    "give it a route, or an endpoint for each of PRIVATE_ENDPOINTS in infra/config/network.py",
                )
        else:
            yield passed(subnet, f"public, in {zone}")


def _room(subnet: str, zone: str, free: int, nodes: int, each: int) -> Finding:
    need = nodes * each
    if free >= need:
        return passed(subnet, f"{free:,} free addresses; {nodes} nodes of {each} take up to {need:,}")
    return failed(
        subnet,
        f"{free:,} free addresses; node groups and pools may grow to {nodes} nodes in {zone}, which take {need:,}",
        f"use a larger subnet, or lower the pools' limits to {free // each} nodes a zone",
    )


def _leaves(subnet: str, tables: list[dict[str, Any]]) -> bool:
    """Whether a subnet's route table (or the VPC's main one) has a default route other than an internet gateway."""
    own = [table for table in tables if any(item.get("SubnetId") == subnet for item in table["Associations"])]
    main = [table for table in tables if any(item.get("Main") for item in table["Associations"])]
    for table in (own or main)[:1]:
        for route in table.get("Routes") or []:
            target = [
                route.get(key) for key in ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId")
            ]
            if route.get("DestinationCidrBlock") == "0.0.0.0/0" and any(target):
                return True
    return False
