"""What a Ray workload asks for, typed; what KubeRay's controllers would refuse after apply is refused here instead.

The rules are those of KubeRay 1.6.2, `ray-operator/controllers/ray/utils/validation.go`. Its webhook is off by
default and its CRDs say little, so a mistake would otherwise end as a warning event on a job that never starts.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from infra import contract

DRAIN_S = contract.DRAIN_S
"""How long a worker that gets SIGTERM lets its tasks end (RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S)."""

GRACE_S = 120
"""The pod's grace period: EC2's spot notice, and longer than the drain, or the kubelet would cut it short."""

RESERVED_ENV = {
    "POD_NAME": "every pod",
    "POD_NAMESPACE": "every pod",
    "RAY_REDIS_ADDRESS": "gcs fault tolerance",
    "REDIS_PASSWORD": "gcs fault tolerance",
    "REDIS_USERNAME": "gcs fault tolerance",
    "RAY_enable_autoscaler_v2": "autoscaling",
    "RAY_AUTH_MODE": "token_auth",
    "RAY_AUTH_TOKEN": "token_auth",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "the drain that every worker has",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "traces",
    "OTEL_SERVICE_NAME": "traces",
    "OTEL_RESOURCE_ATTRIBUTES": "traces",
    "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": "traces",
    "RAY_SERVE_TRACING_SAMPLING_RATIO": "traces",
}


def _name(most: int):
    def check(name: str) -> str:
        if len(name) > most or not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
            raise ValueError(
                f"{name!r}: KubeRay takes at most {most} lower-case letters, digits and '-', "
                "a letter first and no '-' last"
            )
        return name

    return AfterValidator(check)


def _label_value(value: str) -> str:
    if len(value) > 63 or not re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", value):
        raise ValueError(f"{value!r} is not a Kubernetes label value (63 of A-Z a-z 0-9 - _ ., alphanumeric ends)")
    return value


def _label_key(key: str) -> str:
    prefix, _, name = key.rpartition("/")
    if prefix and (len(prefix) > 253 or not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", prefix)):
        raise ValueError(f"{key!r}: the part before '/' is not a DNS subdomain")
    if not name or not _label_value(name):
        raise ValueError(f"{key!r} is not a Kubernetes label key")
    if key in ("ray.io/cluster", "ray.io/group", "ray.io/node-type", "ray.io/is-ray-node"):
        raise ValueError(f"{key!r} is KubeRay's own")
    return key


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{name!r} is not an environment variable's name")
    if name in RESERVED_ENV:
        raise ValueError(f"{name} is set by {RESERVED_ENV[name]}, not by hand")
    return name


LabelValue = Annotated[str, AfterValidator(_label_value)]
Labels = dict[Annotated[str, AfterValidator(_label_key)], LabelValue]
Environment = dict[Annotated[str, AfterValidator(_variable)], str]


class Spec(BaseModel):
    """Frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Resources(Spec):
    """What one Ray pod requests. Memory and devices are limits too; CPU is not, so that it may burst.

    `num_cpus` is what Ray schedules on, by default `cpu`; 0 keeps CPU tasks away from a GPU node, and thereby
    the autoscaler from starting GPU nodes for CPU work. `custom` are Ray resources that tag the machine.
    `devices` are further Kubernetes resources, such as `vpc.amazonaws.com/efa` or `hugepages-2Mi`.
    `gpu_resource` is what a GPU is to Kubernetes: a whole one, or in the pool `ray-gpu-shared` a part of one. To Ray
    each is one GPU of its node, which Ray's own fractions divide further.
    """

    cpu: PositiveFloat
    memory_gib: PositiveFloat
    gpus: int = Field(default=0, ge=0, le=16)
    gpu_resource: Annotated[str, Field(pattern=r"^nvidia\.com/(gpu(\.shared)?|mig-[1-7]g\.[0-9]+gb)$")] = (
        contract.GPU_RESOURCE
    )
    num_cpus: int | None = Field(default=None, ge=0)
    custom: dict[str, PositiveFloat] = {}
    devices: dict[str, str] = {}


class Mount(Spec):
    """A claim of the tenant's namespace in the pod's file tree."""

    claim: Annotated[str, _name(63)]
    path: Annotated[str, Field(pattern=r"^/[^:]+$")]
    read_only: bool = False


class Resize(Spec):
    """How far a running pod may grow in place before Ray's autoscaler asks for another (Kubernetes 1.35, Ray 2.56)."""

    max_cpu: PositiveFloat
    max_memory_gib: PositiveFloat
    timeout_s: PositiveInt = 300


class Group(Spec):
    """Pods of one shape on one pool. `labels` are Ray node labels and pod labels at once."""

    pool: str
    resources: Resources
    labels: Labels = {}
    env: Environment = {}
    mounts: tuple[Mount, ...] = ()
    resize: Resize | None = None

    @model_validator(mode="after")
    def _fits_its_pool(self) -> Self:
        if self.pool not in contract.POOLS:
            raise ValueError(f"there is no pool {self.pool!r}; the contract has {', '.join(contract.POOLS)}")
        gpu_pool = contract.POOLS[self.pool].gpu
        if gpu_pool and not self.resources.gpus:
            raise ValueError(f"pool {self.pool!r} is of GPU machines and the group asks for no GPU")
        if self.resources.gpus and not gpu_pool:
            raise ValueError(f"the group asks for GPUs and pool {self.pool!r} has none")
        parts = self.resources.gpu_resource != contract.GPU_RESOURCE
        if gpu_pool and parts != (self.pool == contract.RAY_GPU_SHARED.name):
            raise ValueError(
                f"{self.resources.gpu_resource} is not what pool {self.pool!r} has: parts of GPUs are in "
                f"{contract.RAY_GPU_SHARED.name!r}, whole ones in the others"
            )
        if self.resize and (self.resources.num_cpus is not None or self.resources.custom):
            raise ValueError("a group that grows in place takes num_cpus from its container, and no custom resources")
        return self


class Head(Group):
    """The head: the control plane and the drivers, no tasks (`num_cpus` 0)."""

    pool: str = contract.RAY_HEAD.name
    service_account: Annotated[str, _name(63)] = contract.HEAD_ACCOUNT
    resources: Resources = Resources(cpu=1.25, memory_gib=6, num_cpus=0)
    """With the autoscaler beside it (0.5 CPU, 0.5 GiB), four of them fill an `m*.2xlarge`. CPU has no limit: one that
    works has what the others leave. Sample heads of 2 GiB were killed for memory (kuberay#4287)."""


class Workers(Group):
    """A worker group: `replicas` pods now, between `least` and `most` where the cluster scales."""

    name: Annotated[str, _name(63)]
    service_account: Annotated[str, _name(63)] = contract.WORKER_ACCOUNT
    replicas: int = Field(ge=0)
    least: int | None = Field(default=None, ge=0)
    most: int | None = Field(default=None, ge=0)
    hosts: PositiveInt = 1
    idle_timeout_s: int | None = Field(default=None, ge=0)
    one_zone: bool = False
    prefer: tuple[str, ...] = ()
    """EC2 instance types to try first; the pool's others are taken where none of these is to be had."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.name == "headgroup":
            raise ValueError("'headgroup' is the name that KubeRay gives to the head's group")
        if not self.minimum <= self.replicas <= self.maximum:
            raise ValueError(
                f"group {self.name!r}: least {self.minimum} <= replicas {self.replicas} <= most {self.maximum} "
                "does not hold"
            )
        return self

    @property
    def minimum(self) -> int:
        """minReplicas; without a range, the replicas."""
        return self.replicas if self.least is None else self.least

    @property
    def maximum(self) -> int:
        """maxReplicas; without a range, the replicas."""
        return self.replicas if self.most is None else self.most


class Redis(Spec):
    """Where a head keeps the cluster's state, so that another head takes over with workers and replicas as they are.

    `secret` holds `password`, in the cluster's namespace; without it Redis asks for none.
    """

    address: Annotated[str, Field(pattern=r"^rediss?://[A-Za-z0-9.-]+:[0-9]{1,5}$")]
    secret: Annotated[str, _name(63)] | None = None


class Cluster(Spec):
    """A Ray cluster: a head and worker groups of one image. `env` goes to every Ray container."""

    image: Annotated[str, Field(min_length=1)]
    workers: tuple[Workers, ...]
    head: Head = Head()
    ray_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = contract.RAY_VERSION
    autoscaling: bool = False
    idle_timeout_s: int = Field(default=60, ge=0)
    token_auth: bool = True
    env: Environment = {}
    gcs: Redis | None = None
    """GCS fault tolerance; absent: a lost head takes the cluster with it."""
    traces: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Where its spans go (OTLP over gRPC); absent: none are made."""

    @model_validator(mode="after")
    def _accepted_by_kuberay(self) -> Self:
        names = [group.name for group in self.workers]
        problems = [f"two worker groups are called {name!r}" for name in sorted(set(names)) if names.count(name) > 1]
        if not self.autoscaling and any(group.resize for group in (self.head, *self.workers)):
            problems.append("a group has resize, which needs autoscaling")
        major, minor, _ = map(int, self.ray_version.split("."))
        if self.token_auth and (major, minor) < (2, 52):
            problems.append(f"token_auth needs Ray 2.52 or later, ray_version is {self.ray_version}")
        if not self.autoscaling:
            problems += [
                f"group {group.name!r} has {what}, which needs autoscaling"
                for group in self.workers
                for what, is_set in (
                    ("a range of replicas", group.minimum != group.maximum),
                    ("idle_timeout_s", group.idle_timeout_s is not None),
                )
                if is_set
            ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Owner(Spec):
    """Whose a workload is: where it runs, and under which names its cost is found."""

    namespace: Annotated[str, _name(63)]
    team: LabelValue
    project: LabelValue = "samples"
    queue: Annotated[str, _name(63)] | None = None
    priority: Annotated[str, _name(63)] | None = None
    """A workload priority class, such as `ray-high`: who goes first in the queue, and who gives way."""


class Job(Spec):
    """A RayJob: a cluster of its own, one entrypoint, gone `ttl_s` after the end.

    `retries` start a new cluster each (KubeRay's backoffLimit), so the entrypoint must know how to resume.
    """

    name: Annotated[str, _name(47)]
    owner: Owner
    cluster: Cluster
    entrypoint: Annotated[str, Field(min_length=1, pattern=r"\S")]
    retries: int = Field(default=2, ge=0)
    ttl_s: int = Field(default=600, ge=0)
    start_deadline_s: PositiveInt | None = 1800
    deadline_s: PositiveInt | None = None
    disruptable: bool = False


class Service(Spec):
    """A RayService: Serve applications by declarative config, upgraded by a new cluster beside the old one."""

    name: Annotated[str, _name(47)]
    owner: Owner
    cluster: Cluster
    serve_config: dict
    upgrade: Literal["NewCluster", "None"] = "NewCluster"
    old_cluster_s: int = Field(default=60, ge=0)


def schedule_of(text: str) -> str:
    """A cron schedule of five fields or a macro such as @daily, as it is. ValueError for anything else."""
    field = r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*"
    if not text.startswith("@") and not re.fullmatch(rf"{field}( {field}){{4}}", text):
        raise ValueError(f"{text!r} is not a cron schedule of five fields, such as '0 3 * * *'")
    return text


class CronJob(Spec):
    """A RayCronJob: a job at the times of a cron schedule of five fields."""

    name: Annotated[str, _name(36)]
    schedule: str
    job: Job
    suspended: bool = False

    @field_validator("schedule")
    @classmethod
    def _five_fields(cls, schedule: str) -> str:
        return schedule_of(schedule)
