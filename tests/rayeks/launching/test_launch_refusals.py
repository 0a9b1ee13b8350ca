"""What a launch refuses at once, each with one message and a way out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rayeks.errors import UserError
from rayeks.launching import _manifest as sample_manifest
from rayeks.launching import launch, samples
from rayeks.launching.cluster import named
from rayeks.launching.result import Result, row_of

Outputs = Callable[..., dict[str, Any]]


def refusal(*arguments: Any, **options: Any) -> str:
    usual: dict[str, Any] = {"local": True}
    with pytest.raises(UserError) as caught:
        launch(*arguments, **usual | options)
    return str(caught.value)


def test_an_unknown_sample_is_answered_with_those_that_exist(outputs: Outputs) -> None:
    said = refusal("trian", outputs())
    assert "no sample 'trian'" in said
    assert "did you mean 'train'?" in said
    assert "it has: train" in said


def test_outputs_without_samples_say_where_they_come_from() -> None:
    assert "`samples` section" in refusal("train", {"cluster": "x"})
    assert samples({"workloads": None}) == {}


def test_an_s3_that_does_not_answer_is_named(outputs: Outputs) -> None:
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    said = refusal("train", outputs(), env=env | {"AWS_REGION": "us-east-1"})
    assert "S3 at http://127.0.0.1:9 does not answer" in said
    assert "rayeks up" in said


def test_a_bucket_that_is_gone_is_named(outputs: Outputs, s3: dict[str, str]) -> None:
    said = refusal("train", outputs(bucket_uri="s3://gone/x"), env=s3)
    assert "S3 bucket 'gone' does not exist" in said


@pytest.mark.parametrize("name", ["Train", "-x", "a" * 48, "a_b"])
def test_a_run_name_that_kubernetes_would_refuse_is_refused_everywhere(outputs: Outputs, name: str) -> None:
    assert "cannot name a run" in refusal("train", outputs(), run=name)


def test_an_override_must_name_a_variable(outputs: Outputs) -> None:
    assert "write NAME=value" in refusal("train", outputs(), overrides={"a-b": "1"})


def test_without_a_kubeconfig_there_is_nothing_to_launch_through(outputs: Outputs) -> None:
    assert "no kubeconfig" in refusal("train", outputs(), local=False)


def test_a_kubeconfig_that_is_not_there_is_named(outputs: Outputs, tmp_path: Path) -> None:
    assert f"{tmp_path}/none" in refusal("train", outputs(), local=False, kubeconfig=tmp_path / "none")


def test_what_is_neither_job_nor_service_is_not_launched(outputs: Outputs) -> None:
    stack = outputs()
    stack["workloads"]["train"]["manifest"]["kind"] = "RayCluster"
    assert "is a RayCluster, which is applied" in refusal("train", stack)


def test_what_runs_by_a_schedule_is_launched_once_as_the_job_that_it_repeats(outputs: Outputs) -> None:
    stack = outputs()
    once = stack["workloads"]["train"]["manifest"]
    timed = {**once, "kind": "RayCronJob", "spec": {"schedule": "@daily", "jobTemplate": once["spec"]}}
    assert sample_manifest("train", {"workloads": {"train": {"manifest": timed}}}) == once


def test_a_launched_manifest_has_its_own_name_and_variables_on_every_ray_container(outputs: Outputs) -> None:
    manifest = outputs()["workloads"]["train"]["manifest"]
    launched = named(manifest, "train-1", {"TRAIN_EPOCHS": "2", "RUN_NAME": "train-1"})
    cluster = launched["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        entries = group["template"]["spec"]["containers"][0]["env"]
        values = {entry["name"]: entry.get("value") for entry in entries}
        assert (values["TRAIN_EPOCHS"], values["RUN_NAME"]) == ("2", "train-1")
        assert len({entry["name"] for entry in entries}) == len(entries)
    assert launched["metadata"]["name"] == "train-1"
    assert manifest["metadata"]["name"] == "train"


def test_only_json_objects_are_rows() -> None:
    assert row_of('{"epoch": 1}') == {"epoch": 1}
    assert [row_of(line) for line in ("{broken", "text", "[1]", "", "{'a': 1}")] == [None] * 5


@pytest.mark.parametrize(("status", "code"), [("SUCCEEDED", 0), ("DETACHED", 0), ("FAILED", 1), ("STOPPED", 1)])
def test_the_exit_code_says_how_it_ended(status: str, code: int) -> None:
    assert Result("train-1", status, 1.0).exit_code == code
