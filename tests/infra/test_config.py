"""A stack file's mistakes are reported together, each with its path, before anything is made."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import InvalidPlatform, PortablePlatform, assembled, parse, parse_any
from infra.config.network import Network

STACKS = sorted((Path(__file__).parents[2] / "stacks").glob("Pulumi.*.yaml"))


def mistakes(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_the_right_stack_file_is_accepted_and_cannot_be_changed(values):
    platform = parse(values)
    assert platform.name == "ray-test"
    with pytest.raises(ValueError, match="frozen"):
        platform.name = "other"  # ty: ignore[invalid-assignment]


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_every_stack_file_of_the_repository_is_valid(path):
    config = yaml.safe_load(path.read_text())["config"]
    values = assembled(
        config["ray-on-eks:platform"],
        region=config.get("aws:region"),
        accounts=config.get("aws:allowedAccountIds"),
        default_tags=config.get("aws:defaultTags"),
    )
    platform = parse_any(values)
    assert isinstance(platform, PortablePlatform) or platform.environment in path.name


def test_mistakes_of_every_sort_are_reported_at_once(values):
    values["name"] = "Ray_Test"
    values["network"] |= {"nat": "many", "zones": ["us-west-2a", "us-west-2z"]}
    values["cluster"]["version"] = "1.31"
    values["pools"]["ray-gpu-train"]["instence_type"] = "p5.48xlarge"
    values["storage"] = {"buckets": {"checkpoints": {"expire_days": -1}}}
    found = mistakes(values)
    assert set(found) == {
        "name",
        "network.nat",
        "network.zones[1]",
        "cluster.version",
        "pools.ray-gpu-train.instence_type",
        "storage.buckets.checkpoints.expire_days",
        "pools.ray-gpu-train.zone",  # us-west-2b is no longer a zone of the network
    }


def test_the_report_counts_the_mistakes_and_says_that_nothing_was_created(changed):
    with pytest.raises(InvalidPlatform, match="1 mistake in the stack's configuration; nothing was created"):
        parse(changed("network.nat", "many"))


@pytest.mark.parametrize(
    ("path", "value", "where", "says"),
    [
        ("region", None, "region", "is missing"),
        ("networks", {}, "networks", "known keys"),
        ("account", "123", "account", "pattern"),
        ("network.cidr", "10.0.0.0/23", "network.cidr", "too small for 3 zones"),
        ("network.cidr", "10.0.0.0/8", "network.cidr", "/16 to /28"),
        ("network.cidr", "172.20.0.0/16", "network.cidr", "overlaps cluster.service_cidr"),
        ("network.reserved_cidrs", ["10.0.8.0/24"], "network.reserved_cidrs[0]", "overlaps"),
        ("network.zones", ["us-west-2a", "us-west-2a"], "network.zones[1]", "twice"),
        ("network.zones", ["us-west-2a", "us-east-1a"], "network.zones[1]", "not a zone of us-west-2"),
        ("network.zones", ["us-west-2a"], "network.zones", "at least 2"),
        ("network.nat", "none", "network.nat", "without NAT, nodes cannot reach"),
        ("network.cidr", "10.0.0.0/20", "network.cidr", "may grow to"),
        ("network.vpc_id", "vpc-0123456789abcdef0", "network.zones", "is not a known key"),
        ("cluster.version", "1.33", "cluster.version", "left standard support"),
        (
            "cluster.access.ops",
            {"principal": "arn:aws:iam::111111111111:role/x"},
            "cluster.access.ops",
            "grants nothing",
        ),
        (
            "cluster.access.ops",
            {"principal": "role/x", "role": "view"},
            "cluster.access.ops.principal",
            "such as arn:aws",
        ),
        ("cluster.access", {}, "cluster.access", "nobody may administer the cluster"),
        (
            "cluster.access.ops",
            {"principal": "arn:aws:iam::111111111111:role/x", "groups": ["eks:ops"]},
            "cluster.access.ops.groups",
            "EKS refuses the group eks:ops",
        ),
        ("cluster.public_access_cidrs", ["10.0.0.0/8"], "cluster.public_access_cidrs[0]", "not of the internet"),
        ("cluster.service_cidr", "198.18.0.0/16", "cluster.service_cidr", "is not private"),
        ("cluster.service_cidr", "172.20.0.0/28", "cluster.service_cidr", "a /12 to a /24"),
        ("cluster.log_types", ["api", "audit", "api"], "cluster.log_types[2]", "listed twice"),
        ("name", "ray--test", "name", "such as ray-prod"),
        ("name", "sg-ray", "name", "is kept for EC2's security groups"),
        ("tags", {"aws:owner": "me"}, "tags.aws:owner", "is no tag that AWS takes"),
        ("tags", {f"key-{n}": "x" for n in range(50)}, "tags", "AWS takes 50 a resource"),
        ("network.load_balancer_cidrs", ["10.0.0.0/16"], "network.load_balancer_cidrs[0]", "is the VPC's"),
        ("network.interface_endpoints", ["sts", "s3"], "network.interface_endpoints[1]", "has a gateway endpoint"),
        ("network.interface_endpoints", ["sts", "sts"], "network.interface_endpoints[1]", "listed twice"),
        ("cluster.access", {"ops": {"role": "admin"}}, "cluster.access.ops.principal", "is missing"),
        ("node_groups.system.desired", 9, "node_groups.system.desired", "not between min 2 and max 3"),
        ("node_groups.system.instance_types", ["m7i.huge"], "node_groups.system.instance_types[0]", "no instance"),
        ("node_groups.system.instance_types", ["g6.xlarge"], "node_groups.system.instance_types[0]", "GPUs"),
        ("node_groups.system.zones", ["us-west-2d"], "node_groups.system.zones[0]", "network.zones"),
        ("pools.ray-head", None, "pools", "every Ray cluster needs a head"),
        ("pools.ray-cpu.max_vcpus", 2, "pools.ray-cpu.min_vcpus", "more than max_vcpus"),
        ("pools.ray-gpu-infer.families", ["g99"], "pools.ray-gpu-infer.families[0]", "no instance family"),
        ("pools.ray-gpu-train.zone", "us-west-2d", "pools.ray-gpu-train.zone", "network.zones"),
        ("pools.ray-gpu-train.instance_type", "m7i.large", "pools.ray-gpu-train.instance_type", "no whole NVIDIA"),
        ("pools.ray-gpu-train.placement_group", "other", "pools.ray-gpu-train.placement_group", "no placement"),
        ("pools.ray-gpu-train.capacity", ["reserved"], "pools.ray-gpu-train.reservations", "belong together"),
        ("placement_groups.train.strategy", "partition", "placement_groups.train.partitions", "1 to 7"),
        ("tenants.research.quota", {"memory": "256 GB"}, "tenants.research.quota.memory", "such as 64Gi"),
        ("node_groups.system.disk_gib", "100Gi", "node_groups.system.disk_gib", "a bare number"),
        ("pools.ray-cpu.expire_after", "30d", "pools.ray-cpu.expire_after", "such as 720h"),
        (
            "node_groups.gpu",
            {"instance_types": ["p5en.48xlarge"], "accelerator": "nvidia", "min": 0, "desired": 0, "max": 1}
            | {"zones": ["us-west-2b"]},
            "node_groups.gpu.instance_types[0]",
            "EC2 has it in us-west-2a, us-west-2c, us-west-2d",
        ),
        (
            "reservations",
            {"r": {"instance_type": "p5.48xlarge", "zone": "us-west-2a", "count": 1, "placement_group": "train"}},
            "pools.ray-gpu-train.zone",
            "is not where placement group train stands",
        ),
        (
            "storage.scratch",
            {"zone": "us-west-2a", "size_gib": 3600},
            "storage.scratch.size_gib",
            "the next is 4800",
        ),
        (
            "storage.scratch",
            {"zone": "us-west-2a", "size_gib": 1200}
            | {"links": [{"bucket": "checkpoints", "path": "/a"}, {"bucket": "checkpoints", "path": "/a/b"}]},
            "storage.scratch.links[1].path",
            "/a/b overlaps /a",
        ),
        (
            "storage.buckets.checkpoints",
            {"tier_days": 30, "expire_days": 30},
            "storage.buckets.checkpoints.tier_days",
            "is not before expire_days 30",
        ),
        ("node_groups.system.disk_gib", 10, "node_groups.system.disk_gib", "greater than or equal to 20"),
        ("placement_groups.train.strategy", "precision-time", "placement_groups.train.strategy", "'cluster'"),
        (
            "data_sources",
            {"lake": {"kind": "s3", "bucket": "raw", "prefixes": ["*"]}},
            "data_sources.lake.prefixes[0]",
            "",
        ),
        (
            "data_sources",
            {"db": {"kind": "redshift", "cluster": "dw", "database": "*", "user": "*"}},
            "data_sources.db.database",
            "must match",
        ),
        ("cost", {"subscribers": ["a@b.c"], "anomaly_usd": float("inf")}, "cost.anomaly_usd", "less than or equal"),
        ("cost", {"budgets": {"all": {"monthly_usd": 5}}}, "cost.subscribers", "is missing"),
        ("cost", {"subscribers": []}, "cost.subscribers", "name at least 1"),
        ("samples.train.tenant", "nobody", "samples.train.tenant", "no tenant nobody"),
        ("samples.train.bucket", "nowhere", "samples.train.bucket", "no bucket nowhere"),
        ("storage.buckets", {}, "storage.buckets", "at least 1"),
    ],
)
def test_a_mistake_is_named_with_its_path(changed, path, value, where, says):
    found = mistakes(changed(path, value))
    assert where in found
    assert says in found[where]
    assert found[where].endswith(")"), "the fix stands in brackets"


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_the_api_server_of_staging_and_prod_is_never_open_to_the_internet(values, environment):
    values["environment"] = environment
    values["cluster"]["public_access_cidrs"] = ["0.0.0.0/0"]
    assert "whole internet" in mistakes(values)["cluster.public_access_cidrs[0]"]


def test_prod_must_be_protected_from_deletion(changed):
    assert "cluster.deletion_protection" in mistakes(changed("environment", "prod"))


def test_gpu_workers_beyond_the_tenants_quota_are_refused(values):
    values["samples"]["train"] |= {"pool": "ray-gpu-train", "workers": 16}
    assert "quota of 8 GPUs" in mistakes(values)["samples.train.workers"]


def test_a_network_that_is_there_already_is_taken_as_it_is(changed):
    existing = {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": "10.0.0.0/16",
        "private_subnets": {"us-west-2a": "subnet-0123456789abcdef0", "us-west-2b": "subnet-0123456789abcdef1"},
    }
    assert parse(changed("network", existing)).network.zones == ("us-west-2a", "us-west-2b")


def test_a_private_network_brings_every_endpoint_that_a_cluster_calls(values):
    values["network"] |= {"nat": "none", "interface_endpoints": "private"}
    network = parse(values).network
    assert isinstance(network, Network) and "eks-auth" in network.endpoint_services
