"""A stack on a Kubernetes that is there already: on-premises, another cloud, kind. Nothing of it is in AWS."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from infra.config.base import Gib, Name, Slice
from infra.config.node_groups import Taint
from infra.config.policies import Policies
from infra.config.pools import Limits
from infra.config.portable_observability import PortableObservability, Url
from infra.config.queueing import Queueing
from infra.config.samples import Samples
from infra.config.tenants import ROLES, Ray, Team, TeamName
from infra.contract import GPU_RESOURCE, POOLS, SHARED_GPU_RESOURCE, image

Text = Annotated[str, StringConstraints(min_length=1)]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
ImageReference = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?$")]
LabelKey = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$")
]
LabelValue = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class ExistingCluster(Slice):
    """A cluster that somebody else runs, by a context of a kubeconfig on the machine that deploys."""

    kubeconfig: Text
    """Its path; `~` is the home of whoever deploys. Only a change reads it: `rayeks plan` needs none."""
    context: Text
    """Always said: the current context of a file is whatever its owner looked at last."""
    api_port: Port = 6443
    """The port on which API servers listen themselves: network policies see it behind the Service `kubernetes`."""


class Machine(Slice):
    """What pods may use of one node: its `status.allocatable`, less the cluster's own daemons."""

    cpu: Annotated[float, Field(gt=0)]
    memory_gib: Gib
    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    """Whole GPUs; in the pool `ray-gpu-shared` shares of them, which pods ask for as `nvidia.com/gpu.shared`."""


class NodePool(Slice):
    """Nodes that are there: how they are found, how many there are, and what the smallest of them holds."""

    kind: Literal["ray-head", "ray-cpu", "ray-data", "ray-gpu-infer", "ray-gpu-train", "ray-gpu-shared"]
    nodes: Annotated[int, Field(ge=1, le=5000)]
    each: Machine
    labels: dict[LabelKey, LabelValue] | None = None
    """Labels that these nodes have and others have not; absent: `rayeks/pool: <kind>`. `{}` is every node."""
    taints: tuple[Taint, ...] = ()
    """Taints of these nodes, which Ray's pods then tolerate."""

    @property
    def limits(self) -> Limits:
        """What all of them hold."""
        each = self.each
        return Limits(
            cpu=max(1, int(each.cpu * self.nodes)),
            memory_gib=each.memory_gib * self.nodes,
            gpus=0 if self.shared else each.gpus * self.nodes,
            nodes=self.nodes,
        )

    @property
    def shared(self) -> bool:
        """Whether its GPUs are handed out in parts."""
        return self.kind == "ray-gpu-shared"

    @property
    def gpu_resource(self) -> str:
        """What a GPU of it is to Kubernetes."""
        return SHARED_GPU_RESOURCE if self.shared else GPU_RESOURCE

    @property
    def selector(self) -> dict[str, str]:
        """The labels by which pods find it."""
        return POOLS[self.kind].labels() if self.labels is None else self.labels

    @model_validator(mode="after")
    def _gpus_are_where_they_belong(self) -> "NodePool":
        if POOLS[self.kind].gpu and not self.each.gpus:
            raise ValueError(f"{self.kind} is of GPU machines: say each.gpus")
        if self.each.gpus and not POOLS[self.kind].gpu:
            raise ValueError(f"{self.kind} uses no GPUs: leave each.gpus out, or take a ray-gpu kind")
        return self


class Claim(Slice):
    """A volume that all pods of a team may write to, made anew for each team by a class of the cluster's."""

    storage_class: Name
    size_gib: Gib


class ObjectStorage(Slice):
    """Buckets that are there, at anything that speaks S3; and by choice volumes."""

    buckets: dict[Name, BucketName] = Field(min_length=1)
    """Purpose → the bucket."""
    endpoint: Url | None = None
    """`https://minio.example.com:9000`; absent: AWS's own."""
    region: Text = "us-east-1"
    """What the endpoint calls its region; most take any."""
    secret: Name = "object-store"
    """A Secret of each team's namespace, with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. The stack never sees it:
    whoever gives out the keys puts it there, each team's with rights on its own prefix alone."""
    shared: Claim | None = None
    scratch: Claim | None = None


class Images(Slice):
    """The images of the workloads, where they were pushed; by default under the names that a laptop builds them."""

    cpu: ImageReference = image(None, gpu=False)
    gpu: ImageReference = image(None, gpu=True)
    """`registry.example.com/team/workloads@sha256:…`; from staging on, the policies want a digest."""
    pull_secret: Name | None = None
    """A Secret of each team's namespace, for a registry that asks who pulls."""


class PortableTeam(Team):
    """One team, with its people by the groups of the cluster's own authentication."""

    viewers: tuple[Text, ...] = ()
    developers: tuple[Text, ...] = ()
    admins: tuple[Text, ...] = ()

    def groups(self, team: str) -> dict[str, tuple[str, ...]]:
        """Role → Kubernetes groups: the platform's own name for it, and those of the stack file."""
        own = super().groups(team)
        return {role: (*own[role], *getattr(self, f"{role}s")) for role in ROLES}


class PortablePlatform(Slice):
    """Everything that such a stack file says: the Ray layer, and where it stands."""

    name: Name
    """The first part of the names that the stack gives."""
    environment: Literal["local", "dev", "staging", "prod"]
    cluster: ExistingCluster
    pools: dict[Name, NodePool] = Field(min_length=1)
    storage: ObjectStorage
    images: Images = Images()
    ray: Ray = Ray()
    tenants: dict[TeamName, PortableTeam] = {}
    queues: Queueing | None = None
    samples: Samples = Samples()
    observability: PortableObservability | None = None
    policies: Policies = Policies()
