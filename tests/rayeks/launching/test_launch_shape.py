"""A manifest scaled to one machine: what is kept, what is cut, and that the cut is said."""

import json
import pydoc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rayeks.errors import UserError
from rayeks.launching.autoscaling import config
from rayeks.launching.nodes import Cluster
from rayeks.launching.shape import Machine, shape, token_auth
from workloads.hybrid import spec as hybrid
from workloads.manifests import ray_job
from workloads.spec import Resources

LARGE = Machine(cpus=64, gpus=8, free_memory=10**12)
Outputs = Callable[..., dict[str, Any]]


def manifest(outputs: Outputs, **changes: Any) -> dict[str, Any]:
    return outputs(**changes)["workloads"]["train"]["manifest"]


def test_one_node_for_the_head_and_one_for_each_replica(outputs: Outputs) -> None:
    found = shape(manifest(outputs, workers=3), LARGE)
    assert [node.group for node in found.nodes] == ["headgroup", "trainers", "trainers", "trainers"]
    assert [node.cpus for node in found.nodes] == [0, 1, 1, 1]
    assert found.notes == ()


def test_a_large_machine_gives_what_is_asked(outputs: Outputs) -> None:
    worker = Resources(cpu=4, memory_gib=8, gpus=2, num_cpus=0, custom={"slot": 1})
    found = shape(manifest(outputs, gpu=True, worker=worker), LARGE)
    node = found.nodes[1]
    assert (node.cpus, node.gpus, node.custom) == (0, 2, {"slot": 1.0})
    assert node.labels == {"rayeks/pool": "ray-gpu-train"}


def test_a_small_machine_shares_its_cores_and_says_so(outputs: Outputs) -> None:
    asked = manifest(outputs, worker=Resources(cpu=4, memory_gib=8))
    found = shape(asked, Machine(cpus=2, gpus=0, free_memory=10**12))
    assert [node.cpus for node in found.nodes] == [0, 1, 1]
    assert found.notes == ("the workers ask for 8 CPUs, this machine has 2: they get 2",)


def test_every_worker_has_a_core_even_where_there_are_fewer(outputs: Outputs) -> None:
    found = shape(manifest(outputs, workers=4), Machine(cpus=1, gpus=0, free_memory=10**12))
    assert [node.cpus for node in found.nodes[1:]] == [1, 1, 1, 1]


def test_a_fraction_of_a_core_counts_as_one(outputs: Outputs) -> None:
    asked = manifest(outputs, worker=Resources(cpu=0.5, memory_gib=1))
    assert [node.cpus for node in shape(asked, LARGE).nodes[1:]] == [1, 1]


def test_a_containers_environment_goes_to_its_node(outputs: Outputs) -> None:
    nodes = shape(manifest(outputs, epochs=3), LARGE).nodes
    assert nodes[0].env["TRAIN_EPOCHS"] == "3"
    assert "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S" in nodes[1].env


def test_missing_gpus_are_an_error_before_anything_starts(outputs: Outputs) -> None:
    with pytest.raises(UserError, match="asks for 2 GPUs and this machine has 0"):
        shape(manifest(outputs, gpu=True, worker=None), Machine(cpus=8, gpus=0, free_memory=10**12))


def test_missing_memory_is_an_error_before_anything_starts(outputs: Outputs) -> None:
    with pytest.raises(UserError, match=r"3 Ray nodes need 2\.1 GB of memory, 1\.0 GB are free"):
        shape(manifest(outputs), Machine(cpus=8, gpus=0, free_memory=10**9))


def test_the_token_is_asked_for_as_in_the_manifest(outputs: Outputs) -> None:
    asked = manifest(outputs)
    assert token_auth(asked)
    del asked["spec"]["rayClusterSpec"]["authOptions"]
    assert not token_auth(asked)


def scaling(gpu: bool = False, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"namespace": "ray-a", "bucket_uri": "s3://b/p", "image": "ray", "team": "a", "gpu": gpu}
    return ray_job(hybrid.job(**usual | changes))


def test_groups_that_begin_with_nobody_are_the_autoscalers_and_the_cluster_begins_with_its_head() -> None:
    found = shape(scaling(workers=4), LARGE)
    assert [node.group for node in found.nodes] == ["headgroup"]
    kinds = {kind.node.group: kind for kind in found.kinds}
    assert list(kinds) == ["etl", "transform", "train", "infer"]
    train = kinds["train"]
    assert (train.least, train.most, train.idle_s) == (0, 4, hybrid.IDLE_S)
    assert (train.node.cpus, train.node.custom) == (4, {"train": 1.0})


def test_the_autoscalers_groups_are_no_larger_than_the_machine_and_that_is_said() -> None:
    found = shape(scaling(workers=4), Machine(cpus=2, gpus=0, free_memory=10**12))
    train = next(kind for kind in found.kinds if kind.node.group == "train")
    assert (train.most, train.node.cpus) == (2, 1)
    assert "group 'train': 2 nodes at most, not 4, of 1 CPUs each, not 4" in found.notes


def test_scaling_groups_ask_for_no_gpu_and_no_memory_that_is_not_there() -> None:
    with pytest.raises(UserError, match="asks for 2 GPUs and this machine has 0"):
        shape(scaling(gpu=True), Machine(cpus=8, gpus=0, free_memory=10**12))
    with pytest.raises(UserError, match=r"3 Ray nodes need 2\.1 GB of memory, 1\.0 GB are free"):
        shape(scaling(), Machine(cpus=8, gpus=0, free_memory=10**9))


def test_the_autoscalers_configuration_has_a_type_for_each_group() -> None:
    found = shape(scaling(), LARGE)
    cluster = Cluster("127.0.0.2:1", "http://127.0.0.1:2", None, Path("/x"), {"A": "1"})
    told = config(found.kinds, cluster.described())
    assert json.loads(json.dumps(told)) == told
    assert pydoc.locate(told["provider"]["module"]), "the autoscaler loads it by this name"
    etl = told["available_node_types"]["etl"]
    assert (etl["resources"], etl["min_workers"], etl["max_workers"]) == ({"CPU": 4, "GPU": 0, "etl": 1.0}, 0, 2)
    assert etl["idle_timeout_s"] == hybrid.IDLE_S
    assert told["max_workers"] == sum(kind.most for kind in found.kinds)
