"""The service as data, judged by Serve's own schema and KubeRay's CRD."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from infra import contract
from workloads.manifests import ray_service
from workloads.serve.spec import SPEED, serve_config, service

Judge = Callable[[dict[str, Any]], list[str]]


def stages(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in config["applications"][0]["deployments"]}


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("fast", [False, True])
def test_serve_accepts_the_config(gpu: bool, fast: bool) -> None:
    config = serve_config(models_uri="s3://b/models", gpu=gpu, fast=fast)
    parsed = ServeDeploySchema.model_validate(config)
    assert [stage.name for stage in parsed.applications[0].deployments] == list(stages(config))


@pytest.mark.parametrize("gpu", [False, True])
def test_kuberay_accepts_the_service(gpu: bool, complaints: Judge) -> None:
    manifest = ray_service(service(namespace="ray-a", models_uri="s3://b/m", image="ray", team="a", gpu=gpu))
    assert complaints(manifest) == []
    assert yaml.safe_load(manifest["spec"]["serveConfigV2"])["applications"][0]["name"] == "digits"


def test_every_pod_of_a_service_runs_as_serves_account() -> None:
    cluster = service(namespace="ray-a", models_uri="s3://b/m", image="ray", team="a", gpu=True).cluster
    assert {group.service_account for group in (cluster.head, *cluster.workers)} == {"ray-serve"}


def test_serve_understands_what_makes_it_quick_and_keeps_a_proxy_on_every_node() -> None:
    made = service(namespace="ray-a", models_uri="s3://b/m", image="ray", team="a", env={"MINE": "1"})
    assert made.cluster.env == {**SPEED, "MINE": "1"}
    asked = ("USE_GRPC_BY_DEFAULT", "RUN_USER_CODE_IN_SEPARATE_THREAD", "ENABLE_DIRECT_INGRESS")
    code = f"from ray.serve._private import constants as c; print(*(getattr(c, 'RAY_SERVE_' + n) for n in {asked}))"
    told = subprocess.run([sys.executable, "-c", code], env={**os.environ, **SPEED}, capture_output=True, text=True)
    assert told.stdout.split() == ["True", "False", "False"], told.stderr


def test_every_stage_has_two_replicas_and_no_node_holds_both_of_a_fixed_one() -> None:
    for stage in stages(serve_config(models_uri="s3://b/m")).values():
        if scaling := stage.get("autoscaling_config"):
            assert scaling["min_replicas"] == 2
        else:
            assert (stage["num_replicas"], stage["max_replicas_per_node"]) == (2, 1)


def test_four_replicas_share_a_gpu_and_take_no_cpu_of_a_gpu_node() -> None:
    found = stages(serve_config(models_uri="s3://b/m", gpu=True))
    for name in ("Classifier", "TenantHead"):
        assert found[name]["ray_actor_options"] == {"num_cpus": 0, "num_gpus": 0.25}
    groups = service(namespace="ray-a", models_uri="s3://b/m", image="ray", team="a", gpu=True).cluster.workers
    assert {group.pool for group in groups} == {contract.RAY_CPU.name, contract.RAY_GPU_INFER.name}
    assert all(group.minimum >= 2 for group in groups)


def test_another_model_changes_the_classifiers_user_config_alone() -> None:
    before, after = (stages(serve_config(models_uri="s3://b/m", model=model)) for model in ("digits@1", "digits@2"))
    changed = {name: stage for name, stage in after.items() if stage != before[name]}
    assert list(changed) == ["Classifier"]
    assert changed["Classifier"] | {"user_config": {"model": "digits@1"}} == before["Classifier"]
