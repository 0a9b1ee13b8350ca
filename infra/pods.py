"""The pods that a rendered manifest will become, as a scheduler sees them: requests, selector, tolerations, count.

Read from the manifest itself, never from the spec that it came from, so that what is judged is what is applied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.allocatable import amounts
from infra.contract import INSTANCE_TYPE_LABEL

AUTOSCALER = {"cpu": "500m", "memory": "512Mi"}
"""What KubeRay 1.6.2's autoscaler beside the head requests (`BuildAutoscalerContainer`)."""

SUBMITTER = {"spec": {"containers": [{"resources": {"requests": {"cpu": "500m", "memory": "200Mi"}}}]}}
"""KubeRay's own submitter, where a RayJob brings no template: it asks for no pool."""


@dataclass(frozen=True)
class Pod:
    """`count` equal pods: at most so many at once."""

    name: str
    count: int
    requests: Mapping[str, int]
    selector: Mapping[str, str]
    tolerations: tuple[Mapping[str, str], ...]
    affinity: tuple[tuple[Mapping[str, Any], ...], ...] = ()
    """Required node affinity: alternatives, each a list of expressions that must all hold."""
    prefer: tuple[str, ...] = ()
    """Instance types to try first."""


def pods(manifest: Mapping[str, Any]) -> tuple[Pod, ...]:
    """The pods of a RayJob, RayCluster, RayService or RayCronJob, or of a Job, CronJob or Deployment.

    Worker groups count at their `maxReplicas`. Raises ValueError for another kind.
    """
    spec = manifest["spec"]
    match manifest["kind"]:
        case "RayCluster":
            return tuple(_cluster(spec))
        case "RayService":
            return tuple(_cluster(spec["rayClusterConfig"]))
        case "RayJob":
            return tuple(_job(spec))
        case "RayCronJob":
            return tuple(_job(spec["jobTemplate"]))
        case "Job" | "Deployment":
            return (_pod("pod", spec.get("parallelism", spec.get("replicas", 1)), spec["template"]),)
        case "CronJob":
            return pods({"kind": "Job"} | spec["jobTemplate"])
    raise ValueError(f"no pods are known of a {manifest['kind']}")


def _job(spec: Mapping[str, Any]) -> Iterator[Pod]:
    if "rayClusterSpec" in spec:
        yield from _cluster(spec["rayClusterSpec"])
    if spec.get("submissionMode", "K8sJobMode") == "K8sJobMode":
        yield _pod("submitter", 1, spec.get("submitterPodTemplate", SUBMITTER))


def _cluster(spec: Mapping[str, Any]) -> Iterator[Pod]:
    sidecar = []
    if spec.get("enableInTreeAutoscaling"):
        options = spec.get("autoscalerOptions", {})
        sidecar = [{"name": "autoscaler", "resources": options.get("resources", {"requests": AUTOSCALER})}]
    yield _pod("head", 1, spec["headGroupSpec"]["template"], sidecar)
    for group in spec.get("workerGroupSpecs", ()):
        most = max(group.get("replicas", 0), group.get("maxReplicas", 0))
        if most:
            yield _pod(group["groupName"], most * group.get("numOfHosts", 1), group["template"])


def _pod(name: str, count: int, template: Mapping[str, Any], sidecars: list[Any] | None = None) -> Pod:
    spec = template["spec"]
    requests: dict[str, int] = {}
    for container in (*spec.get("containers", ()), *(sidecars or ())):
        for resource, amount in _requests(container).items():
            requests[resource] = requests.get(resource, 0) + amount
    for container in spec.get("initContainers", ()):
        for resource, amount in _requests(container).items():
            requests[resource] = max(requests.get(resource, 0), amount)
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    liked = (term["preference"] for term in affinity.get("preferredDuringSchedulingIgnoredDuringExecution", ()))
    return Pod(
        name=name,
        count=count,
        requests={resource: amount for resource, amount in requests.items() if amount},
        selector=spec.get("nodeSelector", {}),
        tolerations=tuple(spec.get("tolerations", ())),
        affinity=tuple(tuple(term.get("matchExpressions", ())) for term in required.get("nodeSelectorTerms", ())),
        prefer=tuple(
            kind
            for preference in liked
            for expression in preference["matchExpressions"]
            if expression["key"] == INSTANCE_TYPE_LABEL
            for kind in expression["values"]
        ),
    )


def _requests(container: Mapping[str, Any]) -> dict[str, int]:
    """What a container requests; what it only limits, it requests too."""
    resources = container.get("resources", {})
    return amounts(dict(resources.get("limits", {})) | dict(resources.get("requests", {})))
