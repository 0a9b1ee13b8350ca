"""A sample that no pool can run is found by arithmetic, with the reason, before it could stay Pending."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra import contract, fleet, karpenter, samples, schedulability
from infra.config import Platform, parse
from infra.config.node_groups import NodeGroup
from infra.pods import Pod, pods
from infra.schedulability import Supply, Verdict, judge, node_pool
from workloads.manifests import Manifest


@pytest.fixture
def platform(values) -> Platform:
    values["samples"]["train"] |= {"pool": "ray-gpu-train", "workers": 8}
    return parse(values)


def rendered(platform: Platform, change: Callable[[str, dict, dict], None] = lambda *_: None) -> list[Supply]:
    """The pools as supplies, after `change(name, nodepool, nodeclass)` has broken what it likes."""
    made = []
    for name, pool in platform.pools.items():
        spec = karpenter.node_pool(name, pool)
        node_class = karpenter.node_class(pool, cluster="c", role="r", security_group="sg-1", tags={})
        change(name, spec, node_class)
        made.append(node_pool(name, spec, node_class, region=platform.region, zones=platform.network.zones))
    return made


def manifest(platform: Platform) -> Manifest:
    names = samples.Names(bucket=str, image=lambda gpu: "image")
    return copy.deepcopy(samples.manifest(samples.specs(platform.samples, names)["train"]))


def verdicts(platform: Platform, supplies: list[Supply], made: Manifest) -> dict[str, Verdict]:
    return {pod.name: judge(pod, supplies, platform.region) for pod in pods(made)}


def asking(**requests: int) -> Pod:
    return Pod("p", 1, requests, contract.RAY_GPU_TRAIN.node_selector(), tuple(contract.RAY_GPU_TRAIN.tolerations()))


def test_the_contract_lets_every_pod_of_a_sample_onto_its_own_pool_and_no_other(platform):
    found = verdicts(platform, rendered(platform), manifest(platform))
    pools = {name: {fit.pool for fit in verdict.fits} for name, verdict in found.items()}
    assert pools == {"head": {"ray-head"}, "trainers": {"ray-gpu-train"}, "submitter": {"ray-head"}}


def test_a_machine_holds_as_many_pods_as_its_scarcest_resource(platform):
    fit = verdicts(platform, rendered(platform), manifest(platform))["trainers"].fits[0]
    assert (fit.type, fit.per_node, fit.nodes) == ("p5.48xlarge", 8, 1), "a GPU each, of eight"
    assert 0 < fit.waste < 1


def test_the_cheapest_and_what_karpenter_packs_are_two_things(platform):
    cpu = contract.RAY_CPU
    pod = Pod("w", 2, {"cpu": 4000, "memory": 8 * 2**30}, cpu.node_selector(), ())
    verdict = judge(pod, rendered(platform), platform.region)
    assert verdict.cheapest and verdict.packed
    assert verdict.packed.nodes == 1, "both on one node"
    assert verdict.cheapest.usd * verdict.cheapest.nodes <= verdict.packed.usd


POOL_BREAKS: dict[str, tuple[Callable[[str, dict, dict], None], str]] = {
    "the pool's label": (
        lambda _, spec, __: spec["template"]["metadata"]["labels"].update({"rayeks/pool": "ray-gpu-trian"}),
        "its nodes have rayeks/pool=ray-gpu-trian, not ray-gpu-train",
    ),
    "the pool's label key": (
        lambda _, spec, __: spec["template"]["metadata"].update(labels={"rayeks.io/pool": "ray-gpu-train"}),
        "its nodes have no label rayeks/pool",
    ),
    "a taint more": (
        lambda _, spec, __: spec["template"]["spec"]["taints"].append(
            {"key": "ray.io/quiet", "value": "true", "effect": "NoSchedule"}
        ),
        "taint ray.io/quiet=true:NoSchedule is not tolerated",
    ),
    "the limit": (
        lambda _, spec, __: spec["limits"].update({"nvidia.com/gpu": "4"}),
        "its limit of 4 nvidia.com/gpu is less than 8",
    ),
}


@pytest.mark.parametrize("what", POOL_BREAKS)
def test_a_broken_pool_is_named_with_what_is_broken(platform, what):
    change, says = POOL_BREAKS[what]

    def only_training(name, spec, node_class):
        if name == "ray-gpu-train":
            change(name, spec, node_class)

    found = verdicts(platform, rendered(platform, only_training), manifest(platform))
    assert found["head"].fits and not found["trainers"].fits
    assert any(miss.startswith("ray-gpu-train: ") and says in miss for miss in found["trainers"].misses)


def worker(made: Manifest) -> dict[str, Any]:
    return made["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]


def without(key: str) -> Callable[[Manifest], None]:
    def change(made: Manifest) -> None:
        worker(made)["tolerations"] = [each for each in worker(made)["tolerations"] if each["key"] != key]

    return change


def resources(**more: str) -> Callable[[Manifest], None]:
    def change(made: Manifest) -> None:
        named = {name.replace("_", "/"): value for name, value in more.items()}
        for part in ("requests", "limits"):
            worker(made)["containers"][0]["resources"][part].update(named)

    return change


POD_BREAKS: dict[str, tuple[Callable[[Manifest], None], str]] = {
    "a toleration": (without("ray.io/train"), "taint ray.io/train=true:NoSchedule is not tolerated"),
    "the other toleration": (without("nvidia.com/gpu"), "taint nvidia.com/gpu=true:NoSchedule is not tolerated"),
    "one letter of a toleration": (
        lambda made: worker(made)["tolerations"][1].update(key="ray.io/tarin"),
        "taint ray.io/train=true:NoSchedule is not tolerated",
    ),
    "the effect of a toleration": (
        lambda made: worker(made)["tolerations"][1].update(effect="NoExecute"),
        "taint ray.io/train=true:NoSchedule is not tolerated",
    ),
    "the pool's name": (
        lambda made: worker(made).update(nodeSelector={"rayeks/pool": "ray-gpu-training"}),
        "its nodes have rayeks/pool=ray-gpu-train, not ray-gpu-training",
    ),
    "a GPU too many": (resources(**{"nvidia.com_gpu": "9"}), "p5.48xlarge, lacks 1 of 9 nvidia.com/gpu"),
    "memory": (resources(memory="3Ti"), "p5.48xlarge, lacks"),
    "a device that nobody has": (resources(**{"hugepages-2Mi": "5Gi"}), "hugepages-2Mi"),
    "a GPU of another name": (
        lambda made: worker(made)["nodeSelector"].update({"karpenter.k8s.aws/instance-gpu-name": "h200"}),
        "no instance type is left of it for the pod's selector",
    ),
    "a zone elsewhere": (
        lambda made: worker(made)["nodeSelector"].update({"topology.kubernetes.io/zone": "us-west-2c"}),
        "no instance type is left of it for the pod's selector",
    ),
}


@pytest.mark.parametrize("what", POD_BREAKS)
def test_a_broken_manifest_is_named_with_what_is_broken(platform, what):
    change, says = POD_BREAKS[what]
    made = manifest(platform)
    change(made)
    found = verdicts(platform, rendered(platform), made)
    assert found["head"].fits and not found["trainers"].fits
    assert any(says in miss for miss in found["trainers"].misses), found["trainers"].misses


def test_a_contract_that_one_side_alone_keeps_is_found(platform, monkeypatch):
    made = manifest(platform)
    monkeypatch.setitem(
        contract.POOLS, "ray-gpu-train", contract.Pool("ray-gpu-train", "", (contract.Taint("ray.io/other"),), gpu=True)
    )
    assert not verdicts(platform, rendered(platform), made)["trainers"].fits


def test_the_nearest_miss_comes_first(platform):
    pod = asking(**{"nvidia.com/gpu": 9})
    assert judge(pod, rendered(platform), platform.region).misses[0].startswith("ray-gpu-train: ")


def test_required_node_affinity_is_judged_like_a_selector(platform):
    def wants(*types: str) -> Pod:
        expression = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": list(types)}
        return Pod("p", 1, {"cpu": 1000}, contract.RAY_CPU.node_selector(), (), ((expression,),))

    supplies = rendered(platform)
    assert not judge(wants("p5.48xlarge"), supplies, "us-west-2").fits, "no type of this pool"
    five = ("c7i.2xlarge", "m7i.2xlarge", "r7i.2xlarge", "c6i.2xlarge", "m6i.2xlarge")
    assert {fit.type for fit in judge(wants(*five), supplies, "us-west-2").fits} == set(five)


def test_too_few_families_for_spot_are_no_fit_though_one_would_do(platform):
    pod = Pod(
        "p", 1, {"cpu": 1000}, contract.RAY_CPU.node_selector() | {"karpenter.k8s.aws/instance-family": "m7i"}, ()
    )
    verdict = judge(pod, rendered(platform), platform.region)
    assert not verdict.fits and "needs 5 different" in verdict.misses[0]


def test_a_tolerations_empty_key_tolerates_everything_and_a_preference_needs_none(platform):
    everything = ({"operator": "Exists"},)
    pod = Pod("p", 1, {"cpu": 1000}, contract.RAY_GPU_TRAIN.node_selector(), everything)
    assert judge(pod, rendered(platform), platform.region).fits

    def prefer(name, spec, node_class):
        for taint in spec["template"]["spec"]["taints"]:
            taint["effect"] = "PreferNoSchedule"

    bare = Pod("p", 1, {"cpu": 1000}, contract.RAY_GPU_TRAIN.node_selector(), ())
    assert judge(bare, rendered(platform, prefer), platform.region).fits


def test_parts_of_gpus_come_from_the_managed_groups_that_share_them(platform):
    group = NodeGroup.model_validate(
        {
            "instance_types": ["g6.2xlarge"],
            "min": 0,
            "desired": 0,
            "max": 2,
            "accelerator": "nvidia",
            "taints": [{"key": "nvidia.com/gpu"}],
            "sharing": {"mode": "time-slicing", "replicas": 4},
        }
    )
    supply = fleet.group_supply("gpu", group, zones=platform.network.zones)

    def part(count: int) -> Pod:
        shared = contract.RAY_GPU_SHARED
        requests = {"cpu": 500, "nvidia.com/gpu.shared": 1}
        return Pod("p", count, requests, shared.node_selector(), tuple(shared.tolerations()))

    (fit,) = judge(part(8), [supply], platform.region).fits
    assert (fit.per_node, fit.nodes) == (4, 2)
    over = judge(part(9), [supply], platform.region)
    assert not over.fits and "its limit of 2 nodes is less than 3" in over.misses[0]
    whole = Pod("p", 1, {"nvidia.com/gpu": 1}, {}, part(1).tolerations)
    assert not judge(whole, [supply], platform.region).fits, "its GPUs are in parts"


def test_prices_decide_nothing_about_what_fits(platform, monkeypatch):
    priced = verdicts(platform, rendered(platform), manifest(platform))
    monkeypatch.setattr(schedulability.prices, "on_demand", lambda *_: None)
    monkeypatch.setattr(schedulability.prices, "spot", lambda *_: None)
    unpriced = verdicts(platform, rendered(platform), manifest(platform))
    assert {fit.type for fit in unpriced["head"].fits} == {fit.type for fit in priced["head"].fits}
