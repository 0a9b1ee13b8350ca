"""The samples of a stack file as specs of `workloads`: pure, so that rules judge the very pods that are asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra import contract
from infra.config.samples import DataSample, HybridSample, LoopSample, Samples, ServeSample, TrainSample
from workloads import manifests
from workloads.data import spec as data
from workloads.hybrid import spec as hybrid
from workloads.loop import spec as loop
from workloads.serve import spec as serve
from workloads.spec import CronJob, Job, Redis, Service
from workloads.train import spec as train

Spec = Job | Service
BUILDERS: Mapping[type[Spec | CronJob], Callable[..., manifests.Manifest]] = {
    Job: manifests.ray_job,
    Service: manifests.ray_service,
    CronJob: manifests.ray_cron_job,
}


@dataclass(frozen=True)
class Names:
    """What the stack calls things: a bucket of the stack file, and the image for machines with or without GPUs."""

    bucket: Callable[[str], str]
    image: Callable[[bool], str]

    def uri(self, bucket: str, tenant: str, purpose: str) -> str:
        """`s3://…` of a tenant's own part of a bucket."""
        return contract.storage_uri(self.bucket(bucket), contract.namespace(tenant), purpose)


ANY_NAMES = Names(bucket=str, image=lambda gpu: "image")
"""For who asks what a sample takes: what buckets and images are called does not change it."""


def specs(samples: Samples, names: Names) -> dict[str, Spec]:
    """Sample name → spec, for those that the stack file has."""
    found: dict[str, Spec] = {}
    if samples.train:
        found["train"] = _train(samples.train, names)
    if samples.serve:
        found["serve"] = _serve(samples.serve, names)
    if samples.data:
        found["data"] = _data(samples.data, names)
    if samples.hybrid:
        found["hybrid"] = _hybrid(samples.hybrid, names)
    if samples.loop:
        found["loop"] = _loop(samples.loop, names)
    return {name: _traced(spec) if getattr(samples, name).traced else spec for name, spec in found.items()}


def pipeline(samples: Samples, found: Mapping[str, Spec]) -> CronJob | None:
    """The loop among the found specs by a schedule, where the stack file has both."""
    timed, repeated = samples.pipeline, found.get("loop")
    if timed is None or not isinstance(repeated, Job):
        return None
    return loop.pipeline(repeated, schedule=timed.schedule, epochs=timed.epochs, suspended=timed.suspended)


def _traced(spec: Spec) -> Spec:
    return spec.model_copy(update={"cluster": spec.cluster.model_copy(update={"traces": contract.TRACES})})


def manifest(spec: Spec | CronJob) -> manifests.Manifest:
    """The object as it is applied."""
    return BUILDERS[type(spec)](spec)


def _train(sample: TrainSample, names: Names) -> Job:
    gpu = contract.POOLS[sample.pool].gpu
    return train.job(
        namespace=contract.namespace(sample.tenant),
        bucket_uri=names.uri(sample.bucket, sample.tenant, "train"),
        image=names.image(gpu),
        team=sample.tenant,
        gpu=gpu,
        workers=sample.workers,
        least=sample.least,
        pool=sample.pool,
    )


def _serve(sample: ServeSample, names: Names) -> Service:
    gpu = contract.POOLS[sample.pool].gpu
    made = serve.service(
        namespace=contract.namespace(sample.tenant),
        models_uri=names.uri(sample.models, sample.tenant, "models"),
        image=names.image(gpu),
        team=sample.tenant,
        model=sample.model,
        gpu=gpu,
        most=sample.most,
    )
    if sample.gcs is None:
        return made
    store = Redis(address=sample.gcs.address, secret=sample.gcs.secret)
    return made.model_copy(update={"cluster": made.cluster.model_copy(update={"gcs": store})})


def _data(sample: DataSample, names: Names) -> Job:
    return data.job(
        namespace=contract.namespace(sample.tenant),
        input_uri=names.uri(sample.bucket, sample.tenant, "raw"),
        output_uri=names.uri(sample.bucket, sample.tenant, "scored"),
        models_uri=names.uri(sample.models, sample.tenant, "models"),
        image=names.image(sample.gpu),
        team=sample.tenant,
        model=sample.model,
        pool=sample.pool,
        gpu=sample.gpu,
        most=sample.most,
    )


def _hybrid(sample: HybridSample, names: Names) -> Job:
    return hybrid.job(
        namespace=contract.namespace(sample.tenant),
        bucket_uri=names.uri(sample.bucket, sample.tenant, "hybrid"),
        image=names.image(sample.gpu),
        team=sample.tenant,
        gpu=sample.gpu,
        memory_pool=sample.memory_pool,
        etl=sample.most,
        workers=sample.most,
        infer=sample.most,
    )


def _loop(sample: LoopSample, names: Names) -> Job:
    return loop.job(
        namespace=contract.namespace(sample.tenant),
        checkpoints_uri=names.uri(sample.checkpoints, sample.tenant, "loop"),
        models_uri=names.uri(sample.models, sample.tenant, "models"),
        input_uri=names.uri(sample.data, sample.tenant, "raw"),
        output_uri=names.uri(sample.data, sample.tenant, "looped"),
        image=names.image(False),
        team=sample.tenant,
        pool=sample.pool,
        workers=sample.workers,
        least_accuracy=sample.least_accuracy,
    )
