"""A stack file that asks for what it cannot launch is refused, with the nearest fit and the fix."""

import pytest

from infra.config import InvalidPlatform, parse

SMALL = {"kind": "ray-cpu", "min_vcpus": 2, "max_vcpus": 2, "limits": {"cpu": 64, "memory_gib": 512}}


def mistakes(values) -> list[tuple[str, str]]:
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    return [(problem.path, str(problem)) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("path", "value", "where", "says"),
    [
        ("pools.ray-cpu.min_generation", 9, "pools.ray-cpu", "instance-generation Gte 9 removed the last ones"),
        ("pools.ray-cpu.min_families", 50, "pools.ray-cpu.min_families", "the other constraints leave"),
        ("pools.ray-gpu-infer.families", ["trn1"], "pools.ray-gpu-infer", "instance-gpu-count Gte 1 removed the last"),
        (
            "pools.ray-gpu-train.limits.gpus",
            4,
            "pools.ray-gpu-train.limits.gpus",
            "4 is less than the smallest machine",
        ),
        ("pools.ray-gpu-train.limits.cpu", 96, "pools.ray-gpu-train.limits.cpu", "192 (p5.48xlarge)"),
        ("pools.ray-gpu-infer.limits.gpus", 0, "pools.ray-gpu-infer.limits.gpus", "Karpenter would launch nothing"),
        (
            "tenants.research.quota.gpus",
            99,
            "tenants.research.quota.gpus",
            "99 is more than all pools and node groups may hold: 20",
        ),
        (
            "tenants.research.quota.cpu",
            9999,
            "tenants.research.quota.cpu",
            "more than all pools and node groups may hold",
        ),
        (
            "tenants.research.quota.memory",
            "90Ti",
            "tenants.research.quota.memory",
            "more than all pools and node groups may hold",
        ),
        ("pools.ray-cpu.prefer", ["p5.48xlarge"], "pools.ray-cpu.prefer[0]", "not among the types"),
        ("pools.ray-cpu", SMALL, "samples.train", "ray-cpu: its nearest type"),
        ("pools.ray-gpu-train.optimise", "cost", "pools.ray-gpu-train.optimise", "is not a known key"),
    ],
)
def test_a_mistake_is_named_with_its_path(changed, path, value, where, says):
    found = mistakes(changed(path, value))
    assert any(at == where and says in text for at, text in found), found


def test_a_sample_that_fits_nowhere_says_what_is_lacking_on_which_type(values):
    values["pools"]["ray-cpu"] |= SMALL | {"categories": ["c"]}
    text = dict(mistakes(values))["samples.train"]
    assert "no pool can run its trainers: ray-cpu: its nearest type, c" in text
    assert "of 3.5 cpu" in text and "it would stay Pending" in text


def test_limits_that_hold_a_machine_but_not_the_sample_are_refused(values):
    values["pools"]["ray-cpu"]["limits"]["cpu"] = 8
    values["tenants"]["research"]["quota"]["cpu"] = 32
    values["samples"]["train"]["workers"] = 4
    text = dict(mistakes(values))["samples.train"]
    assert "and its limit of 8 cpu is less than" in text


def test_two_pools_that_match_the_same_pods_need_different_weights(values):
    values["pools"]["ray-cpu-b"] = dict(values["pools"]["ray-cpu"])
    assert "match pools.ray-cpu as well" in dict(mistakes(values))["pools.ray-cpu-b.weight"]
    values["pools"]["ray-cpu-b"]["weight"] = 20
    parse(values)
    values["pools"]["ray-cpu-b"] |= {"weight": 11, "optimise": "cost"}
    assert "both weigh 10" in dict(mistakes(values))["pools.ray-cpu-b.weight"], "its second NodePool weighs one less"


def test_a_preference_leaves_a_weight_and_a_name_for_the_rest(values):
    values["pools"]["ray-cpu"] |= {"optimise": "balanced", "weight": 1}
    values["pools"]["ray-cpu-rest"] = dict(values["pools"]["ray-data"])
    found = dict(mistakes(values))
    assert "no lighter weight" in found["pools.ray-cpu.weight"]
    assert "NodePool for the rest of pools.ray-cpu" in found["pools.ray-cpu-rest"]


def test_the_part_of_the_limits_that_preferred_types_have_holds_a_machine(values):
    values["pools"]["ray-cpu"] |= {"min_vcpus": 16, "limits": {"cpu": 20, "memory_gib": 256}}
    values["tenants"]["research"]["quota"]["cpu"] = 32
    parse(values)
    values["pools"]["ray-cpu"]["optimise"] = "cost"
    assert "less than the smallest machine" in dict(mistakes(values))["pools.ray-cpu.limits.cpu"]


def test_mistakes_of_capacity_are_reported_together_with_all_others(values):
    values["name"] = "Ray_Test"
    values["pools"]["ray-cpu"]["min_generation"] = 9
    values["tenants"]["research"]["quota"]["gpus"] = 99
    assert {"name", "pools.ray-cpu", "tenants.research.quota.gpus"} <= {at for at, _ in mistakes(values)}


def test_a_pool_elsewhere_than_its_placement_group_is_refused(values):
    values["reservations"] = {
        "r": {"instance_type": "p5.48xlarge", "zone": "us-west-2a", "count": 1, "placement_group": "train"}
    }
    says = "us-west-2b is not where placement group train stands: reservations.r.zone is in us-west-2a"
    assert says in dict(mistakes(values))["pools.ray-gpu-train.zone"]
    values["placement_groups"]["train"] = {"strategy": "spread"}
    # A spread group spans zones; that EC2 reserves in none is another mistake.
    assert list(dict(mistakes(values))) == ["reservations.r.placement_group"]
