"""A tear-down of the pools on the real engine: it waits for the machines, and takes no pool from under them.

Karpenter is played by the test: it puts its finalizers on, and takes them off as Karpenter does, a NodeClaim's when the
instance is gone, a NodePool's and an EC2NodeClass' when nothing is left that needs them.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from infra import karpenter
from infra.autoscaling import Pools
from infra.config import parse
from local.kubernetes import Kubernetes
from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.client import ApiServer, NoSuchKind
from tests.infra.conftest import VALUES

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CLAIM_API, FINALIZER, CLASS_FINALIZER = "karpenter.sh/v1", "karpenter.sh/termination", "karpenter.k8s.aws/termination"
POOL = "ray-cpu"


def program(cluster: Kubernetes) -> Callable[[], None]:
    """The pools of a stack as `infra.on_eks` makes them, on a cluster with Karpenter's CRDs and no AWS."""
    settings = {POOL: parse(VALUES).pools[POOL]}

    def declare() -> None:
        provider = k8s.Provider("ray", kubeconfig=str(cluster.kubeconfig), cluster_identifier="local")
        crds: Any = k8s.helm.v3.Release(
            "karpenter-crd",
            name="karpenter-crd",
            chart="oci://public.ecr.aws/karpenter/karpenter-crd",
            version="1.14.1",
            namespace="kube-system",
            opts=pulumi.ResourceOptions(provider=provider),
        )
        made: Any = SimpleNamespace(name="ray", security_group_id=pulumi.Output.from_input("sg-1"), kubernetes=provider)
        # What the pools depend on is, as far as the order goes, the release of Karpenter.
        crds.node_role = pulumi.Output.from_input("ray-karpenter-node")
        nowhere: Any = None
        network: Any = SimpleNamespace(efa_group=pulumi.Output.from_input("sg-2"))
        Pools(
            "ray",
            settings,
            cluster=made,
            karpenter=crds,
            network=network,
            placement=nowhere,
            tags={},
        )

    return declare


def claim(pool: dict[str, Any]) -> dict[str, Any]:
    """A machine of the pool, owned by it as Karpenter's NodeClaims are."""
    meta = pool["metadata"]
    owner = {"apiVersion": CLAIM_API, "kind": "NodePool", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": CLAIM_API,
        "kind": "NodeClaim",
        "metadata": {
            "name": f"{POOL}-1",
            "finalizers": [FINALIZER],
            "ownerReferences": [owner | {"blockOwnerDeletion": True}],
        },
        "spec": {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": POOL},
            "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
        },
    }


class Karpenter:
    """What of it a tear-down needs: its finalizers, put on and taken off."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api

    def get(self, api_version: str, kind: str, name: str) -> dict[str, Any] | None:
        return self.api.get(self.api.kind(api_version, kind), None, name)

    def finalizers(self, api_version: str, kind: str, name: str, *wanted: str) -> None:
        path = [{"op": "add", "path": "/metadata/finalizers", "value": list(wanted)}]
        self.api.patch(self.api.kind(api_version, kind), None, name, path)


def test_a_tear_down_waits_for_the_machines_and_leaves_no_finalizer(run_engine, cluster: Kubernetes, api: ApiServer):
    run = run_engine(program(cluster), env={})
    run.up()
    played = Karpenter(api)
    pool = played.get(CLAIM_API, "NodePool", POOL)
    assert pool
    api.apply(api.kind(CLAIM_API, "NodeClaim"), claim(pool), "karpenter", force=True)
    played.finalizers(karpenter.NODECLASS_API, "EC2NodeClass", POOL, CLASS_FINALIZER)

    with ThreadPoolExecutor(1) as beside:
        destroyed = beside.submit(run.destroy)
        wait(lambda: deleting(played.get(CLAIM_API, "NodeClaim", f"{POOL}-1")), "the machine is asked to go")
        assert deleting(played.get(CLAIM_API, "NodePool", POOL)), "the pool goes after its machines"
        node_class = played.get(karpenter.NODECLASS_API, "EC2NodeClass", POOL)
        assert node_class and not deleting(node_class), "what describes the machines is there while they drain"
        assert not destroyed.done()

        played.finalizers(CLAIM_API, "NodeClaim", f"{POOL}-1")  # the instance is gone
        wait(lambda: played.get(CLAIM_API, "NodePool", POOL) is None, "then the pool goes")
        wait(lambda: deleting(played.get(karpenter.NODECLASS_API, "EC2NodeClass", POOL)), "then its class is asked to")
        assert not destroyed.done()
        played.finalizers(karpenter.NODECLASS_API, "EC2NodeClass", POOL)
        assert set(destroyed.result(120)) == {"delete"}
    with pytest.raises(NoSuchKind):
        ApiServer(kubeconfig.load(str(cluster.kubeconfig)), threading.Event()).kind(CLAIM_API, "NodePool")


def deleting(found: dict[str, Any] | None) -> bool:
    return bool(found and found["metadata"].get("deletionTimestamp"))


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
