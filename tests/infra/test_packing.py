"""Karpenter fills big nodes without comparing prices, so a pool's machines are bounded by the pods that it serves."""

import math

from hypothesis import given
from hypothesis import strategies as st

from infra import fleet, packing, prices
from infra.config import parse
from infra.config.pools import CpuPool
from infra.pods import Pod
from infra.schedulability import Machine
from workloads.spec import Resources

USD = {"small": 1.0, "middle": 1.9, "large": 5.0}
MACHINES = [
    Machine(kind, {"cpu": cpu, "pods": 99}, {"cpu": cpu}, ())
    for kind, cpu in (("small", 4000), ("middle", 8000), ("large", 16000))
]


def price(kind: str) -> float:
    return USD[kind]


def pod(cpu: int, count: int = 1, name: str = "p") -> Pod:
    return Pod(name, count, {"cpu": cpu}, {}, ())


def size(machine: Machine) -> int:
    return machine.held["cpu"]


def test_pods_go_to_the_cheapest_type_of_those_that_hold_most():
    assert packing.nodes(pod(4000, 2), MACHINES, price) == [("middle", 2)]
    assert packing.nodes(pod(4000, 5), MACHINES, price) == [("large", 4), ("small", 1)]
    assert packing.nodes(pod(32000), MACHINES, price) == []


def test_the_bound_is_the_smallest_that_costs_about_as_little_as_any():
    assert packing.bound([pod(4000, 4)], pod(1000), MACHINES, size, price) == 8000, "two middle ones, not a large one"
    assert packing.bound([pod(4000)], pod(1000), MACHINES, size, price) == 4000
    assert packing.bound([pod(4000)], pod(16000), MACHINES, size, price) == 16000, "the promised pod must fit"
    assert packing.bound([pod(64000)], pod(1000), MACHINES, size, price) == 4000, "what fits nowhere says nothing"
    assert packing.bound([], pod(64000), MACHINES, size, price) is None


def test_heads_of_several_jobs_are_pending_together():
    (head,) = packing.merged([pod(2000, name="head"), pod(2500, name="head")])
    assert (head.count, head.requests) == (2, {"cpu": 2500})


@given(st.lists(st.tuples(st.integers(100, 16000), st.integers(1, 40)), min_size=1, max_size=5))
def test_every_pod_gets_its_place_and_the_bound_never_costs_a_twentieth_more_than_another(drawn):
    pods = [pod(cpu, count, str(index)) for index, (cpu, count) in enumerate(drawn)]
    for each in pods:
        assert sum(here for _, here in packing.nodes(each, MACHINES, price)) == each.count
    most = packing.bound(pods, pod(100), MACHINES, size, price)
    assert most

    def cost(bound: int) -> float:
        return packing.usd(pods, [machine for machine in MACHINES if size(machine) <= bound], price)

    assert cost(most) <= packing.NEAR * min(cost(bound) for bound in (4000, 8000, 16000)) < math.inf


def test_two_one_gpu_pods_are_two_small_machines_and_no_large_one(values):
    values["samples"]["train"] = {
        "tenant": "research",
        "bucket": "checkpoints",
        "pool": "ray-gpu-infer",
        "workers": 2,
    }
    values["pools"]["ray-gpu-infer"]["families"] = ["g6"]
    pool = parse(values).pools["ray-gpu-infer"]
    supply = fleet.pool_supply("p", pool, region="us-west-2", zones=["us-west-2a", "us-west-2b"])
    one = packing.promised("ray-gpu-infer")
    two = Pod("p", 2, one.requests, one.selector, one.tolerations)

    def usd(kind: str) -> float:
        known = prices.on_demand(kind, "us-west-2")
        return known.usd if known else math.inf

    assert [here for _, here in packing.nodes(two, supply.machines, usd)] == [1, 1]


def largest(values) -> int:
    pool = parse(values).pools["ray-cpu"]
    assert isinstance(pool, CpuPool) and pool.max_vcpus
    return pool.max_vcpus


def test_a_bound_of_the_stack_file_stands(values):
    values["pools"]["ray-cpu"]["max_vcpus"] = 96
    assert largest(values) == 96


def test_larger_workers_make_room_for_larger_machines(values, monkeypatch):
    few = largest(values)
    worker = Resources(cpu=24, memory_gib=48)
    monkeypatch.setattr("workloads.train.spec.CPU_WORKER", worker)
    values["pools"]["ray-cpu"]["limits"] = {"cpu": 512, "memory_gib": 4096}
    assert few < largest(values) and largest(values) >= 32, "24 CPUs do not fit on 16"
