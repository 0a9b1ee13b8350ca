"""The training sample as a RayJob: a gang of equal workers on one pool, placed and paid by the stack's choices."""

from infra import contract
from workloads.sizes import CPU_WORKER, GPU_WORKER
from workloads.spec import Cluster, Environment, Head, Job, Mount, Owner, Resources, Workers

# aws-ofi-nccl finds EFA by itself; huge pages would break the forks of data loaders, and eth* carries NCCL's bootstrap.
# Source: awsome-distributed-training, "EFA cheatsheet".
EFA_ENV: Environment = {"FI_EFA_USE_HUGE_PAGE": "0", "NCCL_SOCKET_IFNAME": "eth", "NCCL_DEBUG": "WARN"}

SHARED = {contract.SHARED_PATH: contract.SHARED_CLAIM, contract.SCRATCH_PATH: contract.SCRATCH_CLAIM}


def job(
    *,
    namespace: str,
    bucket_uri: str,
    image: str,
    team: str,
    gpu: bool = False,
    workers: int = 2,
    least: int | None = None,
    pool: str | None = None,
    worker: Resources | None = None,
    project: str = "samples",
    queue: str | None = None,
    epochs: int = 8,
    profile: str | None = None,
    env: Environment | None = None,
    name: str = "train",
) -> Job:
    """The spec of one training job with `workers` equal pods; with `least`, of a run that goes on with so few.

    `bucket_uri` is the `s3://bucket/prefix` under which each run keeps its checkpoints, or a folder of the tenant's
    shared files (`/mnt/shared/…`, `/mnt/scratch/…`), which every pod then mounts. `pool` defaults to
    `ray-cpu` or `ray-gpu-train`, `worker` to those of `workloads.sizes`.
    """
    each = worker or (GPU_WORKER if gpu else CPU_WORKER)
    variables = {
        "TRAIN_STORAGE": bucket_uri,
        "TRAIN_PROFILE": profile or ("gpu" if gpu else "cpu"),
        "TRAIN_WORKERS": f"{least}:{workers}" if least else str(workers),
        "TRAIN_EPOCHS": str(epochs),
        **(EFA_ENV if contract.EFA_RESOURCE in each.devices else {}),
        **(env or {}),
    }
    mounts = tuple(Mount(claim=claim, path=path) for path, claim in SHARED.items() if bucket_uri.startswith(f"{path}/"))
    group = Workers(
        name="trainers",
        pool=pool or (contract.RAY_GPU_TRAIN.name if gpu else contract.RAY_CPU.name),
        resources=each,
        replicas=workers,
        least=least,
        one_zone=True,
        mounts=mounts,
    )
    return Job(
        name=name,
        owner=Owner(namespace=namespace, team=team, project=project, queue=queue),
        cluster=Cluster(
            image=image,
            head=Head(mounts=mounts),
            workers=(group,),
            autoscaling=least is not None,
            env=variables,
        ),
        entrypoint="python -m workloads.train",
    )
