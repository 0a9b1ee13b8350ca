"""What a proof leaves behind, and how it goes: launches, then nodes, by Karpenter's own hand."""

import time
from collections.abc import Callable
from typing import Any

from rayeks.proof.cluster import LAUNCH_LABEL, Cluster
from rayeks.proof.launches import NAMESPACE

Say = Callable[[str], None]
IDLE = "5s"
"""How long a pool's node may stand empty while a proof ends; the pools' own times are minutes."""

GONE_S = 60.0
"""How long a namespace may take to be gone; what comes after needs its name."""

RAY = ("rayjobs", "rayservices", "rayclusters", "raycronjobs")


def clear(cluster: Cluster, say: Say) -> None:
    """Remove what a proof launched and its namespace; used before one, for what a killed one left, and after."""
    removed = 0
    for plural in RAY:
        for item in cluster.listed(f"/apis/ray.io/v1/{plural}"):
            if _of_a_proof(item):
                cluster.delete(item | {"apiVersion": "ray.io/v1", "kind": _kind(plural)})
                removed += 1
    for item in cluster.listed("/api/v1/pods", LAUNCH_LABEL):
        cluster.delete(item | {"apiVersion": "v1", "kind": "Pod"})
        removed += 1
    kind = cluster.api.kind("v1", "Namespace")
    cluster.api.delete(kind, None, NAMESPACE, "Background")
    deadline = time.monotonic() + GONE_S
    while cluster.api.metadata(kind, None, NAMESPACE) and time.monotonic() < deadline:
        time.sleep(0.5)
    if removed:
        say(f"removed {removed} objects of a proof")


def drained(cluster: Cluster, within_s: float, say: Say) -> float | None:
    """Seconds until Karpenter had removed every node that is empty; None where that took longer than `within_s`.

    What the stack itself deploys keeps its nodes. The pools' idle times are shortened meanwhile, and put back.
    """
    pools = cluster.listed("/apis/karpenter.sh/v1/nodepools")
    say(f"everything is deleted; the pools' idle times are {IDLE} until their nodes are gone")
    began = spoke = time.monotonic()
    try:
        for pool in pools:
            _set_idle(cluster, pool, IDLE)
        while machines := cluster.leaving():
            now = time.monotonic()
            if now - began > within_s:
                return None
            if now - spoke > 10:
                spoke = now
                say(f"  {len(machines)} nodes left, {now - began:.0f} s")
            time.sleep(1.0)
        return time.monotonic() - began
    finally:
        for pool in pools:
            _set_idle(cluster, pool, pool["spec"]["disruption"]["consolidateAfter"])


def _set_idle(cluster: Cluster, pool: dict[str, Any], idle: str) -> None:
    change = [{"op": "replace", "path": "/spec/disruption/consolidateAfter", "value": idle}]
    kind = cluster.api.kind("karpenter.sh/v1", "NodePool")
    cluster.api.patch(kind, None, pool["metadata"]["name"], change)


def _of_a_proof(item: dict[str, Any]) -> bool:
    return item["metadata"]["name"].startswith("proof-")


def _kind(plural: str) -> str:
    return {"rayjobs": "RayJob", "rayservices": "RayService", "rayclusters": "RayCluster", "raycronjobs": "RayCronJob"}[
        plural
    ]
