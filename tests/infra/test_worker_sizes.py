"""The samples' pods fill the machines that they are sized for, and one more would not fit."""

import pytest

from infra import fleet
from infra.config import parse
from infra.pods import Pod, pods
from infra.schedulability import Machine
from tests.infra.conftest import VALUES
from workloads import manifests, sizes
from workloads.spec import Cluster, Head, Owner, Resources, Workers

HEADS = {"m6a.xlarge": 2, "m6a.2xlarge": 4}
WORKERS = [
    ("ray-cpu", sizes.CPU_WORKER, {"c6a.xlarge": 1, "c6a.2xlarge": 2}),
    ("ray-cpu", sizes.DATA_WORKER, {"m6a.xlarge": 1, "m6a.2xlarge": 2}),
    ("ray-gpu-infer", sizes.GPU_WORKER, {"g6.xlarge": 1, "g6e.xlarge": 1}),
]


def machines(pool: str) -> dict[str, Machine]:
    """All machines of a pool of the test's stack, with what daemons leave of each."""
    settings = parse(VALUES).pools[pool]
    unbound = settings.model_copy(update={"max_vcpus": None, "max_gpus_per_node": None})
    supply = fleet.pool_supply(pool, unbound, region="us-west-2", zones=["us-west-2a", "us-west-2b"])
    return {machine.type: machine for machine in supply.machines}


def cluster(pool: str, each: Resources) -> dict[str, Pod]:
    """The pods of a Ray cluster that scales, by name."""
    group = Workers(name="workers", pool=pool, resources=each, replicas=1)
    made = Cluster(image="ray", head=Head(), workers=(group,), autoscaling=True)
    return {pod.name: pod for pod in pods(manifests.ray_cluster("c", Owner(namespace="ray-a", team="a"), made))}


@pytest.mark.parametrize(("pool", "each", "held"), WORKERS)
def test_as_many_workers_fit_on_a_machine_as_it_is_sold_for(pool: str, each: Resources, held: dict[str, int]) -> None:
    worker, known = cluster(pool, each)["workers"], machines(pool)
    assert {kind: known[kind].fits(worker) for kind in held} == held


def test_heads_with_their_autoscaler_come_two_and_four_to_a_machine() -> None:
    head, known = cluster("ray-cpu", sizes.CPU_WORKER)["head"], machines("ray-head")
    assert head.requests["cpu"] == 1750
    assert {kind: known[kind].fits(head) for kind in HEADS} == HEADS
