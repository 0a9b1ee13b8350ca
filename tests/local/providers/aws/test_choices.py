"""Choices that no stack file of the repository makes, on the real engine: made, read back, changed, and gone again."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.addons import Addons
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.config import parse
from infra.keys import DataKey
from infra.network import Network
from infra.placement import Placement
from infra.storage import Storage
from local.aws import inventory
from tests.infra.conftest import VALUES

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ZONES = ["us-west-2b", "us-west-2c"]


def layer(values: dict[str, Any]) -> Callable[[], None]:
    """The AWS layer of a stack file as a program: everything below Kubernetes."""
    platform = parse(values)
    name, aws = platform.name, platform.aws

    def program() -> None:
        key = DataKey(name, keep=False, bill=False, aws=aws)
        network = Network(name, platform.network, key=key, aws=aws)
        storage = Storage(name, platform.storage, network=network, key=key, aws=aws)
        cluster = Cluster(name, platform.cluster, network=network, nodes=platform.nodes, key=key, aws=aws)
        placement = Placement(name, platform.placement_groups, reservations=platform.reservations)
        node_groups = NodeGroups(
            name, platform.node_groups, cluster=cluster, network=network, placement=placement, tags={}, aws=aws
        )
        Addons(name, cluster=cluster, node_groups=node_groups, storage=storage, aws=aws)

    return program


@pytest.fixture
def values() -> dict[str, Any]:
    """A right stack file for the local account, whose buckets may go."""
    buckets = {"checkpoints": {"keep": False}}
    return copy.deepcopy(VALUES) | {"account": "123456789012", "storage": {"buckets": buckets}}


@pytest.fixture
def choices(values: dict[str, Any], account: Any) -> dict[str, Any]:
    """A fully private stack on Capacity Blocks, warm pools, EFA and a provisioned control plane."""
    p5 = {"instance_types": ["p5.48xlarge"], "accelerator": "nvidia", "zones": ZONES[:1], "min": 0, "desired": 0}
    values |= {
        "network": {
            "cidr": "10.0.0.0/16",
            "zones": ZONES,
            "nat": "none",
            "gateway_endpoints": ["s3", "dynamodb", "s3express"],
            "interface_endpoints": "private",
            "flow_logs": {"traffic": "ALL", "retention_days": 7},
        },
        "cluster": values["cluster"]
        | {"tier": "tier-xl", "zonal_shift": True, "pack": False, "public_access_cidrs": []},
        "reservations": {
            "train": {"instance_type": "p5.48xlarge", "zone": ZONES[0], "count": 2, "placement_group": "train"}
        },
        "placement_groups": {
            "train": {},
            "data": {"strategy": "partition", "partitions": 3},
            "heads": {"strategy": "spread"},
        },
        "storage": {
            "buckets": {"checkpoints": {"keep": False}},
            "files": {"keep": False},
            "scratch": {"zone": ZONES[0], "size_gib": 19200, "efa": True, "keep": False},
        },
    }
    values["node_groups"] |= {
        "warm": {"instance_types": ["m7i.large"], "min": 0, "desired": 1, "max": 4, "warm_pool": {"size": 2}},
        "spot": {"instance_types": ["c7i.xlarge", "c6i.xlarge"], "capacity": "spot", "min": 0, "desired": 0, "max": 9},
        "block": p5 | {"max": 4, "capacity": "capacity-block", "reservation": _block(account("ec2"))},
        "train": p5
        | {"max": 2, "efa": True, "local_disks": "raid0", "placement_group": "train", "reservation": "train"},
    }
    return values


def _block(ec2: Any) -> str:
    offer = ec2.describe_capacity_block_offerings(
        InstanceType="p5.48xlarge",
        InstanceCount=4,
        CapacityDurationHours=48,
        StartDateRange=datetime.now(UTC) + timedelta(days=3),
    )["CapacityBlockOfferings"][0]
    bought = ec2.purchase_capacity_block(
        CapacityBlockOfferingId=offer["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX"
    )
    return bought["CapacityReservation"]["CapacityReservationId"]


def test_a_private_stack_on_reserved_machines_goes_through_a_whole_life(choices, account, engine):
    ec2, eks, fsx, efs = (account(service) for service in ("ec2", "eks", "fsx", "efs"))
    before = inventory(account.endpoint)
    stack = engine(layer(choices))
    stack.up()

    assert not ec2.describe_nat_gateways()["NatGateways"]
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    kinds = {one["ServiceName"].removeprefix("com.amazonaws.us-west-2."): one["VpcEndpointType"] for one in endpoints}
    assert {name for name, kind in kinds.items() if kind == "Gateway"} == {"s3", "dynamodb", "s3express"}
    assert {"ecr.api", "ecr.dkr", "sts", "eks-auth", "kms", "logs"} <= kinds.keys()
    assert ec2.describe_flow_logs()["FlowLogs"][0]["TrafficType"] == "ALL"
    efa = ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["ray-test-efa"]}])["SecurityGroups"][0]
    for rules in (efa["IpPermissions"], efa["IpPermissionsEgress"]):
        assert [(rule["IpProtocol"], rule["UserIdGroupPairs"][0]["GroupId"]) for rule in rules] == [
            ("-1", efa["GroupId"])
        ]

    about = eks.describe_cluster(name="ray-test")["cluster"]
    assert about["controlPlaneScalingConfig"]["tier"] == "tier-xl"
    assert about["zonalShiftConfig"] == {"enabled": True}
    assert about["resourcesVpcConfig"]["endpointPublicAccess"] is False
    groups = {
        key: eks.describe_nodegroup(clusterName="ray-test", nodegroupName=f"ray-test-{key}")["nodegroup"]
        for key in choices["node_groups"]
    }
    assert groups["warm"]["warmPoolConfig"]["minSize"] == 2
    assert {key: group["capacityType"] for key, group in groups.items()} == {
        "system": "ON_DEMAND",
        "warm": "ON_DEMAND",
        "spot": "SPOT",
        "block": "CAPACITY_BLOCK",
        "train": "ON_DEMAND",
    }
    assert all(group["nodeRepairConfig"]["enabled"] for group in groups.values())
    data = _template(ec2, groups["block"])
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    target = data["CapacityReservationSpecification"]["CapacityReservationTarget"]
    assert target["CapacityReservationId"] == choices["node_groups"]["block"]["reservation"]
    data = _template(ec2, groups["train"])
    assert [one["InterfaceType"] for one in data["NetworkInterfaces"]] == ["interface", *["efa-only"] * 32]
    assert data["Placement"] == {"GroupName": "ray-test-train"}
    assert len(groups["train"]["subnets"]) == 1

    system = fsx.describe_file_systems()["FileSystems"][0]
    assert system["LustreConfiguration"]["EfaEnabled"] and system["StorageCapacity"] == 19200
    files = efs.describe_file_systems()["FileSystems"][0]
    assert efs.describe_backup_policy(FileSystemId=files["FileSystemId"])["BackupPolicy"]["Status"] == "ENABLED"
    assert stack.plan(refresh=True) == {}

    choices["cluster"]["tier"] = "tier-2xl"
    choices["node_groups"]["warm"]["warm_pool"] = {"size": 3, "state": "running"}
    choices["network"]["gateway_endpoints"] = ["s3", "dynamodb"]
    choices["storage"]["files"]["backups"] = False
    assert set(stack.plan(layer(choices)).values()) == {"update", "delete"}
    stack.up(layer(choices))
    warm = eks.describe_nodegroup(clusterName="ray-test", nodegroupName="ray-test-warm")["nodegroup"]
    assert (warm["warmPoolConfig"]["minSize"], warm["warmPoolConfig"]["poolState"]) == (3, "RUNNING")
    assert eks.describe_cluster(name="ray-test")["cluster"]["controlPlaneScalingConfig"]["tier"] == "tier-2xl"
    assert stack.plan(refresh=True) == {}

    del choices["node_groups"]["warm"]["warm_pool"]
    stack.up(layer(choices))
    assert stack.plan(refresh=True) == {}

    stack.destroy()
    assert inventory(account.endpoint) == before


def _template(ec2: Any, group: dict[str, Any]) -> dict[str, Any]:
    used = group["launchTemplate"]
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=used["id"], Versions=[used["version"]])
    return versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]


def test_a_regional_nat_gateway_serves_every_zone(values, account, engine):
    values["network"]["nat"] = "regional"
    stack = engine(layer(values))
    stack.up()
    ec2 = account("ec2")
    (gateway,) = ec2.describe_nat_gateways()["NatGateways"]
    assert gateway["AvailabilityMode"] == "regional"
    routes = [route for table in ec2.describe_route_tables()["RouteTables"] for route in table["Routes"]]
    assert sum(route.get("NatGatewayId") == gateway["NatGatewayId"] for route in routes) == 3
    assert stack.plan(refresh=True) == {}
    stack.destroy()


def test_a_network_of_somebody_else_is_used_and_left_as_it_was(values, account, engine):
    ec2 = account("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = {}
    for index, zone in enumerate(ZONES):
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{index}.0/24", AvailabilityZone=zone)
        subnets[zone] = made["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=list(subnets.values()), Tags=[{"Key": "owner", "Value": "networks"}])
    before = inventory(account.endpoint)
    values["network"] = {"vpc_id": vpc, "cidr": "10.9.0.0/16", "private_subnets": subnets}
    stack = engine(layer(values))
    stack.up()
    about = account("eks").describe_cluster(name="ray-test")["cluster"]["resourcesVpcConfig"]
    assert (about["vpcId"], set(about["subnetIds"])) == (vpc, set(subnets.values()))
    tags = ec2.describe_subnets(SubnetIds=[subnets[ZONES[0]]])["Subnets"][0]["Tags"]
    assert {"Key": "karpenter.sh/discovery", "Value": "ray-test"} in tags
    assert stack.plan(refresh=True) == {}
    stack.destroy()
    assert inventory(account.endpoint) == before
    left = ec2.describe_subnets(SubnetIds=[subnets[ZONES[0]]])["Subnets"][0]["Tags"]
    assert left == [{"Key": "owner", "Value": "networks"}]
