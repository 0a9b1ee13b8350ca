"""The samples of a stack as outputs: each one's manifest as applied, and the command that launches it."""

from typing import Any

from infra import contract
from infra.buckets import bucket_name
from infra.config import Platform
from infra.config.tenants import TrainSample
from infra.images import registry
from workloads import manifests
from workloads.train import spec as train

Launch = dict[str, Any]


def launches(platform: Platform) -> dict[str, Launch]:
    """Sample name → `manifest` (the object as applied) and `launch` (the command)."""
    found = {}
    if platform.samples.train:
        found["train"] = _train(platform, platform.samples.train)
    return found


def _train(platform: Platform, sample: TrainSample) -> Launch:
    namespace = contract.namespace(sample.tenant)
    bucket = bucket_name(platform.name, sample.bucket, platform.aws)
    gpu = contract.POOLS[sample.pool].gpu
    job = train.job(
        namespace=namespace,
        bucket_uri=contract.storage_uri(bucket, namespace, "train"),
        image=_image(platform, gpu=gpu),
        team=sample.tenant,
        gpu=gpu,
        workers=sample.workers,
        pool=sample.pool,
    )
    return {"manifest": manifests.ray_job(job), "launch": _command("train", platform)}


def _image(platform: Platform, *, gpu: bool) -> str:
    """The workloads' image in the stack's own registry; without one, the name that it has on a laptop."""
    own = f"{registry(platform.aws)}/{platform.name}" if platform.storage.images else None
    return contract.image(own, gpu=gpu)


def _command(sample: str, platform: Platform) -> str:
    return f"rayeks launch {sample} --stack {platform.environment}"
