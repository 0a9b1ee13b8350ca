"""Karpenter's core on a cloud of ours: what real EC2 does now and then, and what it packs together."""

from collections.abc import Generator
from functools import cache
from typing import Any

import pytest

from benchmarks import day
from benchmarks.day import contenders, work
from benchmarks.day.trace import Item
from benchmarks.simulated import apply, simulated
from infra import karpenter
from infra.config import Platform
from local import kubernetes
from local.controllers.translate import node_pool, without
from local.home import root
from local.providers.kubernetes.client import ApiServer
from rayeks.plan import plan
from rayeks.preflight.stack import platform as configured
from rayeks.proof import launches
from rayeks.proof.cluster import Cluster
from tests.rayeks.proof.waiting import until

pytestmark = [pytest.mark.engine, pytest.mark.slow]

EMPTY, OPEN = "us-west-2a", "us-west-2b"


@cache
def platform() -> Platform:
    return configured(plan(day.STACK, root=root()))


@pytest.fixture(scope="module")
def api() -> Generator[ApiServer]:
    """The stack's pools, in a region of which one zone has no machine left."""
    with simulated(without(day.machines(platform()), EMPTY), print) as found:
        apply(found, launches.namespace())
        apply(found, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": work.NAMESPACE}})
        for name, pool in platform().pools.items():
            for tier, spec in karpenter.node_pools(name, pool).items():
                for item in node_pool(tier, spec):
                    apply(found, item)
        yield found


@pytest.fixture
def cluster(api: ApiServer) -> Cluster:
    return Cluster(kubernetes.kubeconfig("admin"), platform().region)


def probe(name: str, pool: str, **selector: str) -> dict[str, Any]:
    """A pod for a pool under a name of its own, with more that it asks of its node."""
    made = launches.probe(pool, platform().pools[pool])
    made["metadata"] |= {"name": name, "labels": {launches.LAUNCH_LABEL: name}}
    made["spec"]["nodeSelector"] = made["spec"]["nodeSelector"] | selector
    return made


def pod(cluster: Cluster, name: str) -> Any:
    return next((each for each in cluster.pods() if each.owner == name), None)


def test_a_zone_without_capacity_is_gone_around_and_named_to_who_insists_on_it(cluster: Cluster):
    cluster.apply(probe("anywhere", "ray-cpu"))
    cluster.apply(probe("insists", "ray-cpu", **{"topology.kubernetes.io/zone": EMPTY}))
    until(lambda: (found := pod(cluster, "anywhere")) and found.ready)
    assert {machine.zone for machine in cluster.machines()} <= {OPEN, "us-west-2c"}
    reason = until(lambda: (found := pod(cluster, "insists")) and "karpenter" in found.reason.lower() and found.reason)
    assert EMPTY in reason or "no instance type" in reason
    assert not pod(cluster, "insists").ready


def test_a_node_that_never_joins_is_told_by_name_and_type(cluster: Cluster):
    spec = karpenter.node_pool("never", platform().pools["ray-cpu"])
    for item in node_pool("never", spec, seconds=3600):
        apply(cluster.api, item)
    try:
        cluster.apply(probe("waits", "ray-cpu", **{"karpenter.sh/nodepool": "never"}))
        said = until(cluster.unjoined)
        assert "of never" in said[0] and "has not joined" in said[0]
        assert not pod(cluster, "waits").ready
    finally:
        cluster.delete(probe("waits", "ray-cpu"))
        cluster.delete({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "never"}})


def test_two_one_gpu_pods_get_machines_of_one_gpu_each_and_not_a_large_one(cluster: Cluster):
    for name in ("gpu-1", "gpu-2"):
        cluster.apply(probe(name, "ray-gpu-infer"))
    until(lambda: all((found := pod(cluster, name)) and found.ready for name in ("gpu-1", "gpu-2")))
    machines = [machine for machine in cluster.machines() if machine.pool.startswith("ray-gpu-infer")]
    assert [machine.allocatable["nvidia.com/gpu"] for machine in machines] == [1, 1]
    assert sum(machine.usd_per_hour or 0 for machine in machines) < 4.60


def test_a_head_on_demand_does_not_draw_its_workers_onto_its_machine(cluster: Cluster):
    ours = contenders.ours(platform())
    item = Item(name="small", kind="etl", start=0, minutes=10, gpu=False, workers=((0, 2),))
    apply(cluster.api, work.ray_cluster(item, 2, ours.places, ours.steady))

    def placed() -> dict[str, Any]:
        found = cluster.listed(f"/api/v1/namespaces/{work.NAMESPACE}/pods", work.ROLE)
        roles = {each["metadata"]["name"]: each for each in found if each["spec"].get("nodeName")}
        return roles if len(roles) == 3 else {}

    nodes = {machine.name: machine for machine in (until(placed) and cluster.machines())}
    for found in placed().values():
        machine = nodes[found["spec"]["nodeName"]]
        head = found["metadata"]["labels"][work.ROLE] == "head"
        assert (machine.pool, machine.capacity) == (("ray-head", "on-demand") if head else ("ray-cpu", "spot"))
