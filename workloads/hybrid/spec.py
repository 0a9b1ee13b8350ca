"""The pipeline as one RayJob: a worker group for each kind of machine, all of them empty until a stage asks."""

from infra import contract
from workloads.hybrid.settings import ETL, INFER, TRAIN, TRANSFORM
from workloads.sizes import CPU_WORKER, GPU_WORKER
from workloads.spec import Cluster, Environment, Job, Owner, Resources, Workers

IDLE_S = 2
"""How long a machine may idle before it goes: stages do not come back to a kind, so waiting is paid for nothing. One
that work waits for, such as a gang's first, does not count as idle."""


def job(
    *,
    namespace: str,
    bucket_uri: str,
    image: str,
    team: str,
    gpu: bool = False,
    memory_pool: str = contract.RAY_DATA.name,
    etl: int = 2,
    memory_gib: float = 48,
    workers: int = 2,
    infer: int = 2,
    rows: int = 7188,
    project: str = "samples",
    env: Environment | None = None,
    name: str = "hybrid",
) -> Job:
    """The spec of one run: up to `etl` CPU machines, one of `memory_gib`, a gang of `workers`, up to `infer` machines.

    `bucket_uri` is the `s3://bucket/prefix` under which each run keeps what its stages leave to each other.
    """
    each = GPU_WORKER if gpu else CPU_WORKER
    machines = contract.RAY_GPU_INFER.name if gpu else contract.RAY_CPU.name
    variables = {
        "HYBRID_STORAGE": bucket_uri,
        "HYBRID_PROFILE": "gpu" if gpu else "cpu",
        "HYBRID_WORKERS": str(workers),
        "HYBRID_INFER": str(infer),
        "HYBRID_ROWS": str(rows),
        **(env or {}),
    }
    groups = (
        _group(ETL, contract.RAY_CPU.name, CPU_WORKER.model_copy(update={"custom": {ETL: 1}}), etl),
        _group(TRANSFORM, memory_pool, Resources(cpu=4, memory_gib=memory_gib, custom={TRANSFORM: 1}), 1),
        _group(TRAIN, machines, each.model_copy(update={"custom": {TRAIN: 1}}), workers, one_zone=True),
        _group(INFER, machines, each.model_copy(update={"custom": {INFER: 1}}), infer),
    )
    return Job(
        name=name,
        owner=Owner(namespace=namespace, team=team, project=project),
        cluster=Cluster(image=image, workers=groups, autoscaling=True, idle_timeout_s=IDLE_S, env=variables),
        entrypoint="python -m workloads.hybrid",
    )


def _group(name: str, pool: str, each: Resources, most: int, *, one_zone: bool = False) -> Workers:
    return Workers(
        name=name, pool=pool, resources=each, replicas=0, least=0, most=most, idle_timeout_s=IDLE_S, one_zone=one_zone
    )
