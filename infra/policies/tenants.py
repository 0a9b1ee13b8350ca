"""Teams have walls: each namespace a quota, a network that is closed, and pods that cannot leave it."""

from collections.abc import Iterator

from infra.contract import GPU_RESOURCE, TEAM_LABEL
from infra.policies.core import (
    UNKNOWN,
    WHERE_IT_COUNTS,
    Finding,
    Resource,
    Stack,
    at,
    differs,
    each,
    items,
    members,
    whole,
)
from infra.policies.kinds import NAMESPACE, STORAGE_CLASS, SYSTEM

QUOTA = "kubernetes:core/v1:ResourceQuota"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
LIMITED = ("requests.cpu", "requests.memory", f"requests.{GPU_RESOURCE}", "pods")
PVC = "persistentvolumeclaims"
METADATA = "169.254.169.254"


@whole(
    demands="every tenant has a quota of CPU, memory, GPUs and pods, and of each class of storage",
    reason="one team's sweep would otherwise take every machine that the pools may hold, or a file system a pod",
    fix="set the tenant's quota in the stack file",
)
def tenants_have_quotas(stack: Stack) -> Iterator[Finding]:
    classes = [found.get("metadata.name") for found in stack.of_type(STORAGE_CLASS)]
    for namespace in _namespaces(stack):
        if TEAM_LABEL not in members(namespace.get("metadata.labels")):
            continue
        hard = [quota.get("spec.hard") for quota in _inside(stack, namespace, QUOTA)]
        limited = {kind for limits in hard for kind in members(limits)}
        missing = [kind for kind in LIMITED if kind not in limited]
        missing += [f"class {name}" for name in classes if name is not UNKNOWN and not _counted(name, limited)]
        if UNKNOWN in hard:
            continue
        if missing:
            yield Finding(f"has no quota of {', '.join(missing)}", namespace)


@whole(
    demands="every namespace outside the system denies all traffic that it does not allow",
    reason="Kubernetes lets every pod reach every other: one team's notebook, another team's Ray head",
    fix="add a NetworkPolicy that selects all pods, names both directions and allows nothing; infra/isolation.py does",
)
def namespaces_deny_by_default(stack: Stack) -> Iterator[Finding]:
    for namespace in _namespaces(stack):
        closed: set[str] = set()
        for policy in _inside(stack, namespace, NETWORK_POLICY):
            if not policy.get("spec.podSelector"):
                kinds = {
                    kind for kind in items(policy.get("spec.policyTypes")) if not policy.get(f"spec.{kind.lower()}")
                }
                closed |= kinds
        for direction in ("Ingress", "Egress"):
            if direction not in closed:
                yield Finding(f"has no policy that denies {direction.lower()} by default", namespace)


@each(
    NETWORK_POLICY,
    demands="no tenant's pod reaches the instance metadata",
    reason="there lie the node's credentials, with which it joins the cluster",
    fix="except 169.254.0.0/16 from the block",
)
def pods_cannot_reach_the_metadata(resource: Resource, environment: str) -> Iterator[str]:
    for rule in items(resource.get("spec.egress")):
        for peer in items(at(rule, "to")):
            block, without = at(peer, "ipBlock.cidr"), items(at(peer, "ipBlock.except"))
            open_to_all = block in ("0.0.0.0/0", "169.254.0.0/16", f"{METADATA}/32")
            if open_to_all and not any(str(left_out).startswith("169.254.") for left_out in without):
                yield f"lets pods out to {block}, {METADATA} included"


@each(
    NAMESPACE,
    demands="outside the system, Pod Security refuses privileged pods",
    reason="a privileged container is root on its node, and sees every team's",
    fix="label the namespace pod-security.kubernetes.io/enforce: baseline or restricted",
)
def namespaces_refuse_privileged_pods(resource: Resource, environment: str) -> Iterator[str]:
    labels = resource.get("metadata.labels")
    level = UNKNOWN if labels is UNKNOWN else members(labels).get("pod-security.kubernetes.io/enforce")
    if resource.get("metadata.name") not in SYSTEM and differs(level, "baseline", "restricted"):
        yield f"enforces {level or 'nothing'}"


@each(
    NAMESPACE,
    demands="every tenant's namespace says who pays",
    reason="AWS splits the bill by these labels; what has none lands on the platform",
    fix="set the tenant's cost_center in the stack file",
    severity=WHERE_IT_COUNTS,
)
def tenants_say_who_pays(resource: Resource, environment: str) -> Iterator[str]:
    labels = members(resource.get("metadata.labels"))
    ours = resource.get("metadata.name") in SYSTEM
    if not ours and TEAM_LABEL in labels and not labels.get("rayeks/cost-center"):
        yield "has no rayeks/cost-center"


def _counted(name: str, limited: set[str]) -> bool:
    """Whether a quota limits what claims of a storage class may make, by size or by number."""
    return any(f"{name}.storageclass.storage.k8s.io/{by}" in limited for by in ("requests.storage", PVC))


def _namespaces(stack: Stack) -> list[Resource]:
    """The namespaces that are not the system's."""
    return [space for space in stack.of_type(NAMESPACE) if space.get("metadata.name") not in SYSTEM]


def _inside(stack: Stack, namespace: Resource, kind: str) -> list[Resource]:
    name = namespace.get("metadata.name")
    return [found for found in stack.of_type(kind) if found.get("metadata.namespace") == name]
