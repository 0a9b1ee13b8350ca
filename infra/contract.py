"""Names that pools and workloads share, written once so that a job and its machines cannot drift apart."""

from dataclasses import dataclass
from typing import Any

RAY_VERSION = "2.60.0"
KUBERAY_VERSION = "1.6.2"
IMAGE_REPOSITORY = "ray-on-eks/workloads"
"""The ECR repository, and the image name on a laptop, of Ray with `workloads` installed."""

POOL_LABEL = "rayeks/pool"
"""On every node, whatever made it (Karpenter or a managed group): the pool's name."""

INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"

TEAM_LABEL = "rayeks/team"
PROJECT_LABEL = "rayeks/project"
JOB_LABEL = "rayeks/job"
"""Cost labels, on namespaces and pods; split cost allocation activates them as tags."""

BILL_TAGS = ("environment", "cost-center")
"""AWS tags that the bill is split by; budgets count the first."""

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
QUEUE = "jobs"
"""The LocalQueue of each tenant's namespace, where the stack has queues."""
DO_NOT_DISRUPT = {"karpenter.sh/do-not-disrupt": "true"}

PLATFORM_TEAM = "platform"
"""The team label of the platform's own namespaces, so that bills say what the platform itself costs."""

DRAIN_S = 90
"""How long a Ray node that gets SIGTERM lets its tasks end: within EC2's two minutes of notice."""
RAY_DEFAULTS = {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(DRAIN_S)}
"""Environment of every Ray container, which KubeRay adds where a manifest says nothing."""

HEAD_ACCOUNT, WORKER_ACCOUNT, SERVE_ACCOUNT, NOTEBOOK_ACCOUNT = "ray-head", "ray-worker", "ray-serve", "notebook"
"""Service accounts of each tenant's namespace: what pods of each purpose run as, each bound by Pod Identity to an AWS
role of its own. Serve's is of its heads and workers alike; Ray's autoscaler acts as the head's."""

SERVICE_ACCOUNTS = (HEAD_ACCOUNT, WORKER_ACCOUNT, SERVE_ACCOUNT, NOTEBOOK_ACCOUNT)

SHARED_CLAIM = "shared"
SCRATCH_CLAIM = "scratch"
DATASETS_CLAIM = "datasets"
SHARED_PATH = "/mnt/shared"
SCRATCH_PATH = "/mnt/scratch"
DATASETS_PATH = "/mnt/datasets"
"""The claims of a tenant (EFS, FSx for Lustre, its part of the bucket `datasets`), and where its pods mount them."""

EBS_CLASS, EFS_CLASS, LUSTRE_CLASS = "gp3", "efs", "lustre"
"""Storage classes, of which a claim makes a disk, a folder of its own on EFS, or a whole Lustre file system."""

RAY_LOGS = "ray-logs"
RAY_LOGS_PATH = "/tmp/ray"
"""The volume of Ray's own files (KubeRay's name for it), where a node's log shipper finds them."""

RUN_VARIABLE = "RUN_NAME"
RESUME_VARIABLE = "RESUME_RUN"
"""Set by the launcher on every Ray container: the name of a new run, kept through retries, or of one to continue."""

TRACES = "http://opentelemetry-collector.monitoring.svc.cluster.local:4317"
"""The platform's collector, where the stack has one: OpenTelemetry over gRPC."""

GPU_RESOURCE = "nvidia.com/gpu"
SHARED_GPU_RESOURCE = "nvidia.com/gpu.shared"
MIG_PREFIX = "nvidia.com/mig-"
"""A GPU; a turn or an MPS share of one; a MIG slice, by its profile: `nvidia.com/mig-1g.10gb`."""
EFA_RESOURCE = "vpc.amazonaws.com/efa"


@dataclass(frozen=True)
class Taint:
    """A Kubernetes taint, and the toleration that answers it."""

    key: str
    value: str = "true"
    effect: str = "NoSchedule"

    def manifest(self) -> dict[str, str]:
        """The taint as nodes and NodePools spell it (EKS node groups spell the effect `NO_SCHEDULE`)."""
        return {"key": self.key, "value": self.value, "effect": self.effect}

    def toleration(self) -> dict[str, str]:
        """The toleration by key, so that a taint's value may change without every job changing."""
        return {"key": self.key, "operator": "Exists", "effect": self.effect}


@dataclass(frozen=True)
class Pool:
    """A kind of machine that Ray pods ask for by name; one or more NodePools or node groups supply it."""

    name: str
    purpose: str
    taints: tuple[Taint, ...] = ()
    gpu: bool = False
    spot: bool = False
    """Whether its machines may be spot: EC2 takes them back with two minutes' notice."""

    def labels(self) -> dict[str, str]:
        """What every node of the pool carries."""
        return {POOL_LABEL: self.name}

    def node_selector(self) -> dict[str, str]:
        """What a pod asks for to land on the pool and nowhere else."""
        return self.labels()

    def tolerations(self) -> list[dict[str, str]]:
        """What a pod needs to be let onto the pool."""
        return [taint.toleration() for taint in self.taints]

    def scheduling(self) -> dict[str, Any]:
        """The pod spec fields that place a pod on the pool."""
        placed: dict[str, Any] = {"nodeSelector": self.node_selector()}
        return placed | ({"tolerations": self.tolerations()} if self.taints else {})


GPU_TAINT = Taint(GPU_RESOURCE)

RAY_HEAD = Pool("ray-head", "Ray heads: on-demand, never disrupted", (Taint("ray.io/head"),))
RAY_CPU = Pool("ray-cpu", "CPU workers: spot first", spot=True)
RAY_DATA = Pool("ray-data", "Data workers: memory and NVMe for spill", (Taint("ray.io/data"),), spot=True)
RAY_GPU_INFER = Pool(
    "ray-gpu-infer", "Inference and small fine-tuning: one to four GPUs", (GPU_TAINT,), gpu=True, spot=True
)
RAY_GPU_TRAIN = Pool(
    "ray-gpu-train",
    "Multi-node GPU training: one placement group",
    (GPU_TAINT, Taint("ray.io/train")),
    gpu=True,
)

RAY_GPU_SHARED = Pool(
    "ray-gpu-shared", "Parts of GPUs, on managed node groups: notebooks, small models", (GPU_TAINT,), gpu=True
)

RAY_HYBRID = Pool("ray-hybrid", "Machines outside AWS that joined the cluster", (Taint("ray.io/hybrid"),))

POOLS: dict[str, Pool] = {
    pool.name: pool for pool in (RAY_HEAD, RAY_CPU, RAY_DATA, RAY_GPU_INFER, RAY_GPU_TRAIN, RAY_GPU_SHARED, RAY_HYBRID)
}


def namespace(team: str) -> str:
    """The namespace of a tenant."""
    return f"ray-{team}"


def image(registry: str | None, *, gpu: bool, version: str = RAY_VERSION) -> str:
    """The workloads' image: `<registry>/ray-on-eks/workloads:<version>-cpu|gpu`, or the local name."""
    name = f"{IMAGE_REPOSITORY}:{version}-{'gpu' if gpu else 'cpu'}"
    return f"{registry}/{name}" if registry else name


def priority_class(priority: str) -> str:
    """The workload priority class of a priority of the stack file."""
    return f"ray-{priority}"


def group(team: str, role: str) -> str:
    """The Kubernetes group of a team's people in one role, which access entries carry and RoleBindings name."""
    return f"rayeks:{team}:{role}"


def service_url(name: str, namespace: str) -> str:
    """Where a RayService answers inside the cluster: KubeRay's Service in front of the workers' proxies."""
    return f"http://{name}-serve-svc.{namespace}.svc.cluster.local:8000"


def storage_uri(bucket: str, namespace: str, purpose: str) -> str:
    """`s3://<bucket>/<namespace>/<purpose>`: a tenant's role reaches its own prefix alone."""
    return f"s3://{bucket}/{namespace}/{purpose}"
