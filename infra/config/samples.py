"""The samples that ship with a stack: jobs and a service in its outputs, each for one tenant."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from infra.config.base import Name, Optimise, Slice
from infra.config.tenants import TeamName

Workers = Annotated[int, Field(ge=1, le=512)]


class Sample(Slice):
    """What every sample says: whose it is, and what it is to prefer among the machines of its pools."""

    tenant: TeamName
    optimise: Optimise | None = None
    """For its workers alone, before what a pool says; absent: what the pool says."""
    traced: bool = False
    """Whether its tasks, actors or requests leave spans with the collector of `observability.traces`."""


class TrainSample(Sample):
    """The training sample: data-parallel PyTorch with Ray Train."""

    bucket: Name
    """Where checkpoints go."""
    pool: Literal["ray-cpu", "ray-gpu-infer", "ray-gpu-train"] = "ray-cpu"
    workers: Workers = 2
    least: Workers | None = None
    """An elastic run goes on with so few workers, and grows back to `workers`."""

    @model_validator(mode="after")
    def _ordered(self) -> "TrainSample":
        if self.least is not None and self.least >= self.workers:
            raise ValueError(f"least {self.least} must be below workers {self.workers}")
        return self


class GcsStore(Slice):
    """A Redis that keeps the state of the service's head, such as ElastiCache in the stack's VPC: whoever runs it."""

    address: Annotated[str, Field(pattern=r"^rediss?://[A-Za-z0-9.-]+:[0-9]{1,5}$")]
    secret: Name | None = None
    """A Secret of the tenant's namespace with its `password`."""

    @property
    def port(self) -> int:
        """The port of the address."""
        return int(self.address.rpartition(":")[2])


class ServeSample(Sample):
    """The composed service, with the models of a registry."""

    models: Name
    """The bucket of the registry."""
    model: str = "digits@production"
    """What is served: an alias is followed, so that promoting a model rolls it out. Until then, a baseline."""
    pool: Literal["ray-cpu", "ray-gpu-infer"] = "ray-cpu"
    most: Annotated[int, Field(ge=2, le=256)] = 8
    """Replicas of the classifier at the peak, two or more of them to a machine."""
    deploy: bool = False
    """Whether the stack runs it, instead of whoever launches it."""
    gcs: GcsStore | None = None
    """With it, a lost head is replaced and no replica is; without, the service begins anew on another cluster."""


class DataSample(Sample):
    """The batch sample: ETL and inference over Parquet files."""

    bucket: Name
    """Where the rows are and the scored ones go."""
    models: Name
    model: str = "baseline"
    pool: Literal["ray-cpu", "ray-data"] = "ray-cpu"
    gpu: bool = False
    """Whether rows are classified on machines of pool `ray-gpu-infer`."""
    most: Workers = 4
    """Machines of a kind at the peak."""


class HybridSample(Sample):
    """The pipeline whose stages each have machines of their own kind."""

    bucket: Name
    """Where stages leave their work to each other."""
    memory_pool: Literal["ray-cpu", "ray-data"] = "ray-data"
    gpu: bool = False
    """Whether training and inference are on machines of pool `ray-gpu-infer`."""
    most: Workers = 2
    """Machines of each kind at the peak; training takes all of them at once."""


class LoopSample(Sample):
    """A model's life in one run: trained, judged, promoted, applied."""

    checkpoints: Name
    models: Name
    data: Name
    """The buckets."""
    pool: Literal["ray-cpu"] = "ray-cpu"
    workers: Workers = 2
    least_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.9
    """On held-out rows; a model below it is not promoted."""


class PipelineSample(Slice):
    """The loop at the times of a schedule. It needs `samples.loop`, and `ray.cron_jobs` where it is deployed."""

    schedule: str = "0 3 * * *"
    """Cron's five fields, UTC."""
    epochs: Annotated[int, Field(ge=1)] = 16
    suspended: bool = False
    deploy: bool = False


class Samples(Slice):
    """What a stack ships in its outputs; a sample is off by the absence of its section."""

    train: TrainSample | None = None
    serve: ServeSample | None = None
    data: DataSample | None = None
    hybrid: HybridSample | None = None
    loop: LoopSample | None = None
    pipeline: PipelineSample | None = None
