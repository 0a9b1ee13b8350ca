"""Samples that could not run are refused with the key to mend: names, rights, machines and quota."""

import copy
from typing import Any

import pytest

from infra.config import InvalidPlatform, parse
from infra.config.rules.samples import NEEDS
from infra.config.samples import Samples
from infra.iam_tenant import BUCKETS

SAMPLES: dict[str, dict[str, Any]] = {
    "train": {"tenant": "research", "bucket": "checkpoints"},
    "serve": {"tenant": "research", "models": "artifacts"},
    "data": {"tenant": "research", "bucket": "datasets", "models": "artifacts"},
    "hybrid": {"tenant": "research", "bucket": "checkpoints"},
    "loop": {"tenant": "research", "checkpoints": "checkpoints", "models": "artifacts", "data": "datasets"},
}


@pytest.fixture
def right(values: dict[str, Any]) -> dict[str, Any]:
    """A stack file with every sample and every bucket."""
    values["storage"]["buckets"] = {bucket: {} for bucket in sorted(BUCKETS)}
    values["samples"] = copy.deepcopy(SAMPLES)
    values["tenants"]["research"]["quota"] = {"cpu": 128, "memory": "512Gi", "gpus": 8}
    return values


def mistakes(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_every_sample_can_stand_in_one_stack(right: dict[str, Any]) -> None:
    assert parse(right).samples.serve


def test_every_sample_has_its_needs_written_down() -> None:
    assert set(NEEDS) == set(Samples.model_fields) - {"pipeline"} == set(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_tenant_that_is_not_there_is_named(right: dict[str, Any], sample: str) -> None:
    right["samples"][sample]["tenant"] = "nobody"
    assert "no tenant nobody (there are research)" in mistakes(right)[f"samples.{sample}.tenant"]


@pytest.mark.parametrize(("sample", "key"), [(sample, key) for sample, needs in NEEDS.items() for key in needs])
def test_a_bucket_that_is_not_there_is_named(right: dict[str, Any], sample: str, key: str) -> None:
    right["samples"][sample][key] = "nowhere"
    assert "no bucket nowhere" in mistakes(right)[f"samples.{sample}.{key}"]


@pytest.mark.parametrize(
    ("sample", "key", "bucket", "says"),
    [
        ("train", "bucket", "datasets", "pods of ray-head may not write in datasets (use checkpoints or logs)"),
        ("train", "bucket", "artifacts", "pods of ray-worker may not write in artifacts"),
        ("serve", "models", "checkpoints", "pods of ray-serve may not read in checkpoints (use artifacts or logs)"),
        ("data", "bucket", "artifacts", "pods of ray-worker may not write in artifacts"),
        ("loop", "models", "datasets", "pods of ray-head may not write in datasets"),
    ],
)
def test_a_bucket_that_the_pods_may_not_use_so_is_refused_with_those_they_may(
    right: dict[str, Any], sample: str, key: str, bucket: str, says: str
) -> None:
    right["samples"][sample][key] = bucket
    assert says in mistakes(right)[f"samples.{sample}.{key}"]


@pytest.mark.parametrize(
    ("sample", "changes", "pool", "path"),
    [
        ("train", {"pool": "ray-gpu-infer"}, "ray-gpu-infer", "samples.train.pool"),
        ("serve", {"pool": "ray-gpu-infer"}, "ray-gpu-infer", "samples.serve.pool"),
        ("serve", {}, "ray-cpu", "samples.serve.pool"),
        ("data", {"pool": "ray-data"}, "ray-data", "samples.data.pool"),
        ("data", {"gpu": True}, "ray-gpu-infer", "samples.data.gpu"),
        ("hybrid", {}, "ray-data", "samples.hybrid.memory_pool"),
        ("hybrid", {"gpu": True}, "ray-gpu-infer", "samples.hybrid.gpu"),
        ("loop", {}, "ray-cpu", "samples.loop.pool"),
    ],
)
def test_a_pool_that_is_lacking_is_named(
    right: dict[str, Any], sample: str, changes: dict[str, Any], pool: str, path: str
) -> None:
    right["samples"] = {sample: SAMPLES[sample] | changes}
    del right["pools"][pool]
    assert f"no pool of kind {pool} (it would stay Pending; add one)" in mistakes(right)[path]


@pytest.mark.parametrize(
    ("sample", "changes", "quota", "says"),
    [
        ("train", {"pool": "ray-gpu-train", "workers": 16}, {}, "16 GPUs exceed the quota of 8 GPUs"),
        ("train", {"workers": 40}, {}, "141.25 vCPUs exceed the quota of 128 vCPUs"),
        ("serve", {}, {"memory": "24Gi"}, "30 GiB of memory exceed the quota of 24 GiB of memory"),
        ("data", {"gpu": True, "most": 9}, {}, "9 GPUs exceed the quota of 8 GPUs"),
        ("hybrid", {"gpu": True, "most": 5}, {}, "10 GPUs exceed the quota of 8 GPUs"),
        ("loop", {"workers": 40}, {}, "141.25 vCPUs exceed the quota of 128 vCPUs"),
    ],
)
def test_a_quota_that_is_too_small_is_told_with_what_is_asked(
    right: dict[str, Any], sample: str, changes: dict[str, Any], quota: dict[str, Any], says: str
) -> None:
    right["samples"][sample] |= changes
    right["tenants"]["research"]["quota"] |= quota
    key = "workers" if sample in ("train", "loop") else "most"
    assert says in mistakes(right)[f"samples.{sample}.{key}"]


def test_an_elastic_run_must_have_room_to_shrink(right: dict[str, Any]) -> None:
    right["samples"]["train"] |= {"workers": 2, "least": 2}
    assert "least 2 must be below workers 2" in str(mistakes(right))


@pytest.mark.parametrize(
    ("pipeline", "without", "path", "says"),
    [
        ({}, "loop", "samples.pipeline", "no loop to repeat (add samples.loop)"),
        ({"deploy": True}, None, "samples.pipeline.deploy", "takes no RayCronJob (set ray.cron_jobs: true)"),
        ({"schedule": "at three"}, None, "samples.pipeline.schedule", "'at three' is not a cron schedule"),
    ],
)
def test_a_pipeline_that_could_not_run_is_refused(
    right: dict[str, Any], pipeline: dict[str, Any], without: str | None, path: str, says: str
) -> None:
    right["samples"]["pipeline"] = pipeline
    if without:
        del right["samples"][without]
    assert says in mistakes(right)[path]


def test_a_pipeline_is_deployed_where_kuberay_takes_it(right: dict[str, Any]) -> None:
    right["samples"]["pipeline"] = {"deploy": True}
    right["ray"] = {"cron_jobs": True}
    assert parse(right).samples.pipeline
