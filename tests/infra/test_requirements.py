"""Requirements mean here what they mean to Karpenter."""

import pytest

from infra import instances, karpenter, requirements
from infra.config import parse
from infra.requirements import AWS, labels, satisfied

ZONES = ("us-west-2a", "us-west-2b", "us-west-2c")


def found(*wanted, reserved=()):
    return requirements.types(wanted, region="us-west-2", zones=ZONES, reserved=reserved)


def need(key, operator, *values):
    return {"key": f"{AWS}/{key}", "operator": operator, "values": list(values)}


# Source: https://karpenter.sh/v1.14/reference/instance-types/
PUBLISHED = {
    "g6e.12xlarge": {
        "instance-category": "g",
        "instance-generation": "6",
        "instance-family": "g6e",
        "instance-size": "12xlarge",
        "instance-cpu": "48",
        "instance-cpu-manufacturer": "amd",
        "instance-memory": "393216",
        "instance-gpu-name": "l40s",
        "instance-gpu-manufacturer": "nvidia",
        "instance-gpu-count": "4",
        "instance-gpu-memory": "45776",
        "instance-local-nvme": "3800",
        "instance-hypervisor": "nitro",
        "instance-capability-flex": "false",
    },
    "c7i-flex.2xlarge": {
        "instance-category": "c",
        "instance-generation": "7",
        "instance-capability-flex": "true",
        "instance-gpu-count": None,
        "instance-local-nvme": None,
    },
    "u-6tb1.56xlarge": {"instance-category": "u", "instance-generation": "1"},
    "p6-b200.48xlarge": {"instance-family": "p6-b200", "instance-generation": "6"},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_labels_of_a_type_are_what_karpenter_publishes(name):
    assert {key: labels(name).get(f"{AWS}/{key}") for key in PUBLISHED[name]} == PUBLISHED[name]


@pytest.mark.parametrize(
    ("operator", "values", "of_8", "of_none"),
    [
        ("In", ["8"], True, False),
        ("In", ["4"], False, False),
        ("NotIn", ["8"], False, True),
        ("NotIn", ["4"], True, True),
        ("Exists", [], True, False),
        ("DoesNotExist", [], False, True),
        ("Gt", ["8"], False, False),
        ("Gt", ["7"], True, False),
        ("Gte", ["8"], True, False),
        ("Lt", ["8"], False, False),
        ("Lte", ["8"], True, False),
    ],
)
def test_an_operator_judges_a_label_that_is_there_and_one_that_is_not(operator, values, of_8, of_none):
    wanted = need("instance-cpu", operator, *values)
    assert satisfied(wanted, "8") is of_8
    assert satisfied(wanted, None) is of_none


def test_an_unknown_operator_is_an_error_and_not_a_match():
    with pytest.raises(ValueError, match="Within"):
        satisfied(need("instance-cpu", "Within", "8"), "8")


def test_zones_and_capacity_are_judged_together_on_each_offering():
    spot = {"key": requirements.CAPACITY_TYPE, "operator": "In", "values": ["spot"]}
    here = {"key": requirements.ZONE, "operator": "In", "values": ["us-west-2a"]}
    left = found(need("instance-family", "In", "m7i"), spot, here)
    assert {(o.zone, o.capacity_type) for offered in left.values() for o in offered} == {("us-west-2a", "spot")}


def test_a_type_that_no_zone_offers_is_no_candidate():
    missing = [n for n in instances.names() if all(instances.offered(n, "us-west-2", z) is False for z in ZONES)]
    assert missing and not set(found()) & set(missing)


def test_reserved_capacity_is_there_only_for_the_types_that_a_reservation_names():
    reserved = {"key": requirements.CAPACITY_TYPE, "operator": "In", "values": ["reserved"]}
    assert set(found(reserved, reserved=["p5.48xlarge"])) == {"p5.48xlarge"}


def test_the_requirement_that_removed_the_last_type_is_named():
    wanted = [need("instance-category", "In", "m"), need("instance-cpu", "Gte", "8"), need("instance-cpu", "Lte", "4")]
    removed = requirements.removed_the_last(wanted, region="us-west-2", zones=ZONES)
    assert removed and requirements.spelt(removed) == "instance-cpu Lte 4"
    assert requirements.removed_the_last(wanted[:2], region="us-west-2", zones=ZONES) is None


def test_min_values_count_what_is_different_among_the_types():
    families = {"key": requirements.FAMILY, "operator": "Exists", "minValues": 3}
    assert requirements.diverse([families], ["m7i.large", "m7i.xlarge", "c7i.large", "r7i.large"]) is None
    assert requirements.diverse([families], ["m7i.large", "m7i.xlarge", "c7i.large"]) == families


def test_a_layout_of_interfaces_excludes_types_without_the_cards(values):
    pool = parse(values).pools["ray-gpu-train"]
    spec = karpenter.node_class(pool, cluster="c", role="r", security_group="sg-1", tags={})
    fits = {name for name in instances.names() if requirements.fits_node_class(instances.known(name), spec)}
    assert "p5.48xlarge" in fits and "p4d.24xlarge" not in fits and "g6.xlarge" not in fits
