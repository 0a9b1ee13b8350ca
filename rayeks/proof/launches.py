"""What a proof launches: every sample of the stack's outputs, and for each pool something that only it can take."""

import copy
from collections.abc import Mapping
from typing import Any

from infra import contract, instances
from infra.config import Platform
from infra.config.pools import GpuInferPool, GpuTrainPool, Pool
from rayeks.launching.shape import cluster_spec
from rayeks.proof.cluster import LAUNCH_LABEL

Object = dict[str, Any]

PAUSE = "registry.k8s.io/pause:3.10"
NAMESPACE = "rayeks-proof"


def launches(platform: Platform, outputs: Mapping[str, Any]) -> dict[str, Object]:
    """Name → the object to apply: the samples as they are, and a pod for each pool."""
    found = {name: sample(name, each["manifest"]) for name, each in (outputs.get("workloads") or {}).items()}
    return found | {f"pool-{name}": probe(name, pool) for name, pool in platform.pools.items()}


def sample(name: str, manifest: Object) -> Object:
    """The sample's manifest under a name of its own, with every pod marked as the proof's."""
    marked: Object = copy.deepcopy(manifest)
    if marked["kind"] == "RayCronJob":  # the job that it would start
        marked |= {"kind": "RayJob", "spec": marked["spec"]["jobTemplate"]}
    marked["metadata"]["name"] = f"proof-{marked['metadata']['name']}"[:40].rstrip("-")
    cluster = cluster_spec(marked)
    templates = [group["template"] for group in (cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", ()))]
    if "submitterPodTemplate" in marked["spec"]:
        templates.append(marked["spec"]["submitterPodTemplate"])
    for template in templates:
        template.setdefault("metadata", {}).setdefault("labels", {})[LAUNCH_LABEL] = name
    return marked


def probe(name: str, pool: Pool) -> Object:
    """A pod that only this pool's machines can take: its labels, its taints, and a GPU where it is of GPUs."""
    asked: dict[str, str] = {"cpu": "1", "memory": "2Gi"}
    if isinstance(pool, GpuInferPool):
        asked[contract.GPU_RESOURCE] = "1"
    if isinstance(pool, GpuTrainPool):
        known = instances.facts(pool.instance_type)
        asked[contract.GPU_RESOURCE] = str(known.gpus if known else 1)
    limits = {key: value for key, value in asked.items() if key == contract.GPU_RESOURCE}
    placed = contract.POOLS[pool.kind].scheduling()
    placed["nodeSelector"] = placed["nodeSelector"] | {"karpenter.sh/nodepool": name}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {LAUNCH_LABEL: f"pool-{name}"}},
        "spec": {
            **placed,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "pause", "image": PAUSE, "resources": {"requests": asked, "limits": limits}}],
        },
    }


def namespace() -> Object:
    """Where the pools' pods stand: outside the tenants, whose quotas they must not use."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
