"""What somebody else has made already, under names that the stack would take: definitions, operators, namespaces."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from infra.contract import TEAM_LABEL
from rayeks.preflight.checks.cluster.rights import RELEASE
from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, check, failed, passed
from rayeks.preflight.stack import PortableStack

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACE = "kubernetes:core/v1:Namespace"
GROUPS = {
    "kuberay-crds": ("ray.io", "uninstall the other KubeRay; its Ray clusters end with its definitions"),
    "kueue": ("kueue.x-k8s.io", "uninstall the other Kueue, or leave out `queues`"),
    "prometheus-operator-crds": (
        "monitoring.coreos.com",
        "leave out `observability` and let the Prometheus that is there watch, or uninstall it",
    ),
}
"""Chart → the API group whose definitions it brings, and what to do where somebody else did."""
VERSIONS = ("operator.prometheus.io/version", "app.kubernetes.io/version", "controller-gen.kubebuilder.io/version")
"""Labels and annotations that say which version brought a definition, the best first."""


@check("definitions", of=Ground.KUBERNETES)
def definitions(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Definitions of KubeRay, Kueue and Prometheus."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in there.items(CRDS, metadata=True):
        found[each["metadata"]["name"].partition(".")[2]].append(each["metadata"])
    for _, release in stack.inputs(RELEASE):
        if release["name"] not in GROUPS:
            continue
        group, fix = GROUPS[release["name"]]
        owner = f"release {release['namespace']}/{release['name']}"
        strangers = [each for each in found[group] if _owner(each) != owner]
        if strangers:
            by = ", ".join(sorted({f"{_owner(each)}{_version(each)}" for each in strangers}))
            message = f"{len(strangers)} definitions are there already, of {by}: {strangers[0]['name']}, …"
            yield failed(group, message, fix)
        elif found[group]:
            yield passed(group, f"{len(found[group])} definitions are the stack's own{_version(found[group][0])}")
        else:
            yield passed(group, "nobody has defined it")


@check("namespaces", of=Ground.KUBERNETES)
def namespaces(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Namespaces that the stack makes."""
    for _, inputs in stack.inputs(NAMESPACE):
        wanted = inputs["metadata"]
        live = there.find(f"/api/v1/namespaces/{wanted['name']}")
        if live is None:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": wanted}
            refused = there.refusal("/api/v1/namespaces", body)
            if refused:
                yield failed(wanted["name"], f"would be refused: {refused.message}", refused.fix)
            else:
                yield passed(wanted["name"], "is free, and would be taken as it is planned")
        elif live["status"].get("phase") == "Terminating":
            yield failed(wanted["name"], "is being deleted", "wait until it is gone, and see what holds it")
        elif (live["metadata"].get("labels") or {}).get(TEAM_LABEL) != wanted["labels"][TEAM_LABEL]:
            message = f"is somebody else's: it has no label {TEAM_LABEL}={wanted['labels'][TEAM_LABEL]}"
            yield failed(wanted["name"], message, "delete it, rename the team, or pulumi import it")
        else:
            yield passed(wanted["name"], "is there, with the stack's own label")


def _owner(metadata: dict[str, Any]) -> str:
    """The Helm release that has a definition."""
    notes = metadata.get("annotations") or {}
    name, namespace = (notes.get(f"meta.helm.sh/release-{part}") for part in ("name", "namespace"))
    return f"release {namespace}/{name}" if name else "no release of Helm's"


def _version(metadata: dict[str, Any]) -> str:
    notes = (metadata.get("labels") or {}) | (metadata.get("annotations") or {})
    return next((f" ({key} {notes[key]})" for key in VERSIONS if key in notes), "")
