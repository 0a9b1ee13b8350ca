"""Machines that are warm before they are needed: room held by pods that give way, and images fetched ahead."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apps.v1 import DaemonSet, Deployment
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from infra import contract
from infra.autoscaling import Pools
from infra.cluster import Cluster
from infra.config import Platform
from infra.config.pools import Pool
from infra.headroom_size import worker
from infra.launches import names
from infra.namespaces import platform_namespace
from workloads.manifests import container_resources

Object = Any
"""An object, or a part of one, as the API server spells it."""

NAMESPACE = "headroom"
PRIORITY = -1000
"""Below every pod that does something: the scheduler evicts these first, and Karpenter makes new room for them."""

IDLE = ["sleep", "infinity"]
"""In the image of the workloads themselves: no other image is needed, and a node that is held warm has it already."""
YIELDS_S = 1
"""Seconds until held room is free for who preempts it. At 0 the scheduler misses that the room is free, and the one who
preempted waits for five minutes: seen on 1.35.4, kubernetes/kubernetes#141694."""
NOTHING: Object = {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}}
LOCKED: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Headroom(pulumi.ComponentResource):
    """What the pools ask for to be ready; it goes before they do, so that nothing holds their nodes."""

    def __init__(self, name: str, platform: Platform, *, cluster: Cluster, pools: Pools) -> None:
        super().__init__("rayeks:infra:Headroom", name)
        namespace = platform_namespace(NAMESPACE, kubernetes=cluster.kubernetes, parent=self, after=[pools])
        inside = ResourceOptions(parent=namespace, provider=cluster.kubernetes)
        # Nobody waits for them: their nodes may be minutes away, and there may never be one.
        unawaited = {"pulumi.com/skipAwait": "true"}
        priority = PriorityClass(
            NAMESPACE,
            metadata={"name": NAMESPACE},
            value=PRIORITY,
            preemption_policy="Never",
            description="Pods that hold room for others",
            opts=ResourceOptions(parent=self, provider=cluster.kubernetes),
        )
        image = {gpu: names(platform).image(gpu) for gpu in (False, True)}
        for key, pool in platform.pools.items():
            if pool.headroom:
                Deployment(
                    f"{NAMESPACE}-{key}",
                    metadata={"name": key, "namespace": NAMESPACE, "annotations": unawaited},
                    spec=room(key, pool, image[contract.POOLS[pool.kind].gpu]),
                    opts=ResourceOptions.merge(inside, ResourceOptions(depends_on=[priority])),
                )
        for gpu, kind in ((False, "cpu"), (True, "gpu")):
            kinds = sorted({p.kind for p in platform.pools.values() if p.prepull and contract.POOLS[p.kind].gpu == gpu})
            if kinds:
                DaemonSet(
                    f"prepull-{kind}",
                    metadata={"name": f"prepull-{kind}", "namespace": NAMESPACE, "annotations": unawaited},
                    spec=prepull(f"prepull-{kind}", image[gpu], kinds),
                    opts=inside,
                )
        self.register_outputs({})


def room(key: str, pool: Pool, image: str) -> Object:
    """The spec of the Deployment that holds a pool's headroom: pods that do nothing, each as large as a worker."""
    held = container_resources(worker(pool))["requests"]
    holding = {
        "name": "room",
        "image": image,
        "command": IDLE,
        "resources": {"requests": held, "limits": held},
        "securityContext": LOCKED,
    }
    return {
        "replicas": pool.headroom,
        **_template(
            key,
            {
                **contract.POOLS[pool.kind].scheduling(),
                "priorityClassName": NAMESPACE,
                "terminationGracePeriodSeconds": YIELDS_S,
                "containers": [holding],
            },
        ),
    }


def prepull(name: str, image: str, kinds: Sequence[str]) -> Object:
    """The spec of the DaemonSet that has an image on every node of some pools before the first job asks for it."""
    on = {"key": contract.POOL_LABEL, "operator": "In", "values": list(kinds)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [on]}]}
    idle = {"name": "image", "image": image, "command": IDLE, "resources": NOTHING, "securityContext": LOCKED}
    return _template(
        name,
        {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "containers": [idle],
        },
    )


def _template(name: str, spec: Object) -> Object:
    labels = {"app.kubernetes.io/name": name, contract.TEAM_LABEL: contract.PLATFORM_TEAM}
    calm = {"automountServiceAccountToken": False, "enableServiceLinks": False}
    return {
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "template": {"metadata": {"labels": labels}, "spec": calm | spec},
    }
