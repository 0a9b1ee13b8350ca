"""What the stack needs and somebody else brings: Secrets, images, the exporter of GPU metrics."""

from collections.abc import Iterator

from infra import contract, monitors, observability_portable, portable
from infra.contract import IMAGE_REPOSITORY
from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, Unreadable, check, passed, unknown, warned
from rayeks.preflight.stack import PortableStack


@check("secrets", of=Ground.KUBERNETES, advisory=True)
def secrets(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Secrets that somebody brings."""
    for namespace, secret, keys in portable.secrets(stack.platform):
        subject = f"{namespace}/{secret}"
        if there.find(f"/api/v1/namespaces/{namespace}") is None:
            yield passed(subject, "comes when the stack has made the namespace")
            continue
        try:
            live = there.find(f"/api/v1/namespaces/{namespace}/secrets/{secret}")
        except Unreadable as error:
            yield unknown(subject, error.message, error.fix)
            continue
        lacking = [key for key in keys if key not in (live.get("data") or {})] if live else keys
        if lacking:
            what = "lacks" if live else "is not there; it should have"
            how = "docker-registry" if keys == portable.PULL_KEYS else "generic"
            file = "--from-file=.dockerconfigjson=FILE" if keys == portable.PULL_KEYS else "--from-env-file=FILE"
            fix = f"kubectl create secret {how} {secret} -n {namespace} {file}"
            yield warned(subject, f"{what} {', '.join(lacking)}", fix)
        else:
            yield passed(subject, f"has {', '.join(keys)}")


@check("registry", of=Ground.KUBERNETES, advisory=True)
def registry(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Images of the workloads."""
    images = stack.platform.images
    gpus = any(contract.POOLS[pool.kind].gpu for pool in stack.platform.pools.values())
    for key, image in {"cpu": images.cpu, **({"gpu": images.gpu} if gpus else {})}.items():
        if image.startswith(IMAGE_REPOSITORY):
            message = f"{image} is the name of a laptop's own build: every node must have been given it"
            yield warned(f"images.{key}", message, f"push it to a registry, and set images.{key}")
        else:
            message = f"unknown whether the nodes can pull {image}: only they can tell"
            yield unknown(
                f"images.{key}", message, f"kubectl run pull --rm -it --restart=Never --image={image} -- true"
            )


@check("gpu-metrics", of=Ground.KUBERNETES, advisory=True)
def gpu_metrics(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Metrics of GPUs."""
    seen = stack.platform.observability
    namespace = observability_portable.watched(stack.platform, seen).gpus if seen else None
    if namespace is None:
        return
    for labels in (monitors.DCGM, monitors.OPERATED_DCGM):
        ((key, value),) = labels.items()
        if there.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector={key}%3D{value}"):
            yield passed("DCGM exporter", f"runs in {namespace}, as {key}={value}")
            return
    message = f"no pod of NVIDIA's runs in {namespace}: panels and alerts of GPUs stay empty"
    fix = "install it there, or say where it is: observability.prometheus.gpu_exporter"
    yield warned("DCGM exporter", message, fix)
