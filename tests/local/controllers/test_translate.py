"""Pools in Karpenter's simulated cloud: as they are in the real one, and open about what it lacks."""

from infra import karpenter
from infra.config.pools import CpuPool, GpuTrainPool
from infra.requirements import ZONE, types
from local.controllers.catalogue import catalogue
from local.controllers.translate import LOST, node_pool, unrepresented, without

LIMITS = {"cpu": 100, "memory_gib": 400, "gpus": 16}
CPU = CpuPool.model_validate({"kind": "ray-cpu", "limits": LIMITS, "max_vcpus": 16})
TRAIN = GpuTrainPool.model_validate(
    {
        "kind": "ray-gpu-train",
        "limits": LIMITS,
        "instance_type": "p5.48xlarge",
        "zone": "us-west-2b",
        "capacity": ["reserved", "on-demand"],
        "reservations": ["train"],
        "placement_group": "train",
    }
)
ZONES = ("us-west-2a", "us-west-2b")


def test_families_sizes_zones_and_ways_to_buy_stay_as_they_are():
    spec = karpenter.node_pool("ray-cpu", CPU)
    _, made = node_pool("ray-cpu", spec)
    template = made["spec"]["template"]["spec"]
    own = [wanted for wanted in spec["template"]["spec"]["requirements"] if "minValues" not in wanted]
    assert [wanted for wanted in template["requirements"] if "minValues" not in wanted] == own
    assert made["spec"]["limits"] == spec["limits"] and made["spec"]["disruption"] == spec["disruption"]
    assert template["nodeClassRef"] == {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "ray-cpu"}
    assert spec["template"]["spec"]["nodeClassRef"]["kind"] == "EC2NodeClass", "the stack's own is not touched"


def test_so_many_families_are_counted_by_the_label_that_the_simulated_types_have():
    _, made = node_pool("ray-cpu", karpenter.node_pool("ray-cpu", CPU))
    (wanted,) = [each for each in made["spec"]["template"]["spec"]["requirements"] if "minValues" in each]
    assert wanted == {"key": "karpenter.kwok.sh/instance-family", "operator": "Exists", "minValues": CPU.min_families}


def test_the_class_says_how_long_a_machine_takes_to_join():
    made, _ = node_pool("ray-cpu", karpenter.node_pool("ray-cpu", CPU), seconds=40)
    assert made["spec"] == {"nodeRegistrationDelay": "40s"} and made["metadata"]["name"] == "ray-cpu"


def test_a_placement_group_keeps_its_zone_and_loses_the_rest_with_a_word():
    spec = karpenter.node_pool("ray-gpu-train", TRAIN)
    left = types(spec["template"]["spec"]["requirements"], region="us-west-2", zones=ZONES)
    assert {offering.zone for offerings in left.values() for offering in offerings} == {"us-west-2b"}
    node_class = karpenter.node_class(
        TRAIN, cluster="c", role="r", security_group="sg", tags={}, placement_group="train", reservations=["cr-1"]
    )
    said = unrepresented(node_class)
    for field in ("placementGroupSelector", "capacityReservationSelectorTerms", "networkInterfaces"):
        assert LOST[field] in said


def test_every_field_of_a_class_is_named_or_changes_nothing_for_a_pod():
    """A new field of our EC2NodeClasses must be thought of here."""
    harmless = {"role", "metadataOptions", "tags"}
    node_class = karpenter.node_class(
        TRAIN, cluster="c", role="r", security_group="sg", tags={"a": "b"}, placement_group="g", reservations=["cr-1"]
    )
    assert set(node_class) <= set(LOST) | harmless


def test_a_zone_without_capacity_offers_nothing():
    entries = catalogue(["m7i.xlarge", "g6.xlarge"], region="us-west-2", zones=ZONES)
    left = without(entries, "us-west-2a")
    zones = {
        each["values"][0]
        for entry in left
        for offering in entry["offerings"]
        for each in offering["Requirements"]
        if each["key"] == ZONE
    }
    assert zones == {"us-west-2b"} and len(left) == len(entries)
    assert without(left, "us-west-2b") == []
