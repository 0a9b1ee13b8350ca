"""Instance types by zone, EFA interfaces as EC2 has them, and the images that machines start from."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import only


@pytest.fixture
def offered(clients, answers) -> Callable[[Callable[[str, str], bool]], None]:
    """`offered(keep)`: EC2 offers what it does, less the (type, zone) for which `keep` is false."""

    def change(keep: Callable[[str, str], bool]) -> None:
        filters = [{"Name": "location", "Values": ["us-west-2a", "us-west-2b", "us-west-2c"]}]
        pages = clients.client("ec2").get_paginator("describe_instance_type_offerings")
        found = pages.paginate(LocationType="availability-zone", Filters=filters).build_full_result()
        rows = [row for row in found["InstanceTypeOfferings"] if keep(row["InstanceType"], row["Location"])]
        answers.give("ec2", "DescribeInstanceTypeOfferings", {"InstanceTypeOfferings": rows})

    return change


def test_a_group_without_any_of_its_types_in_a_zone_fails_and_the_other_zones_are_named(aws, find, offered) -> None:
    offered(lambda kind, zone: not (kind == "g6.xlarge" and zone == "us-west-2c"))
    finding = only(find("machines"))
    assert (finding.status, finding.subject) == (Status.FAIL, "node_groups.gpu")
    assert "us-west-2c" in finding.message
    assert finding.fix == "set node_groups.gpu.zones to us-west-2a, us-west-2b"


def test_a_group_with_some_of_its_types_in_a_zone_is_warned_of(aws, find, offered) -> None:
    offered(lambda kind, zone: not (kind == "m7a.large" and zone == "us-west-2a"))
    finding = only(find("machines"))
    assert (finding.status, finding.subject) == (Status.WARN, "node_groups.system")
    assert "us-west-2a has only m7i.large" in finding.message


def test_a_training_type_that_its_zone_lacks_fails_with_the_zones_that_have_it(aws, find, offered) -> None:
    offered(lambda kind, zone: not (kind == "p5.48xlarge" and zone == "us-west-2b"))
    finding = only(find("machines"))
    assert (finding.status, finding.subject) == (Status.FAIL, "pools.ray-gpu-train")
    assert "p5.48xlarge in us-west-2b" in finding.message
    assert "us-west-2a" in finding.fix


def test_too_few_families_for_karpenters_minimum_in_one_zone_fail(aws, find, offered) -> None:
    families = {"m8i", "m8a", "c8i", "r8i", "m7i", "m7a"}
    offered(lambda kind, zone: zone != "us-west-2a" or kind[0] not in "mcr" or kind.split(".")[0] in families)
    finding = only(find("machines"))
    assert (finding.status, finding.subject) == (Status.FAIL, "pools.ray-cpu")
    assert "us-west-2a leaves 4 values of instance-family (c8i, m8a, m8i, r8i); Karpenter wants 5" in finding.message
    assert "pools.ray-cpu.min_families" in finding.fix


def test_a_pool_that_no_type_of_the_region_fits_fails(aws, find, answers) -> None:
    answers.give("ec2", "DescribeInstanceTypes", {"InstanceTypes": []})
    assert "pools.ray-head" in {f.subject for f in find("machines") if f.status is Status.FAIL}


@pytest.fixture
def p5(clients, answers) -> Callable[..., None]:
    """`p5(EfaInfo=…)`: EC2 describes the network of p5.48xlarge with those changes."""

    def change(**network: Any) -> None:
        found = clients.client("ec2").describe_instance_types(InstanceTypes=["p5.48xlarge"])["InstanceTypes"]
        about = copy.deepcopy(found[0])
        about["NetworkInfo"] |= network
        answers.give("ec2", "DescribeInstanceTypes", {"InstanceTypes": [about]})

    return change


def test_more_efa_interfaces_than_ec2_gives_fail(aws, find, p5) -> None:
    p5(EfaInfo={"MaximumEfaInterfaces": 16})
    finding = only(find("efa"))
    assert (finding.status, finding.subject) == (Status.FAIL, "pools.ray-gpu-train")
    assert "32 EFA interfaces are planned, and EC2 gives p5.48xlarge 16" in finding.message


def test_fewer_efa_interfaces_than_ec2_gives_are_warned_of(aws, find, p5) -> None:
    p5(EfaInfo={"MaximumEfaInterfaces": 64})
    assert only(find("efa")).status is Status.WARN


def test_a_card_that_takes_fewer_interfaces_fails(aws, find, p5) -> None:
    cards = [{"NetworkCardIndex": index, "MaximumNetworkInterfaces": 1} for index in range(32)]
    p5(NetworkCards=cards)
    assert "2 interfaces are planned on network card 0" in only(find("efa")).message


def test_a_card_that_is_not_there_fails(aws, find, p5) -> None:
    p5(NetworkCards=[{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 15}])
    assert "network card 1 is planned" in only(find("efa")).message


def test_a_type_that_ec2_does_not_have_fails(aws, find, answers) -> None:
    answers.give("ec2", "DescribeInstanceTypes", {"InstanceTypes": []})
    assert only(find("efa")).status is Status.FAIL


def test_an_image_that_is_not_published_fails_and_says_who_needs_it(aws, find, answers) -> None:
    def parameter(asked: dict[str, Any]) -> dict[str, Any] | None:
        gone = {"Error": {"Code": "ParameterNotFound", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return gone if "-nvidia-1.35-" in asked["Name"] else None

    answers.give("ssm", "GetParameter", parameter)
    finding = only(find("images"))
    assert finding.status is Status.FAIL
    assert "pools.ray-gpu-infer, pools.ray-gpu-train" in finding.message
    assert "infra/versions.py" in finding.fix


def test_an_image_that_is_gone_fails(aws, find, answers) -> None:
    answers.refuse("ec2", "DescribeImages", "InvalidAMIID.NotFound")
    found = find("images")
    assert {finding.status for finding in found} == {Status.FAIL}
    assert "is gone" in found[0].message


def test_every_kind_of_node_has_its_image_looked_up(aws, find) -> None:
    subjects = [finding.subject for finding in find("images")]
    assert any(subject.endswith("x86_64/standard/recommended") for subject in subjects)
    assert any(subject.endswith("x86_64/nvidia/recommended") for subject in subjects)
    assert any("amazon-eks-node-al2023-x86_64-standard-1.35-v" in subject for subject in subjects)
    assert any("amazon-eks-node-al2023-x86_64-nvidia-1.35-v" in subject for subject in subjects)
