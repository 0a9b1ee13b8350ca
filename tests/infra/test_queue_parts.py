"""Queues over parts of GPUs: turns and slices have names of their own, and are promised like whole ones."""

from typing import Any

import pytest

from infra import contract, queueing
from infra.config.node_groups import NodeGroup
from infra.config.pools import CpuPool, GpuInferPool, HeadPool, Limits
from infra.config.queueing import Queueing
from infra.config.tenants import Quota, Tenant
from workloads import manifests
from workloads.spec import Cluster, Job, Owner, Resources, Workers

SETTINGS = Queueing()
POOLS = {
    "head": HeadPool(kind="ray-head", limits=Limits(cpu=32, memory_gib=128)),
    "cpu": CpuPool(kind="ray-cpu", limits=Limits(cpu=100, memory_gib=400)),
    "gpu": GpuInferPool(kind="ray-gpu-infer", limits=Limits(cpu=64, memory_gib=256, gpus=8)),
}


def shared(**changes: Any) -> NodeGroup:
    """A managed group that hands each of its GPUs out four times, or as `changes` say."""
    return NodeGroup.model_validate(
        {
            "instance_types": ["g6.2xlarge"],
            "accelerator": "nvidia",
            "sharing": {"mode": "time-slicing", "replicas": 4},
            "taints": [{"key": "nvidia.com/gpu"}],
            "min": 0,
            "desired": 0,
            "max": 2,
        }
        | changes
    )


PARTS = {
    "turns": ({"gpu": shared()}, "nvidia.com/gpu.shared", 2 * 4),
    "slices": (
        {"gpu": shared(instance_types=["p4d.24xlarge"], sharing=None, mig="1g.5gb")},
        "nvidia.com/mig-1g.5gb",
        2 * 8 * 7,
    ),
}


@pytest.mark.parametrize("how", PARTS)
def test_parts_of_gpus_are_counted_by_their_own_name_and_no_gpu_twice(how: str) -> None:
    groups, resource, there = PARTS[how]
    found = queueing.flavours(POOLS, groups)
    assert all(list(flavour.limits) == [*queueing.RESOURCES, resource] for flavour in found), "as Kueue wants them"
    (parts,) = (flavour for flavour in found if flavour.pool is contract.RAY_GPU_SHARED)
    assert parts.limits[resource] == there
    assert parts.limits[contract.GPU_RESOURCE] == 0, "its GPUs are in parts"
    assert parts.spec()["nodeLabels"] == contract.RAY_GPU_SHARED.labels()
    assert sum(flavour.limits[resource] for flavour in found) == there
    whole = queueing.flavours(POOLS)
    assert [flavour.limits[contract.GPU_RESOURCE] for flavour in found if flavour is not parts] == [
        flavour.limits[contract.GPU_RESOURCE] for flavour in whole
    ]


def test_a_group_of_several_types_promises_what_the_smallest_holds() -> None:
    (one,) = (f for f in queueing.flavours({}, {"gpu": shared(instance_types=["g6.xlarge", "g6.2xlarge"])}))
    (small,) = (f for f in queueing.flavours({}, {"gpu": shared(instance_types=["g6.xlarge"])}))
    assert one.limits == small.limits


def test_what_teams_are_promised_of_the_parts_is_never_more_than_there_are() -> None:
    groups, resource, there = PARTS["turns"]
    found = queueing.flavours(POOLS, groups)
    tenants = {name: Tenant(cost_center="x", quota=Quota(gpu_parts=6)) for name in ("research", "ads")}
    (parts,) = (flavour for flavour in found if flavour.pool is contract.RAY_GPU_SHARED)
    promises = [queueing.nominal(parts, team, tenants)[resource] for team in tenants]
    assert promises == [4, 4], "6 and 6 of 8, in equal parts"
    for team in tenants:
        (group,) = queueing.cluster_queue(team, tenants, found, SETTINGS)["resourceGroups"]
        assert resource in group["coveredResources"]
        for flavour in group["flavors"]:
            assert [each["name"] for each in flavour["resources"]] == group["coveredResources"]
    assert queueing.reachable(parts, "ads", tenants, SETTINGS)[resource] <= there


def test_a_job_that_asks_for_more_parts_than_its_queue_ever_has_is_named() -> None:
    groups, resource, there = PARTS["turns"]
    found = queueing.flavours(POOLS, groups)
    tenants = {"research": Tenant(cost_center="x", quota=Quota(gpu_parts=100))}

    def asking(count: int) -> dict[str, Any]:
        part = Resources(cpu=0.1, memory_gib=0.1, gpus=1, gpu_resource=resource)
        group = Workers(name="w", pool="ray-gpu-shared", resources=part, replicas=count)
        owner = Owner(namespace="ray-research", team="research")
        return manifests.ray_job(
            Job(name="j", owner=owner, cluster=Cluster(image="i", workers=(group,)), entrypoint="x")
        )

    assert list(queueing.shortfalls(asking(there), "research", tenants, found, SETTINGS)) == []
    (lack,) = queueing.shortfalls(asking(there + 1), "research", tenants, found, SETTINGS)
    assert (lack.pool, lack.resource, lack.most) == ("ray-gpu-shared", resource, there)
