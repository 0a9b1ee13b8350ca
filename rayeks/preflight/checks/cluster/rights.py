"""Whether who deploys may make all that the stack makes, charts' own objects too: one question a kind and verb."""

from collections.abc import Iterable, Iterator

from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, check, failed, passed, warned
from rayeks.preflight.stack import PortableStack

VERBS = ("get", "create", "patch", "delete")
"""Server-side apply is a patch, and of what is not there yet a creation too."""

GRANTING = ("escalate", "bind")
"""What lets one give others rights that one does not hold."""

RELEASE = "kubernetes:helm.sh/v3:Release"
CORE = "v1"
RBAC, APPS = "rbac.authorization.k8s.io/v1", "apps/v1"
HOOKS, MONITORING = "admissionregistration.k8s.io/v1", "monitoring.coreos.com/v1"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")

EVERY_CHART = (
    *((CORE, kind) for kind in ("ConfigMap", "Secret", "Service", "ServiceAccount")),
    *((RBAC, kind) for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")),
)
"""What charts bring, Helm's own records (Secrets) among it. Source: the templates of the pinned charts."""
CHARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "kuberay-crds": (CRD,),
    "kuberay-operator": (*EVERY_CHART, (APPS, "Deployment")),
    "kueue": (
        *EVERY_CHART,
        CRD,
        (APPS, "Deployment"),
        ("apiregistration.k8s.io/v1", "APIService"),
        (HOOKS, "MutatingWebhookConfiguration"),
        (HOOKS, "ValidatingWebhookConfiguration"),
    ),
    "prometheus-operator-crds": (CRD,),
    "kube-prometheus-stack": (
        *EVERY_CHART,
        (APPS, "Deployment"),
        (APPS, "DaemonSet"),
        *((MONITORING, kind) for kind in ("Alertmanager", "Prometheus", "PrometheusRule", "ServiceMonitor")),
    ),
    "opentelemetry-collector": (*EVERY_CHART, (APPS, "Deployment")),
    "opencost": (*EVERY_CHART, (APPS, "Deployment"), (MONITORING, "ServiceMonitor")),
    "fluent-bit": (*EVERY_CHART, (APPS, "DaemonSet")),
}
"""Chart → (API version, kind) of what it brings."""


@check("cluster-rights", of=Ground.KUBERNETES)
def rights(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Rights to make the stack."""
    made = kinds(stack)
    for group, resource in sorted(made):
        lacking = [verb for verb in VERBS if not there.may(verb, group, resource)]
        name = f"{resource}.{group}" if group else resource
        if lacking:
            fix = f"let who deploys {', '.join(lacking)} {name} in every namespace; cluster-admin has it all"
            yield failed(name, f"may not {', '.join(lacking)} them, and the stack makes some", fix)
        else:
            yield passed(name, "may be made, changed and deleted")
    lacking = [verb for verb in GRANTING if not there.may(verb, RBAC.partition("/")[0], "clusterroles")]
    if lacking:
        message = f"may not {' nor '.join(lacking)} clusterroles: operators' roles that can do more are refused"
        yield warned("what operators may", message, "deploy as cluster-admin")


def kinds(stack: PortableStack) -> set[tuple[str, str]]:
    """(group, resource) of everything that the plan makes, and that its charts bring."""
    found = {pair for resource in stack.plan.resources if (pair := declared(resource.type))}
    for _, inputs in stack.inputs(RELEASE):
        found |= set(brought(inputs["chart"]))
    return {(version.rpartition("/")[0], plural(kind)) for version, kind in found}


def declared(type: str) -> tuple[str, str] | None:
    """(API version, kind) of a resource type of Kubernetes' provider: `kubernetes:core/v1:Namespace`."""
    package, _, rest = type.partition(":")
    if package != "kubernetes" or type == RELEASE:
        return None
    version, _, kind = rest.rpartition(":")
    return version.removeprefix("core/"), kind


def brought(chart: str) -> Iterable[tuple[str, str]]:
    """What a chart brings, by its reference: a name, an OCI address, or a file."""
    return CHARTS[chart.rstrip("/").rsplit("/", 1)[-1].removesuffix(".tgz")]


def plural(kind: str) -> str:
    """The resource of a kind, also where its CRD is not there yet: as client-go's UnsafeGuessKindToResource."""
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
