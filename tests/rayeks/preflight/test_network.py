"""Addresses that others have, and a VPC that is there already."""

from typing import Any

import pytest

from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import PLATFORM, TAGS, only

OURS: list[Any] = [{"ResourceType": "vpc", "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()]}]


def test_an_isolated_vpc_of_the_same_addresses_is_warned_of(aws, find) -> None:
    vpc = aws("ec2").create_vpc(CidrBlock="10.90.128.0/17")["Vpc"]["VpcId"]
    finding = only(find("cidr"))
    assert (finding.status, finding.subject) == (Status.WARN, vpc)
    assert "10.90.0.0/16 overlaps its 10.90.128.0/17" in finding.message
    assert "network.cidr" in finding.fix


def test_a_connected_vpc_of_the_same_addresses_fails(aws, find) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=gateway)
    finding = only(find("cidr"))
    assert (finding.status, finding.subject) == (Status.FAIL, vpc)
    assert gateway in finding.message


def test_the_stack_s_own_vpc_is_in_nobodys_way(aws, find) -> None:
    aws("ec2").create_vpc(CidrBlock="10.90.0.0/16", TagSpecifications=OURS)
    assert {finding.status for finding in find("cidr")} == {Status.PASS}


def test_a_peer_of_a_neighbour_with_the_same_addresses_is_warned_of(aws, find, answers) -> None:
    ends = {
        "AccepterVpcInfo": {"VpcId": "vpc-here", "CidrBlockSet": [{"CidrBlock": "10.1.0.0/16"}]},
        "RequesterVpcInfo": {"VpcId": "vpc-far", "CidrBlock": "10.90.4.0/24"},
    }
    peering = {"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}} | ends
    answers.give("ec2", "DescribeVpcPeeringConnections", {"VpcPeeringConnections": [peering]})
    finding = only(find("cidr"))
    assert (finding.status, finding.subject) == (Status.WARN, "pcx-1")
    assert "vpc-here is peered" in finding.message


@pytest.fixture
def existing(aws) -> dict[str, Any]:
    """A VPC with two subnets, DNS and a way out, as the stack file names it."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    for option in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{option: {"Value": True}})
    subnets = {}
    for index, zone in enumerate(("us-west-2a", "us-west-2b")):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{index * 64}.0/18", AvailabilityZone=zone)
        subnets[zone] = subnet["Subnet"]["SubnetId"]
    public = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.192.0/24", AvailabilityZone="us-west-2a")["Subnet"][
        "SubnetId"
    ]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.attach_internet_gateway(
        InternetGatewayId=ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"], VpcId=vpc
    )
    gateway = ec2.create_nat_gateway(SubnetId=public, AllocationId=address)["NatGateway"]["NatGatewayId"]
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    table = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    return {"vpc_id": vpc, "cidr": "10.7.0.0/16", "private_subnets": subnets}


SMALL = {key: value for key, value in PLATFORM["pools"].items() if key in ("ray-head", "ray-cpu")}


@pytest.fixture
def checked(find, existing):
    """The findings about that VPC, with changes to what the stack file says of it."""

    def run(check: str = "existing-network", **changes: Any):
        given = {"network": existing | changes, "pools": SMALL, "reservations": {}, "storage__scratch": None}
        given["tenants__research__quota"] = {}  # no pool of these has GPUs
        return find(check, **given)

    return run


def test_a_vpc_that_is_ready_passes(checked) -> None:
    found = checked()
    assert [finding.to_json() for finding in found if finding.status is not Status.PASS] == []
    assert any("free addresses" in finding.message for finding in found)


def test_a_vpc_that_is_not_there_fails(checked) -> None:
    finding = only(checked(vpc_id="vpc-0123456789abcdef0"))
    assert finding.status is Status.FAIL
    assert "network.vpc_id" in finding.fix


def test_a_range_that_the_vpc_does_not_have_fails_with_those_that_it_has(checked) -> None:
    finding = only(checked(cidr="10.8.0.0/16"))
    assert finding.status is Status.FAIL
    assert "10.7.0.0/16" in finding.fix


def test_dns_names_that_are_off_fail_with_the_command_that_turns_them_on(clients, checked, existing) -> None:
    clients.client("ec2").modify_vpc_attribute(VpcId=existing["vpc_id"], EnableDnsHostnames={"Value": False})
    finding = only(checked())
    assert finding.status is Status.FAIL
    assert "enableDnsHostnames" in finding.subject
    assert "--enable-dns-hostnames" in finding.fix


def test_a_subnet_of_another_zone_fails(checked, existing) -> None:
    first, second = existing["private_subnets"].values()
    found = checked(private_subnets={"us-west-2a": second, "us-west-2b": first})
    assert [f.message for f in found if f.status is Status.FAIL] == [
        "is in us-west-2b, not us-west-2a",
        "is in us-west-2a, not us-west-2b",
    ]


def test_a_subnet_that_is_not_there_fails(checked, existing) -> None:
    subnets = existing["private_subnets"] | {"us-west-2b": "subnet-0123456789abcdef0"}
    assert only(checked(private_subnets=subnets)).subject == "subnet-0123456789abcdef0"


def test_too_few_free_addresses_for_the_maximum_of_nodes_fail(clients, checked, existing) -> None:
    ec2, (first, *_) = clients.client("ec2"), existing["private_subnets"].values()
    about = ec2.describe_subnets(SubnetIds=[first])["Subnets"][0]
    small = ec2.create_subnet(VpcId=about["VpcId"], CidrBlock="10.7.200.0/27", AvailabilityZone="us-west-2a")
    name = small["Subnet"]["SubnetId"]
    finding = only(checked(private_subnets=existing["private_subnets"] | {"us-west-2a": name}))
    assert (finding.status, finding.subject) == (Status.FAIL, name)
    assert "27 free addresses" in finding.message


def test_a_subnet_without_a_way_out_is_warned_of(clients, checked, existing) -> None:
    ec2, (first, *_) = clients.client("ec2"), existing["private_subnets"].values()
    table = ec2.create_route_table(VpcId=existing["vpc_id"])["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=first)
    finding = only(checked())
    assert (finding.status, finding.subject) == (Status.WARN, first)


def test_services_that_hide_a_peer_s_addresses_fail(checked, existing, answers) -> None:
    ends = {
        "AccepterVpcInfo": {"VpcId": existing["vpc_id"], "CidrBlock": "10.7.0.0/16"},
        "RequesterVpcInfo": {"VpcId": "vpc-far", "CidrBlock": "172.20.0.0/20"},
    }
    peering = {"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}} | ends
    answers.give("ec2", "DescribeVpcPeeringConnections", {"VpcPeeringConnections": [peering]})
    finding = only(checked("cidr"))
    assert (finding.status, finding.subject) == (Status.FAIL, "cluster.service_cidr")
