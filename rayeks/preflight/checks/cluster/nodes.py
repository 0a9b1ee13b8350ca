"""Whether the nodes that the stack file counts are there, hold what it says, and let Ray's pods in."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from infra.allocatable import amounts
from infra.config.portable import NodePool
from infra.contract import POOLS
from infra.schedulability import GIB, spelt
from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, Unreadable, check, failed, passed, unknown, warned
from rayeks.preflight.stack import PortableStack

Node = dict[str, Any]
STATE = "node.kubernetes.io/"
"""Taints that Kubernetes sets by a node's state, which `nodes` tells in other words."""
OPERATORS_TOLERATE = ("CriticalAddonsOnly",)
KEYS = {"cpu": "cpu", "memory": "memory_gib"}


def of_pool(pool: NodePool, there: Cluster) -> list[Node]:
    """The nodes that carry a pool's labels."""
    return [node for node in there.items("/api/v1/nodes") if pool.selector.items() <= _labels(node).items()]


@check("nodes", of=Ground.KUBERNETES)
def nodes(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Nodes of each pool."""
    daemons: Mapping[str, Counter[str]] = {}
    try:
        daemons = _daemons(there)
    except Unreadable as error:
        yield unknown("daemons", f"what they take of each node is not known: {error.message}", error.fix)
    owners: dict[str, list[str]] = defaultdict(list)
    for name, pool in stack.platform.pools.items():
        found = of_pool(pool, there)
        for node in found:
            owners[_name(node)].append(name)
        usable = [node for node in found if _usable(node)]
        selector = ", ".join(f"{key}={value}" for key, value in pool.selector.items()) or "any"
        if len(usable) < pool.nodes:
            message = f"{len(usable)} of its {pool.nodes} nodes are there and take pods, by {selector}"
            idle = [_name(node) for node in found if node not in usable]
            message += f"; not ready or cordoned: {', '.join(idle)}" if idle else ""
            first = next(iter(pool.selector.items()), None)
            hint = f"kubectl label node NAME {first[0]}={first[1]}, or " if first else ""
            yield failed(name, message, f"{hint}set pools.{name}.nodes: {len(usable)}")
        small = [finding for node in usable for finding in _holds(name, pool, node, daemons)]
        yield from small
        if not small and len(usable) >= pool.nodes:
            more = f", of which the stack counts {pool.nodes}" if len(usable) > pool.nodes else ""
            yield passed(name, f"{len(usable)} nodes by {selector}{more}, each with what it should have")
    for node, pools in owners.items():
        if len(pools) > 1:
            message = f"counts for {' and '.join(pools)}: the queues promise it twice"
            yield warned(node, message, "give each pool labels that only its own nodes have")


@check("taints", of=Ground.KUBERNETES)
def taints(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Taints, and a node for the operators."""
    for name, pool in stack.platform.pools.items():
        tolerated = {(taint.key, taint.effect) for taint in (*POOLS[pool.kind].taints, *pool.taints)}
        found = of_pool(pool, there)
        closed: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for node in found:
            for taint in _taints(node):
                if (taint["key"], taint["effect"]) not in tolerated:
                    closed[taint["key"], taint.get("value", ""), taint["effect"]].append(_name(node))
        for (key, value, effect), names in closed.items():
            spelt_out = f"{key}={value}:{effect}" if value else f"{key}:{effect}"
            said = ", ".join([f"key: {key}", *([f"value: {value}"] if value else []), f"effect: {effect}"])
            message = f"{', '.join(names)}: no pod of ours tolerates {spelt_out}"
            yield failed(name, message, f"add {{ {said} }} to pools.{name}.taints")
        for taint in pool.taints:
            bare = [_name(node) for node in found if not _has(node, taint.key, taint.effect)]
            if bare:
                message = f"{', '.join(bare)}: without {taint.key}, so that anybody's pods land there"
                yield warned(name, message, f"kubectl taint node NAME {taint.key}={taint.value}:{taint.effect}")
        if found and not closed:
            yield passed(name, "Ray's pods are let onto its nodes")
    open_to_all = [
        _name(node)
        for node in there.items("/api/v1/nodes")
        if _usable(node) and all(taint["key"] in OPERATORS_TOLERATE for taint in _taints(node))
    ]
    if open_to_all:
        yield passed("operators", f"have a node to run on: {open_to_all[0]}")
    else:
        message = "every node has a taint that they do not tolerate, or takes no pods"
        yield failed("operators", message, "leave one node without taints")


def _holds(name: str, pool: NodePool, node: Node, daemons: Mapping[str, Counter[str]]) -> Iterator[Finding]:
    """What a node lacks of what the stack file says of the smallest one."""
    held, taken = amounts(node["status"].get("allocatable", {})), daemons.get(_name(node), Counter())
    wanted = {"cpu": int(pool.each.cpu * 1000), "memory": pool.each.memory_gib * GIB, pool.gpu_resource: pool.each.gpus}
    for resource, amount in wanted.items():
        free = held.get(resource, 0) - taken[resource]
        if free < amount:
            has = f"{spelt(resource, free)} of {spelt(resource, amount)} {resource} for pods"
            less = f" (daemons take {spelt(resource, taken[resource])})" if taken[resource] else ""
            unit = {"cpu": 1000, "memory": GIB}.get(resource, 1)
            fix = f"set pools.{name}.each.{KEYS.get(resource, 'gpus')}: {max(0, free) // unit}"
            if resource not in KEYS and not held.get(resource):
                fix = f"see why its device plugin gives out no {resource}, or {fix}"
            yield failed(name, f"{_name(node)} has {has}{less}", fix)


def _daemons(there: Cluster) -> Mapping[str, Counter[str]]:
    """Node → what pods of DaemonSets and the kubelet's own request of it."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for pod in there.items("/api/v1/pods"):
        owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
        if owners & {"DaemonSet", "Node"} and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            for container in pod["spec"]["containers"]:
                requests = container.get("resources", {}).get("requests", {})
                found[pod["spec"].get("nodeName", "")].update(amounts(requests))
    return found


def _usable(node: Node) -> bool:
    """Whether the scheduler gives it pods."""
    conditions = {each["type"]: each["status"] for each in node["status"].get("conditions") or []}
    return conditions.get("Ready") == "True" and not node["spec"].get("unschedulable")


def _taints(node: Node) -> list[dict[str, str]]:
    found = node["spec"].get("taints") or []
    return [each for each in found if each["effect"] != "PreferNoSchedule" and not each["key"].startswith(STATE)]


def _has(node: Node, key: str, effect: str) -> bool:
    return any((each["key"], each["effect"]) == (key, effect) for each in node["spec"].get("taints") or [])


def _labels(node: Node) -> dict[str, str]:
    return node["metadata"].get("labels") or {}


def _name(node: Node) -> str:
    return node["metadata"]["name"]
