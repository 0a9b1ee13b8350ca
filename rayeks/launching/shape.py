"""What a manifest asks for, scaled to one machine: pure, so that the scaling can be read and tested."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from infra import contract
from rayeks.errors import UserError

OBJECT_STORE_BYTES = 200_000_000
NODE_BYTES = 700_000_000
"""A node's processes and object store, and one Python worker that imports PyTorch: 0.6 GB measured."""


@dataclass(frozen=True)
class Machine:
    """What this computer can give: CPU cores, NVIDIA GPUs, bytes of memory that are free."""

    cpus: int
    gpus: int
    free_memory: int


@dataclass(frozen=True)
class Node:
    """One `ray start` process, in the terms of its flags."""

    group: str
    cpus: int
    gpus: int = 0
    custom: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A worker group that the autoscaler fills: between `least` and `most` nodes, each gone after `idle_s` idle."""

    node: Node
    least: int
    most: int
    idle_s: float | None


@dataclass(frozen=True)
class Shape:
    """A cluster for one machine, the head first, and what was changed to make it fit.

    With `kinds`, Ray's autoscaler starts the workers, and `nodes` is the head alone.
    """

    nodes: tuple[Node, ...]
    notes: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()


def shape(manifest: dict[str, Any], machine: Machine) -> Shape:
    """The nodes of a job's or a service's cluster: its head and one node for each worker replica.

    Where the machine has fewer CPU cores than the workers ask for, each gets an equal share, one at least; a
    note says so. UserError for GPUs that the machine lacks and for memory that would not do.
    """
    cluster = cluster_spec(manifest)
    head = _node(cluster["headGroupSpec"], "headgroup")
    groups = cluster.get("workerGroupSpecs", [])
    if cluster.get("enableInTreeAutoscaling") and any(not group.get("replicas") for group in groups):
        return _scaling(head, cluster, machine)
    workers = [
        _node(group, group["groupName"])
        for group in groups
        for _ in range(group.get("replicas", 0) * group.get("numOfHosts", 1))
    ]
    notes = []
    asked = sum(node.gpus for node in workers)
    if asked > machine.gpus:
        raise _no_gpus(asked, machine)
    if (wanted := sum(node.cpus for node in workers)) > machine.cpus:
        share = max(1, machine.cpus // len(workers))
        workers = [replace(node, cpus=min(node.cpus, share)) for node in workers]
        given = sum(node.cpus for node in workers)
        notes.append(f"the workers ask for {wanted} CPUs, this machine has {machine.cpus}: they get {given}")
    needed = (1 + len(workers)) * NODE_BYTES
    if needed > machine.free_memory:
        raise _no_memory(1 + len(workers), needed, machine)
    return Shape((head, *workers), tuple(notes))


def _scaling(head: Node, cluster: dict[str, Any], machine: Machine) -> Shape:
    """A cluster with a group that begins with nobody: all groups are the autoscaler's, no larger than this machine."""
    idle = cluster.get("autoscalerOptions", {}).get("idleTimeoutSeconds")
    kinds, notes = [], []
    for group in cluster["workerGroupSpecs"]:
        node, most = _node(group, group["groupName"]), group.get("maxReplicas", 1)
        if node.gpus * most > machine.gpus:
            raise _no_gpus(node.gpus * most, machine)
        fits = min(most, max(1, machine.cpus))
        cpus = min(node.cpus, max(1, machine.cpus // fits))
        if (fits, cpus) != (most, node.cpus):
            notes.append(
                f"group {node.group!r}: {fits} nodes at most, not {most}, of {cpus} CPUs each, not {node.cpus}"
            )
        least = min(group.get("minReplicas", 0), fits)
        kinds.append(Kind(replace(node, cpus=cpus), least, fits, group.get("idleTimeoutSeconds", idle)))
    needed = (1 + max(kind.most for kind in kinds)) * NODE_BYTES
    if needed > machine.free_memory:
        raise _no_memory(1 + max(kind.most for kind in kinds), needed, machine)
    return Shape((head,), tuple(notes), tuple(kinds))


def _no_gpus(asked: int, machine: Machine) -> UserError:
    return UserError(
        f"the job asks for {asked} GPUs and this machine has {machine.gpus}",
        "launch it on a stack with GPU pools, or choose its CPU profile in the stack file",
    )


def _no_memory(count: int, needed: int, machine: Machine) -> UserError:
    return UserError(
        f"{count} Ray nodes need {needed / 1e9:.1f} GB of memory, {machine.free_memory / 1e9:.1f} GB are free",
        "close other programs, or lower the sample's workers in the stack file",
    )


def _node(group: dict[str, Any], name: str) -> Node:
    """A group's node, read as KubeRay reads it: `resources`, else rayStartParams, else the container's."""
    container = group["template"]["spec"]["containers"][0]
    asked = container.get("resources", {})
    amounts = asked.get("requests", {}) | asked.get("limits", {})
    params, stated = group.get("rayStartParams", {}), dict(group.get("resources", {}))
    cpus = stated.pop("CPU", params.get("num-cpus", amounts.get("cpu", "1")))
    gpus = stated.pop("GPU", params.get("num-gpus", amounts.get(contract.GPU_RESOURCE, "0")))
    stated.pop("memory", None)
    if "resources" in params:
        stated |= json.loads(params["resources"].strip("'\"").replace('\\"', '"'))
    return Node(
        group=name,
        cpus=_whole(cpus),
        gpus=_whole(gpus),
        custom={resource: float(amount) for resource, amount in stated.items()},
        labels=dict(group.get("labels", {})),
        env={entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry},
    )


def _whole(quantity: str | int | float) -> int:
    """A CPU quantity, rounded up as KubeRay does."""
    text = str(quantity)
    cores = float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    return -int(-cores // 1)


def token_auth(manifest: dict[str, Any]) -> bool:
    """Whether the manifest turns Ray's token authentication on."""
    return cluster_spec(manifest).get("authOptions", {}).get("mode") == "token"


def cluster_spec(manifest: dict[str, Any]) -> dict[str, Any]:
    """The RayClusterSpec inside a RayJob, a RayService or a RayCluster."""
    spec = manifest["spec"]
    return spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
