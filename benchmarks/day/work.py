"""The Ray pods of the day: what each role asks for, and the RayCluster of an item on a contender's machines."""

from collections.abc import Mapping
from typing import Any

from benchmarks.day.trace import Item
from infra import contract
from infra.allocatable import amounts
from infra.headroom import YIELDS_S
from infra.pods import Pod
from workloads import manifests
from workloads.sizes import CPU_WORKER, GPU_WORKER
from workloads.spec import Cluster, Head, Owner, Workers

Object = dict[str, Any]

NAMESPACE = "day"
ITEM = "day/item"
ROLE = "day/role"
WARM = "warm"
"""The priority class of pods that hold room for others."""
OWNER = Owner(namespace=NAMESPACE, team="day")
RESOURCES = {"head": Head().resources, "cpu": CPU_WORKER, "gpu": GPU_WORKER}
"""As the samples of the stacks ask for them."""
POOLS = {"head": contract.RAY_HEAD.name, "cpu": contract.RAY_CPU.name, "gpu": contract.RAY_GPU_INFER.name}


def _pod(role: str) -> Pod:
    return Pod(role, 1, amounts(manifests.container_resources(RESOURCES[role])["requests"]), {}, ())


PODS = {role: _pod(role) for role in RESOURCES}
"""Role → one of its pods, as the arithmetic of machines takes it."""


def ray_cluster(item: Item, workers: int, places: Mapping[str, Object], steady: frozenset[str]) -> Object:
    """The item as a RayCluster with so many workers, each pod where the contender has such pods."""
    role = "gpu" if item.gpu else "cpu"
    group = Workers(name="workers", pool=POOLS[role], resources=RESOURCES[role], replicas=workers)
    head = Head(resources=RESOURCES["head"])
    made = manifests.ray_cluster(item.name, OWNER, Cluster(image="ray", workers=(group,), head=head, token_auth=False))
    spec = made["spec"]
    for role_of, template in (
        ("head", spec["headGroupSpec"]["template"]),
        (role, spec["workerGroupSpecs"][0]["template"]),
    ):
        _placed(template, item, role_of, places[role_of], role_of in steady)
    return made


def scale(workers: int) -> list[Object]:
    """The JSON patch that gives a RayCluster so many workers."""
    at = "/spec/workerGroupSpecs/0"
    return [
        {"op": "replace", "path": f"{at}/{name}", "value": workers}
        for name in ("minReplicas", "replicas", "maxReplicas")
    ]


def warm(index: int, places: Mapping[str, Object]) -> Object:
    """A pod that holds room for a head, and gives way to one."""
    asked = manifests.container_resources(RESOURCES["head"])["requests"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"warm-{index}", "namespace": NAMESPACE, "labels": {ITEM: WARM, ROLE: WARM}},
        "spec": {
            **places["head"],
            "priorityClassName": WARM,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": YIELDS_S,
            "containers": [{"name": "warm", "image": "ray", "resources": {"requests": asked}}],
        },
    }


def _placed(template: Object, item: Item, role: str, place: Object, steady: bool) -> None:
    """Mark a pod template, and let it ask for machines as the contender's pods do."""
    metadata, spec = template["metadata"], template["spec"]
    metadata["labels"] = metadata["labels"] | {ITEM: item.name, ROLE: role}
    metadata["annotations"] = contract.DO_NOT_DISRUPT if steady else {}
    for key in ("nodeSelector", "tolerations", "affinity", "serviceAccountName"):
        spec.pop(key, None)
    spec |= place
    spec["automountServiceAccountToken"] = False
    # Nothing in the containers ends by itself, and nobody drains them.
    spec["terminationGracePeriodSeconds"] = 0
