"""The contenders of the day: each can take every pod of it, and ours are the stack's own pools."""

from functools import cache

import pytest

from benchmarks.day import NAMES, STACK, contenders, made, trace, work
from benchmarks.day.contenders import Contender, cheapest
from infra import karpenter
from infra.config import Platform
from infra.contract import DO_NOT_DISRUPT
from infra.pods import pods
from infra.schedulability import Supply, node_pool, refusal
from local.home import root
from rayeks.plan import plan
from rayeks.preflight.stack import platform as configured
from rayeks.proof.model import requests

ITEMS = trace.generated(7)


@cache
def platform() -> Platform:
    return configured(plan(STACK, root=root()))


def contender(name: str) -> Contender:
    return made(platform(), ITEMS)[name]()


def supplies(one: Contender) -> list[Supply]:
    region, zones = platform().region, platform().network.zones
    return [node_pool(name, spec, {}, region=region, zones=zones) for name, spec in one.pools.items()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gpu", [False, True])
def test_every_pod_of_the_day_fits_a_pool_of_every_contender(name: str, gpu: bool):
    one = contender(name)
    item = next(each for each in ITEMS if each.gpu is gpu and each.wanted(0))
    for pod in pods(work.ray_cluster(item, 1, one.places, one.steady)):
        taking = [supply for supply in supplies(one) if refusal(pod, supply) is None]
        assert taking, f"{name}: nobody takes {pod}"
        gpus = [supply.name for supply in taking if any(m.held.get("nvidia.com/gpu") for m in supply.machines)]
        if pod.name == "head" or not gpu:
            assert not gpus, f"{name}: a CPU pod would be put on machines with GPUs: {gpus}"


def test_our_pools_are_those_of_the_stack_to_the_letter():
    ours = contender("ours")
    for name, pool in platform().pools.items():
        for tier, spec in karpenter.node_pools(name, pool).items():
            if tier in ours.pools:
                assert ours.pools[tier] == spec
    assert {"ray-head", "ray-cpu", "ray-gpu-infer"} <= set(ours.pools)
    assert any("security groups" in note for note in ours.notes)


def test_our_heads_are_not_disturbed_and_a_peer_s_are_as_it_has_them():
    item = ITEMS[0]
    ours, peer = (work.ray_cluster(item, 1, one.places, one.steady) for one in map(contender, ("ours", "ai-on-eks")))
    heads = [made["spec"]["headGroupSpec"]["template"]["metadata"]["annotations"] for made in (ours, peer)]
    assert heads == [DO_NOT_DISRUPT, {}]


def test_the_static_cluster_has_room_for_the_peak_and_no_machine_more():
    static, peak = contender("static"), trace.peak(ITEMS)
    for role, supply in zip(static.pools, supplies(static), strict=True):
        (machine,) = supply.machines
        nodes = static.pools[role]["replicas"]
        assert (nodes - 1) * machine.fits(work.PODS[role]) < peak[role] <= nodes * machine.fits(work.PODS[role])


def test_the_static_cluster_is_of_the_machines_on_which_the_peak_costs_least():
    machines = supplies(contender("ours"))[1].machines
    kind, nodes = cheapest(work.PODS["cpu"], 57, machines, platform().region)
    dearer, more = cheapest(work.PODS["cpu"], 57, [m for m in machines if m.type != kind], platform().region)
    assert (kind, nodes) != (dearer, more) and nodes >= 1


def test_the_arithmetic_s_pods_ask_for_what_the_rendered_ones_do():
    for gpu in (False, True):
        item = next(each for each in ITEMS if each.gpu is gpu)
        groups = work.ray_cluster(item, 1, contender("ours").places, frozenset())["spec"]
        for role, template in (
            ("head", groups["headGroupSpec"]["template"]),
            ("gpu" if gpu else "cpu", groups["workerGroupSpecs"][0]["template"]),
        ):
            asked = requests(template["spec"])
            assert work.PODS[role].requests["cpu"] == asked["cpu"] * 1000
            assert work.PODS[role].requests["memory"] == asked["memory"]


def test_the_peers_settings_are_those_they_publish():
    data, ai = contenders.data_on_eks(), contenders.ai_on_eks()
    assert {spec["disruption"]["consolidateAfter"] for spec in data.pools.values()} == {"600s", "15m"}
    assert {spec["disruption"]["consolidateAfter"] for spec in ai.pools.values()} == {"300s"}
    assert "taints" in ai.pools["gpu"]["template"]["spec"] and not data.pools["gpu"]["template"]["spec"]["taints"]
    assert all("limits" not in spec for spec in ai.pools.values())
