"""Warm machines: room as large as what it is kept for, that gives way, where the next job will be."""

import pytest

from infra import contract, headroom
from infra.config import InvalidPlatform, parse
from infra.config.pools import GpuTrainPool, HeadPool, Limits
from infra.headroom_size import worker
from workloads import manifests
from workloads.spec import Cluster, Owner, Workers
from workloads.train.spec import CPU_WORKER

HEAD = HeadPool(kind="ray-head", headroom=2, limits=Limits(cpu=32, memory_gib=128))


def test_room_for_a_head_is_placed_and_sized_as_a_head_is() -> None:
    group = Workers(name="w", pool="ray-cpu", resources=CPU_WORKER, replicas=1)
    owner = Owner(namespace="ray-a", team="a")
    head = manifests.ray_cluster("c", owner, Cluster(image="i", workers=(group,)))["spec"]["headGroupSpec"]["template"]
    made = headroom.room("ray-head", HEAD, "i")
    pod = made["template"]["spec"]
    assert made["replicas"] == 2
    assert (pod["nodeSelector"], pod["tolerations"]) == (head["spec"]["nodeSelector"], head["spec"]["tolerations"])
    [holding], [real] = pod["containers"], head["spec"]["containers"]
    for resource in ("cpu", "memory"):
        assert holding["resources"]["requests"][resource] == real["resources"]["requests"][resource]


def test_room_gives_way_at_once_to_every_pod_that_does_something() -> None:
    pod = headroom.room("ray-head", HEAD, "i")["template"]["spec"]
    assert headroom.PRIORITY < 0 and pod["priorityClassName"] == headroom.NAMESPACE
    assert pod["terminationGracePeriodSeconds"] == 1, "at 0 kube-scheduler loses sight of it: kubernetes#141694"
    assert contract.DO_NOT_DISRUPT.keys().isdisjoint(pod)


def test_room_on_a_training_machine_is_the_whole_machine() -> None:
    limits = Limits(cpu=192, memory_gib=2048, gpus=8)
    pool = GpuTrainPool(kind="ray-gpu-train", instance_type="p5.48xlarge", zone="us-west-2b", limits=limits)
    assert worker(pool).gpus == 8


def test_an_image_is_fetched_on_the_pools_that_ask_and_tolerates_what_they_taint() -> None:
    pod = headroom.prepull("prepull-gpu", "i", ["ray-gpu-infer"])["template"]["spec"]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [{"matchExpressions": [{"key": "rayeks/pool", "operator": "In", "values": ["ray-gpu-infer"]}]}]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert [container["image"] for container in pod["containers"]] == ["i"]


def test_headroom_beyond_a_pools_limits_is_refused_with_path_and_fix(changed) -> None:
    with pytest.raises(InvalidPlatform) as told:
        parse(changed("pools.ray-head.headroom", 30))
    [cpus, memory] = told.value.problems
    assert str(cpus).startswith("pools.ray-head.headroom: 37.5 vCPUs are more than the pool may hold: 32 (ask for less")
    assert "180 GiB of memory" in str(memory)
