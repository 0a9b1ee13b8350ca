"""The service as data: Serve's declarative config, and the RayService around it."""

from typing import Any

from infra import contract
from workloads.sizes import CPU_WORKER, GPU_WORKER
from workloads.spec import Cluster, Environment, Head, Owner, Resources, Service, Workers

APPLICATION = "digits"
BASELINE = "baseline"
EXPORTER = "workloads.serve.tracing:exporter"

SPEED: Environment = {
    # Stages call each other by gRPC instead of as Ray tasks, and a replica's code shares its event loop: the samples'
    # never blocks it. Logs are written by the thousand lines.
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # It would leave one proxy, on the head; where HAProxy takes requests to replicas directly, it needs none.
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0",
}


def serve_config(
    *,
    models_uri: str,
    model: str = BASELINE,
    until_promoted: str | None = None,
    gpu: bool = False,
    most: int = 8,
    fast: bool = False,
) -> dict[str, Any]:
    """Serve's config (RayService's `serveConfigV2`): two replicas of each stage, the classifier scaling to `most`.

    A change of `model` alone reaches running replicas in place, and an alias is followed to what it means next;
    `until_promoted` is served as long as it means nothing. `fast` scales within seconds instead of half a
    minute: for tests, since each replica then reports ten times as often to the one controller.
    """
    tempo = {
        "upscale_delay_s": 1 if fast else 5,
        "downscale_delay_s": 5 if fast else 300,
        "look_back_period_s": 2 if fast else 15,
        # Deprecated, and in Ray 2.60 still the only way to set it: its replacements are defined and never read.
        "metrics_interval_s": 0.5 if fast else 5,
    }
    share = {"num_cpus": 0, "num_gpus": 0.25} if gpu else {"num_cpus": 0.25}
    light = {"num_cpus": 0.25}
    # A lost node takes one replica of a stage at most.
    apart = {"num_replicas": 2, "max_replicas_per_node": 1}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000, "request_timeout_s": 30},
        "logging_config": {"encoding": "JSON", "enable_access_log": False},
        # A request that comes with a trace's header is traced as its sender decided; of others one in a hundred, or
        # what RAY_SERVE_TRACING_SAMPLING_RATIO says.
        "tracing_config": {"enabled": True, "exporter_import_path": EXPORTER},
        "applications": [
            {
                "name": APPLICATION,
                "route_prefix": "/",
                "import_path": "workloads.serve.app:build",
                "args": {"models": models_uri},
                "deployments": [
                    # The queue of the first stage is where a flood is refused; behind it there are only its batches.
                    _stage("Ingress", light, max_ongoing_requests=256, max_queued_requests=500, **apart),
                    _stage("Preprocess", light, max_ongoing_requests=64, **apart),
                    _stage(
                        "Classifier",
                        share,
                        max_ongoing_requests=64,
                        user_config={"model": model, **({"until_promoted": until_promoted} if until_promoted else {})},
                        autoscaling_config={
                            "min_replicas": 2,
                            "max_replicas": most,
                            "target_ongoing_requests": 1,  # batches, of up to 32 requests each
                            **tempo,
                        },
                    ),
                    _stage("TenantHead", share, max_ongoing_requests=64, **apart),
                ],
            }
        ],
    }


def service(
    *,
    namespace: str,
    models_uri: str,
    image: str,
    team: str,
    model: str = BASELINE,
    gpu: bool = False,
    most: int = 8,
    project: str = "samples",
    env: Environment | None = None,
    name: str = "serve",
) -> Service:
    """The spec of the service: CPU workers for the light stages, GPU workers beside them where `gpu` is asked.

    `models_uri` is the `s3://bucket/prefix` of the model registry, `model` the reference that is served
    (`baseline` needs no registry, and is served as long as an alias means nothing).
    Two workers at least, so that losing one of them loses no stage.
    """
    light = _workers("cpu", contract.RAY_CPU.name, CPU_WORKER, most)
    heavy = _workers("gpu", contract.RAY_GPU_INFER.name, GPU_WORKER, most)
    return Service(
        name=name,
        owner=Owner(namespace=namespace, team=team, project=project),
        cluster=Cluster(
            image=image,
            head=Head(service_account=contract.SERVE_ACCOUNT),
            workers=(light, heavy) if gpu else (light,),
            autoscaling=True,
            idle_timeout_s=300,
            env={**SPEED, **(env or {})},
        ),
        serve_config=serve_config(models_uri=models_uri, model=model, until_promoted=BASELINE, gpu=gpu, most=most),
    )


def _workers(name: str, pool: str, each: Resources, most: int) -> Workers:
    return Workers(
        name=name,
        pool=pool,
        service_account=contract.SERVE_ACCOUNT,
        resources=each,
        replicas=2,
        least=2,
        most=max(2, most // 2),
    )


def _stage(name: str, resources: dict[str, float], **options: Any) -> dict[str, Any]:
    return {
        "name": name,
        "ray_actor_options": resources,
        "health_check_period_s": 5,
        "health_check_timeout_s": 20,
        "graceful_shutdown_timeout_s": 20,
        **options,
    }
