"""The loop as a RayJob, and as a RayCronJob that runs it at the times of a schedule with parameters of its own."""

from infra import contract
from workloads.sizes import DATA_WORKER
from workloads.spec import Cluster, CronJob, Environment, Job, Owner, Workers

SAMPLE_ROWS = 7188


def job(
    *,
    namespace: str,
    checkpoints_uri: str,
    models_uri: str,
    input_uri: str,
    output_uri: str,
    image: str,
    team: str,
    pool: str = contract.RAY_CPU.name,
    workers: int = 2,
    least_accuracy: float = 0.9,
    epochs: int = 8,
    project: str = "samples",
    env: Environment | None = None,
    name: str = "loop",
) -> Job:
    """The spec of one run of the loop on `workers` equal machines, which train and then score.

    The URIs are `s3://bucket/prefix`; an empty input is filled with the sample's rows.
    """
    variables = {
        "LOOP_CHECKPOINTS": checkpoints_uri,
        "LOOP_MODELS": models_uri,
        "LOOP_INPUT": input_uri,
        "LOOP_OUTPUT": output_uri,
        "LOOP_PROFILE": "cpu",
        "LOOP_WORKERS": str(workers),
        "LOOP_EPOCHS": str(epochs),
        "LOOP_LEAST_ACCURACY": f"{least_accuracy:g}",
        "LOOP_SAMPLE_ROWS": str(SAMPLE_ROWS),
        **(env or {}),
    }
    group = Workers(name="workers", pool=pool, resources=DATA_WORKER, replicas=workers, one_zone=True)
    return Job(
        name=name,
        owner=Owner(namespace=namespace, team=team, project=project),
        cluster=Cluster(image=image, workers=(group,), env=variables),
        entrypoint="python -m workloads.loop",
    )


def pipeline(loop: Job, *, schedule: str, epochs: int, suspended: bool = False, name: str = "pipeline") -> CronJob:
    """The loop at the times of `schedule` (five fields, UTC), with `epochs` of its own."""
    env = loop.cluster.env | {"LOOP_EPOCHS": str(epochs)}
    cluster = loop.cluster.model_copy(update={"env": env})
    job = loop.model_copy(update={"name": name, "cluster": cluster})
    return CronJob(name=name, schedule=schedule, job=job, suspended=suspended)
