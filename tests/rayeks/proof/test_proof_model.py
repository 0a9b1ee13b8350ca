"""The arithmetic of a proof: who answers for which part of a machine."""

import pytest

from rayeks.proof.model import Machine, Pod, placement, quantity, requests

GIB = 2**30


def machine(name: str = "n1", usd: float | None = 2.0, **allocatable: float) -> Machine:
    held = allocatable or {"cpu": 8.0, "memory": 32.0 * GIB}
    return Machine(name, "ray-cpu", "m7i.2xlarge", "us-west-2a", "spot", usd, held)


def pod(name: str, owner: str = "train", node: str | None = "n1", ready: bool = True, **asked: float) -> Pod:
    return Pod(name, owner, node, ready, asked or {"cpu": 2.0, "memory": 4.0 * GIB})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2.0),
        ("2Gi", 2.0 * GIB),
        ("7910m", 7.91),
        (3, 3.0),
        ("1e3", 1000.0),
        ("32988592Ki", 32988592 * 1024.0),
    ],
)
def test_kubernetes_quantities_are_numbers(text: str | int, number: float):
    assert quantity(text) == pytest.approx(number)


def test_a_pod_asks_for_the_sum_of_its_containers_or_its_largest_init_container():
    spec = {
        "containers": [
            {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
            {"resources": {"requests": {"cpu": "500m"}}},
        ],
        "initContainers": [{"resources": {"requests": {"cpu": "1", "memory": "3Gi"}}}],
    }
    assert requests(spec) == {"cpu": 1.5, "memory": 3.0 * GIB}


def test_a_launch_alone_on_its_machine_answers_for_all_of_it():
    mine = [pod("a"), pod("b")]
    found = placement("train", 30.0, mine, mine, [machine()])
    assert (found.usd_per_hour, found.pods, found.bought) == (2.0, 2, "1 × m7i.2xlarge spot")
    assert found.stranded == {"cpu": 4.0, "memory": 24.0 * GIB}


def test_a_shared_machine_is_split_by_what_each_asks_most_of():
    mine, other = pod("a", cpu=4.0, memory=1.0 * GIB), pod("b", "serve", cpu=1.0, memory=16.0 * GIB)
    both = [mine, other]
    costs = [placement(each.owner, 1.0, [each], both, [machine()]).usd_per_hour for each in both]
    assert costs == [1.0, 1.0]  # half of the CPUs here, half of the memory there


def test_the_parts_of_a_shared_machine_add_up_to_its_price():
    pods = [pod("a", cpu=1.0), pod("b", "serve", cpu=2.5), pod("c", "data", cpu=0.5)]
    costs = [placement(each.owner, 1.0, [each], pods, [machine()]).usd_per_hour for each in pods]
    assert sum(cost for cost in costs if cost is not None) == pytest.approx(2.0)


def test_a_machine_without_a_price_makes_the_cost_unknown_and_not_zero():
    mine = [pod("a")]
    assert placement("train", 1.0, mine, mine, [machine(usd=None)]).usd_per_hour is None


def test_a_pod_that_is_not_ready_is_a_fault_in_the_controllers_words():
    waiting = Pod("ns/a", "train", None, False, {"cpu": 1.0}, "no instance type satisfied resources")
    found = placement("train", 1.0, [waiting], [waiting], [machine()])
    assert found.faults == ("ns/a: no instance type satisfied resources",)
