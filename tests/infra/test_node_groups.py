"""Combinations of managed capacity that AWS refuses, or that silently fail, are refused with the reason."""

from typing import Any

import pytest

from infra.capacity import ami_type, user_data
from infra.config import InvalidPlatform, parse

P5: dict[str, Any] = {
    "instance_types": ["p5.48xlarge"],
    "accelerator": "nvidia",
    "min": 0,
    "desired": 0,
    "max": 4,
    "zones": ["us-west-2b"],
}


def mistakes(values: dict[str, Any], **group: Any) -> dict[str, str]:
    values["node_groups"]["gpu"] = P5 | group
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    return {problem.path.removeprefix("node_groups.gpu."): str(problem) for problem in caught.value.problems}


def test_a_group_on_whole_h100_machines_with_efa_in_a_placement_group_is_accepted(values):
    values["node_groups"]["gpu"] = P5 | {"efa": True, "local_disks": "raid0", "placement_group": "train"}
    assert parse(values).node_groups["gpu"].efa


def test_a_capacity_block_needs_its_id_and_nothing_else(values):
    values["node_groups"]["gpu"] = P5 | {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}
    assert parse(values).node_groups["gpu"].capacity == "capacity-block"


@pytest.mark.parametrize(
    ("group", "where", "says"),
    [
        ({"instance_types": ["g6f.xlarge"]}, "instance_types[0]", "advertise no nvidia.com/gpu"),
        ({"instance_types": ["m7i.large"]}, "instance_types[0]", "no whole NVIDIA GPU"),
        ({"instance_types": ["g6.xlarge"], "efa": True}, "instance_types[0]", "has no EFA"),
        ({"instance_types": ["p5.48xlarge", "p5en.48xlarge"], "efa": True}, "instance_types", "one type"),
        ({"zones": [], "placement_group": "train"}, "zones", "cannot span"),
        ({"placement_group": "nowhere"}, "placement_group", "no placement group nowhere"),
        ({"capacity": "capacity-block"}, "reservation", "needs the block's id"),
        (
            {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0", "placement_group": "train"},
            "placement_group",
            "cannot join a placement group",
        ),
        (
            {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0", "instance_types": ["g6.xlarge"]},
            "instance_types[0]",
            "sells no Capacity Blocks",
        ),
        ({"capacity": "spot", "reservation": "cr-0123456789abcdef0"}, "reservation", "never use a reservation"),
        ({"capacity": "spot", "warm_pool": {"size": 1}}, "warm_pool", "cannot hold spot"),
        ({"warm_pool": {"size": 9}}, "warm_pool.size", "more than the group's max 4"),
        ({"reservation": "mine"}, "reservation", "no reservation mine"),
        ({"instance_types": ["g6.xlarge", "g5g.xlarge"]}, "instance_types", "mixes processors"),
        ({"instance_types": ["g5g.xlarge"], "local_disks": "raid0"}, "instance_types[0]", "no local disks"),
    ],
)
def test_a_combination_that_would_fail_is_refused_with_the_reason(values, group, where, says):
    found = mistakes(values, **group)
    assert where in found, found
    assert says in found[where]
    assert found[where].endswith(")"), "the fix stands in brackets"


def test_a_reservation_must_be_of_the_type_the_zone_and_the_placement_group_of_who_uses_it(values):
    values["reservations"] = {"mine": {"instance_type": "p5en.48xlarge", "zone": "us-west-2c", "count": 2}}
    values["node_groups"]["gpu"] = P5 | {"reservation": "mine", "placement_group": "train"}
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    told = " ".join(str(problem) for problem in caught.value.problems)
    for reason in ("reserves p5en.48xlarge", "is in us-west-2c", "stands in placement group None"):
        assert reason in told


def test_more_nodes_than_a_spread_group_can_run_are_refused_in_groups_and_pools(values):
    values["placement_groups"] = {"train": {"strategy": "spread"}}
    values["pools"]["ray-gpu-train"]["limits"]["cpu"] = 8 * 192
    values["node_groups"]["many"] = {
        "instance_types": ["m7i.large"],
        "min": 0,
        "desired": 0,
        "max": 15,
        "zones": ["us-west-2a", "us-west-2b"],
        "placement_group": "train",
    }
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    told = {problem.path: str(problem) for problem in caught.value.problems}
    assert "8 nodes, and a spread group runs 7 a zone (at most 7)" in told["pools.ray-gpu-train.limits"]
    assert "(at most 14)" in told["node_groups.many.max"]


def test_a_reservation_is_made_in_a_cluster_group_or_in_none(values):
    values["placement_groups"]["train"] = {"strategy": "partition", "partitions": 3}
    reserved = {"instance_type": "p5.48xlarge", "zone": "us-west-2b", "count": 1, "placement_group": "train"}
    values["reservations"] = {"mine": reserved}
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    told = {problem.path: str(problem) for problem in caught.value.problems}
    assert "EC2 reserves in cluster groups alone" in told["reservations.mine.placement_group"]


def test_a_type_that_joins_no_group_of_the_strategy_is_refused(values):
    group = {"instance_types": ["t3.large"], "min": 0, "desired": 0, "max": 1, "placement_group": "train"}
    values["node_groups"]["burst"] = group | {"zones": ["us-west-2b"]}
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    told = {problem.path: str(problem) for problem in caught.value.problems}
    assert "t3.large joins no cluster group" in told["node_groups.burst.placement_group"]


def test_the_ami_follows_the_processor_and_the_accelerator(values):
    values["node_groups"] |= {
        "gpu": P5,
        "arm": {"instance_types": ["m7g.large"], "min": 0, "desired": 0, "max": 1},
    }
    groups = parse(values).node_groups
    assert ami_type(groups["gpu"]) == "AL2023_x86_64_NVIDIA"
    assert ami_type(groups["arm"]) == "AL2023_ARM_64_STANDARD"


@pytest.mark.parametrize("raid0", [True, False])
def test_user_data_is_one_mime_part_of_nodeadm_settings(raid0):
    import email

    import yaml

    parts = list(email.message_from_string(user_data(raid0=raid0)).walk())
    assert [part.get_content_type() for part in parts] == ["multipart/mixed", "application/node.eks.aws"]
    config = yaml.safe_load(parts[1].get_payload())
    assert config["kind"] == "NodeConfig"
    assert config["spec"]["featureGates"] == {"FastImagePull": True}
    assert ("instance" in config["spec"]) == raid0
