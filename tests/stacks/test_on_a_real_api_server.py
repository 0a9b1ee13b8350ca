"""What each stack applies, judged by a real API server: schemas, CEL rules, quotas, Pod Security, people's rights.

The stack `prod` is applied whole, and what befalls its tenants is tried on it; the others are judged by dry runs.
"""

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import contract
from local.kubernetes import Kubernetes
from local.providers.kubernetes import charts, crds, kubeconfig
from local.providers.kubernetes.client import ApiError, ApiServer
from rayeks.plan import Plan, plan
from rayeks.plan.values import reveal

ROOT = Path(__file__).parents[2]
APPLIED = "prod"
OTHERS = ("local", "dev", "staging", "onprem")
FIRST = ("Namespace", "PriorityClass")
TEAM = "research"
NAMESPACE = contract.namespace(TEAM)
RELEASE = "kubernetes:helm.sh/v3:Release"


def objects(made: Plan) -> list[dict[str, Any]]:
    """The Kubernetes objects of a plan, as they are applied; ids that only AWS can say are made up."""
    found = [r for r in made.resources if r.type.startswith("kubernetes:") and r.type != RELEASE]
    return sorted((filled(reveal(r.inputs)) for r in found), key=lambda item: item["kind"] not in FIRST)


def filled(value: Any, prefix: str = "sg") -> Any:
    """A value with an id in place of each unknown, of the kind that EC2NodeClass' rules ask for there."""
    if isinstance(value, Mapping):
        kinds = {"capacityReservationSelectorTerms": "cr"}
        return {key: filled(item, kinds.get(key, prefix)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, prefix) for item in value]
    return re.sub("unknown-", f"{prefix}-", value) if isinstance(value, str) else value


def apply(api: ApiServer, item: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
    return api.apply(api.kind(item["apiVersion"], item["kind"]), dict(item), "judge", force=True, dry_run=dry_run)


@pytest.fixture(scope="module")
def api(kubernetes: Kubernetes) -> ApiServer:
    """The API server with the CRDs of every chart of `prod`, and all of its objects."""
    api = ApiServer(kubeconfig.load(str(kubernetes.kubeconfig)), threading.Event())
    made = plan(APPLIED, root=ROOT)
    found = [charts.find(r.inputs["chart"]) for r in made.resources if r.type == RELEASE]
    texts = {text for chart in found for text in charts.manifests(chart).values()}
    definitions = [crd for text in texts for crd in charts.parsed(text)]
    crds.install(api, definitions, "judge", 120, print)
    for item in objects(made):
        apply(api, item)
    return api


@pytest.mark.parametrize("stack", OTHERS)
def test_every_object_of_a_stack_is_taken(api: ApiServer, stack: str) -> None:
    refused = []
    for item in objects(plan(stack, root=ROOT)):
        # What these stand for never changes, and here it is another's.
        if item["kind"].startswith("PersistentVolume") or item["kind"] == "StorageClass":
            item["metadata"]["name"] += f"-{stack}"
        try:
            apply(api, item, dry_run=item["kind"] != "Namespace")
        except ApiError as error:
            refused.append(f"{item['kind']} {item['metadata'].get('name')}: {error.message}")
    assert refused == []


V, D, A = "viewer", "developer", "admin"
EVERYONE, WRITERS, ADMINS, NOBODY = {V, D, A}, {D, A}, {A}, set()
RIGHTS = [
    ("ray.io", "rayjobs", "list", EVERYONE),
    ("ray.io", "rayclusters", "watch", EVERYONE),
    ("ray.io", "rayservices", "get", EVERYONE),
    ("ray.io", "rayjobs", "create", WRITERS),
    ("ray.io", "rayclusters", "delete", WRITERS),
    ("ray.io", "rayservices", "patch", WRITERS),
    ("", "pods", "list", EVERYONE),
    ("", "pods/log", "get", EVERYONE),
    ("", "events", "list", EVERYONE),
    ("", "resourcequotas", "get", EVERYONE),
    ("kueue.x-k8s.io", "workloads", "list", EVERYONE),
    ("kueue.x-k8s.io", "localqueues", "get", EVERYONE),
    ("", "pods", "delete", WRITERS),
    ("", "pods/exec", "create", WRITERS),
    ("", "pods/portforward", "create", WRITERS),
    ("", "configmaps", "create", WRITERS),
    ("", "secrets", "get", ADMINS),
    ("", "secrets", "create", ADMINS),
    ("", "persistentvolumeclaims", "create", ADMINS),
    ("batch", "jobs", "delete", ADMINS),
    ("", "pods", "create", NOBODY),
    ("", "resourcequotas", "update", NOBODY),
    ("", "limitranges", "delete", NOBODY),
    ("", "serviceaccounts", "create", NOBODY),
    ("", "serviceaccounts/token", "create", NOBODY),
    ("", "namespaces", "patch", NOBODY),
    ("networking.k8s.io", "networkpolicies", "delete", NOBODY),
    ("rbac.authorization.k8s.io", "rolebindings", "create", NOBODY),
    ("rbac.authorization.k8s.io", "roles", "escalate", NOBODY),
    ("kueue.x-k8s.io", "localqueues", "create", NOBODY),
    ("kueue.x-k8s.io", "clusterqueues", "patch", NOBODY),
    ("kueue.x-k8s.io", "workloads", "patch", NOBODY),
    ("karpenter.sh", "nodepools", "patch", NOBODY),
    ("", "nodes", "list", NOBODY),
]
"""API group, resource, verb, and who of a team may do it in the team's namespace. In any other, nobody may."""


def may(api: ApiServer, role: str, namespace: str, group: str, resource: str, verb: str) -> bool:
    """What the API server itself answers to a member of the team in that role."""
    resource, _, sub = resource.partition("/")
    wanted = {"namespace": namespace, "group": group, "resource": resource, "subresource": sub, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "somebody",
            "groups": [contract.group(TEAM, role), "system:authenticated"],
            "resourceAttributes": wanted,
        },
    }
    return api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=review)["status"]["allowed"]


@pytest.mark.parametrize(("group", "resource", "verb", "who"), RIGHTS, ids=[f"{v}-{r}" for _, r, v, _ in RIGHTS])
def test_who_may_do_what_is_as_written_and_only_at_home(
    api: ApiServer, group: str, resource: str, verb: str, who: set[str]
) -> None:
    assert {role for role in (V, D, A) if may(api, role, NAMESPACE, group, resource, verb)} == who
    for elsewhere in ("kube-system", "kuberay", "default"):
        assert not any(may(api, role, elsewhere, group, resource, verb) for role in (V, D, A))


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "any", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"serviceAccountName": contract.WORKER_ACCOUNT, "containers": [container], **spec},
    }


def asking(**resources: str) -> list[dict[str, Any]]:
    wanted = {key.replace("_", "/"): value for key, value in resources.items()}
    return [{"name": "main", "image": "any", "resources": {"requests": wanted, "limits": wanted}}]


REFUSED = [
    ("over-its-cpus", {"containers": asking(cpu="100000", memory="1Gi")}, "exceeded quota: team"),
    ("over-its-memory", {"containers": asking(cpu="1", memory="900Ti")}, "exceeded quota: team"),
    (
        "over-its-gpus",
        {"containers": asking(**{"cpu": "1", "memory": "1Gi", "nvidia.com_gpu": "10000"})},
        "exceeded quota: team",
    ),
    ("as-the-platform", {"priorityClassName": "system-node-critical"}, "exceeded quota: no-critical-pods"),
    ("of-the-host", {"hostNetwork": True}, "violates PodSecurity"),
    ("in-the-host-files", {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}, "violates PodSecurity"),
    (
        "with-all-powers",
        {"containers": [asking(cpu="1", memory="1Gi")[0] | {"securityContext": {"privileged": True}}]},
        "violates PodSecurity",
    ),
]


@pytest.mark.parametrize(("name", "spec", "why"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_a_pod_that_takes_more_than_its_team_may_is_refused(
    api: ApiServer, name: str, spec: dict[str, Any], why: str
) -> None:
    with pytest.raises(ApiError, match=why):
        apply(api, pod(name, **spec), dry_run=True)


def test_a_pod_within_its_team_s_bounds_is_let_in_and_gets_the_defaults(api: ApiServer) -> None:
    made = apply(api, pod("modest", containers=[{"name": "main", "image": "any"}]), dry_run=True)
    assert made["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}


@pytest.fixture(scope="module")
def storage(api: ApiServer) -> str:
    """A namespace with what the stack `local` has beside `prod`: a class of Lustre, and some in its team's quota."""
    apply(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storage"}})
    for item in objects(plan("local", root=ROOT)):
        kind, name = item["kind"], item["metadata"].get("name")
        if kind.startswith("ValidatingAdmissionPolicy") or (kind, name) == ("StorageClass", contract.LUSTRE_CLASS):
            apply(api, item)
        elif (kind, name) == ("ResourceQuota", "team"):
            apply(api, item | {"metadata": {"name": "team", "namespace": "storage"}})
    deadline = time.monotonic() + 60
    while not refusal(api, claim("storage", "probe", "lustre", "1Gi")).count("comes in"):
        assert time.monotonic() < deadline, "the admission policy never came into force"
        time.sleep(0.2)
    return "storage"


def claim(namespace: str, name: str, storage_class: str, size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }


def refusal(api: ApiServer, item: Mapping[str, Any]) -> str:
    """Why the API server would not take the object; nothing where it would."""
    try:
        apply(api, item, dry_run=True)
    except ApiError as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("kind", "size", "why"),
    [
        ("efs", "1Gi", ""),
        ("gp3", "100Gi", ""),
        ("gp3", "1025Gi", "exceeded quota: team, requested: gp3.storageclass"),
        ("lustre", "1200Gi", ""),
        ("lustre", "2400Gi", "exceeded quota: team, requested: lustre.storageclass"),
        ("lustre", "100Gi", "FSx for Lustre comes in 1200Gi and in multiples of 2400Gi"),
        ("lustre", "1300Gi", "FSx for Lustre comes in"),
        ("lustre", "3600Gi", "FSx for Lustre comes in"),
    ],
)
def test_claims_make_what_the_team_was_granted_of_each_class(
    api: ApiServer, storage: str, kind: str, size: str, why: str
) -> None:
    said = refusal(api, claim(storage, "wanted", kind, size))
    assert why in said if why else said == ""


def test_a_team_without_a_grant_makes_no_lustre_file_system(api: ApiServer, storage: str) -> None:
    hard = {"lustre.storageclass.storage.k8s.io/requests.storage": "0Gi"}
    apply(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "poor"}})
    quota = {"metadata": {"name": "team", "namespace": "poor"}, "spec": {"hard": hard}}
    apply(api, {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    deadline = time.monotonic() + 60
    while not refusal(api, claim("poor", "wanted", "lustre", "1200Gi")).count("exceeded quota: team"):
        assert time.monotonic() < deadline, "the quota never came into force"
        time.sleep(0.2)
    assert refusal(api, claim("poor", "wanted", "efs", "1Gi")) == ""


@pytest.mark.parametrize("namespace", ["kuberay", "kueue-system"])
def test_the_operators_namespaces_refuse_a_pod_that_could_be_root(api: ApiServer, namespace: str) -> None:
    intruder = pod("intruder", serviceAccountName="default")
    intruder["metadata"]["namespace"] = namespace
    with pytest.raises(ApiError, match="violates PodSecurity"):
        apply(api, intruder, dry_run=True)
