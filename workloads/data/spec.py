"""The batch sample as a RayJob: CPU workers on spot machines, and GPU workers while there is something to classify."""

from infra import contract
from workloads.sizes import DATA_WORKER, GPU_WORKER
from workloads.spec import Cluster, Environment, Job, Owner, Workers

SAMPLE_ROWS = 7188
"""What an empty input is filled with: each shipped digit four times, with noise."""


def job(
    *,
    namespace: str,
    input_uri: str,
    output_uri: str,
    models_uri: str,
    image: str,
    team: str,
    model: str = "baseline",
    pool: str = contract.RAY_CPU.name,
    gpu: bool = False,
    workers: int = 2,
    most: int = 8,
    project: str = "samples",
    env: Environment | None = None,
    name: str = "data",
) -> Job:
    """The spec of one batch job: `workers` CPU machines of `pool` now and up to `most`, as many with a GPU where asked.

    `input_uri`, `output_uri` and `models_uri` are `s3://bucket/prefix`; an empty input is filled with the sample's.
    Its machines may be taken away: what a lost one had not sealed is done again, and nothing else.
    """
    variables = {
        "DATA_INPUT": input_uri,
        "DATA_OUTPUT": output_uri,
        "DATA_MODELS": models_uri,
        "DATA_MODEL": model,
        "DATA_PROFILE": "gpu" if gpu else "cpu",
        "DATA_ACTORS": str(most),
        "DATA_SAMPLE_ROWS": str(SAMPLE_ROWS),
        **(env or {}),
    }
    groups = [Workers(name="etl", pool=pool, resources=DATA_WORKER, replicas=workers, least=1, most=most)]
    if gpu:
        infer = contract.RAY_GPU_INFER.name
        groups.append(Workers(name="infer", pool=infer, resources=GPU_WORKER, replicas=0, least=0, most=most))
    return Job(
        name=name,
        owner=Owner(namespace=namespace, team=team, project=project),
        cluster=Cluster(image=image, workers=tuple(groups), autoscaling=True, env=variables),
        entrypoint="python -m workloads.data",
        disruptable=True,
    )
