"""The pipeline's one configuration: a group for each kind of machine, empty until it is asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workloads import digits
from workloads.hybrid import spec
from workloads.hybrid.__main__ import parse
from workloads.hybrid.driver import busy_s
from workloads.hybrid.settings import KINDS
from workloads.manifests import ray_job
from workloads.storage import Storage, StorageError, open_storage
from workloads.train import rows

Judge = Callable[[dict[str, Any]], list[str]]


def manifest(**changes: Any) -> dict[str, Any]:
    return ray_job(spec.job(namespace="ray-a", bucket_uri="s3://b/p", image="ray", team="a", **changes))


@pytest.mark.parametrize("gpu", [False, True])
def test_the_crd_accepts_it(complaints: Judge, gpu: bool) -> None:
    assert complaints(manifest(gpu=gpu)) == []


def test_every_kind_of_machine_is_a_group_with_its_tag_that_begins_empty_and_empties_soon() -> None:
    cluster = manifest(gpu=True, workers=4)["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert tuple(groups) == KINDS
    for kind, group in groups.items():
        assert group["resources"][kind] == "1"
        assert (group["replicas"], group["minReplicas"], group["idleTimeoutSeconds"]) == (0, 0, spec.IDLE_S)
    assert groups["train"]["maxReplicas"] == 4
    assert groups["transform"]["maxReplicas"] == 1


def test_machines_with_gpus_take_no_cpu_work() -> None:
    groups = {group["groupName"]: group for group in manifest(gpu=True)["spec"]["rayClusterSpec"]["workerGroupSpecs"]}
    assert {kind: group["resources"].get("CPU") for kind, group in groups.items()} == {
        "etl": "4",
        "transform": None,
        "train": "0",
        "infer": "0",
    }


def test_what_runs_side_by_side_on_a_node_is_busy_once() -> None:
    spans = [("a", 0.0, 4.0), ("a", 1.0, 2.0), ("a", 3.0, 6.0), ("b", 0.0, 1.0), ("a", 8.0, 9.0)]
    assert busy_s(spans) == pytest.approx(6 + 1 + 1)
    assert busy_s([]) == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "say where stages leave their work"),
        (["--storage", "/x", "--profile", "tpu"], "no profile 'tpu'"),
        (["--storage", "/x", "--workers", "0"], "less than 1"),
    ],
)
def test_a_wrong_flag_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments, {})
    assert reason in capsys.readouterr().err


@pytest.fixture
def features(tmp_path) -> Storage:
    folder = open_storage(str(tmp_path))
    rows.save(folder, *digits.split())
    return folder


def test_rows_that_a_stage_left_are_those_that_training_reads(features: Storage) -> None:
    for left, shipped in zip(rows.load(features.uri), digits.split(), strict=True):
        np.testing.assert_array_equal(left.images, shipped.images)
        np.testing.assert_array_equal(left.labels, shipped.labels)


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (np.zeros((5, 32)), np.zeros(5), r"the model takes n × 64, the data is \(5, 32\)"),
        (np.zeros((5, 64)), np.zeros(4), "the model takes"),
        (np.zeros((5, 64)), np.full(5, 10), "labels are 10–10, not 0–9"),
    ],
)
def test_rows_of_another_shape_than_the_models_are_refused(
    features: Storage, images: np.ndarray, labels: np.ndarray, reason: str
) -> None:
    rows.save(features, digits.Split(images, labels), digits.split()[1])
    with pytest.raises(StorageError, match=reason):
        rows.load(features.uri)


def test_missing_and_broken_rows_are_named(features: Storage) -> None:
    features.write("training.npz", b"not arrays")
    with pytest.raises(StorageError, match=r"training\.npz holds no rows"):
        rows.load(features.uri)
    features.delete("training.npz")
    with pytest.raises(StorageError, match=r"training\.npz does not exist"):
        rows.load(features.uri)
