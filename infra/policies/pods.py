"""Pods that the stack makes or ships: none can become its node, and each runs the image that was tested."""

from collections.abc import Iterator
from typing import Any

from infra.policies.core import WHERE_IT_COUNTS, Finding, Resource, Stack, at, items, members, whole
from infra.policies.kinds import STACK, SYSTEM

REPOSITORY = "aws:ecr/repository:Repository"
SHARED = ("hostNetwork", "hostPID", "hostIPC")
HARMLESS = frozenset({"NET_BIND_SERVICE"})


@whole(
    demands="no pod outside the system is privileged, shares its node's namespaces or mounts its folders",
    reason="such a pod is root on its node, whatever its service account may do",
    fix="leave out privileged, host*, hostPath and added capabilities; take an emptyDir or a claim",
)
def pods_are_not_privileged(stack: Stack) -> Iterator[Finding]:
    for resource, namespace, where, spec in _pods(stack):
        if namespace not in SYSTEM:
            for message in _dangers(spec):
                yield Finding(f"{where}{message}", resource)


@whole(
    demands="every image is named by its digest, or by a tag that cannot be moved",
    reason="what a tag means tomorrow is decided by whoever can push to it",
    fix="append @sha256:…, or take it from a repository of this stack, whose tags are immutable",
    severity=WHERE_IT_COUNTS,
)
def images_are_by_digest(stack: Stack) -> Iterator[Finding]:
    own = [r.get("name") for r in stack.of_type(REPOSITORY) if r.get("imageTagMutability") == "IMMUTABLE"]
    for resource, namespace, where, spec in _pods(stack):
        if namespace not in SYSTEM:
            for container in _containers(spec):
                image = at(container, "image")
                if isinstance(image, str) and not _is_fixed(image, own):
                    yield Finding(f"{where}{image} is neither a digest nor a fixed tag", resource)


def _is_fixed(image: str, own: list[Any]) -> bool:
    if "@sha256:" in image:
        return True
    repository, _, tag = image.rpartition(":")
    ours = any(isinstance(name, str) and repository.endswith(f".amazonaws.com/{name}") for name in own)
    return ours and tag != "latest" and "/" not in tag


def _dangers(spec: Any) -> Iterator[str]:
    for key in SHARED:
        if at(spec, key) is True:
            yield f"has {key}"
    for volume in items(at(spec, "volumes")):
        if at(volume, "hostPath") is not None:
            yield f"mounts {at(volume, 'hostPath.path')} of its node"
    for container in _containers(spec):
        name = at(container, "name")
        if at(container, "securityContext.privileged") is True:
            yield f"the container {name} is privileged"
        added = [cap for cap in items(at(container, "securityContext.capabilities.add")) if cap not in HARMLESS]
        if added:
            yield f"the container {name} adds {', '.join(added)}"


def _containers(spec: Any) -> list[Any]:
    return [*items(at(spec, "initContainers")), *items(at(spec, "containers")), *items(at(spec, "ephemeralContainers"))]


def _pods(stack: Stack) -> Iterator[tuple[Resource, str, str, Any]]:
    """Every pod spec, of objects and of the manifests in the stack's outputs: (resource, namespace, where, spec)."""
    for resource in stack.resources:
        if resource.type == STACK:
            for name, sample in members(resource.get("workloads")).items():
                manifest = at(sample, "manifest")
                yield from ((resource, _namespace(manifest), f"{name}: ", spec) for spec in _specs(manifest))
        elif resource.type.startswith("kubernetes:") and ":helm.sh/" not in resource.type:
            yield from ((resource, _namespace(resource.props), "", spec) for spec in _specs(resource.props))


def _namespace(manifest: Any) -> str:
    return str(at(manifest, "metadata.namespace") or "default")


def _specs(value: Any) -> Iterator[Any]:
    """Every mapping inside that holds containers: pods' own specs, and templates at whatever depth a kind has them."""
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield value
        for item in value.values():
            yield from _specs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _specs(item)
