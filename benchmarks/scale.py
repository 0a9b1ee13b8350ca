"""How far one machine goes: Ray clusters by the hundred through the real KubeRay, Karpenter, scheduler and API server.

Pods and nodes are KWOK's, so nothing of a container's start is in the seconds; everything that decides is real.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.simulated import apply, memory, simulated
from infra import instances
from infra.allocatable import for_pods
from infra.requirements import CAPACITY_TYPE, INSTANCE_TYPE
from local import services
from local.controllers.catalogue import catalogue
from local.controllers.translate import node_pool
from local.providers.kubernetes.client import ApiServer
from rayeks.errors import UserError
from workloads import manifests
from workloads.spec import Cluster, Head, Owner, Resources, Workers

Object = dict[str, Any]
Say = Callable[[str], None]

REGION, ZONES = "us-west-2", ("us-west-2a", "us-west-2b", "us-west-2c")
MACHINE, POOL, NAMESPACE = "m7i.8xlarge", "ray-cpu", "scale"
STAGES = 10
POLL_S = 1.0
LISTED = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class Stage:
    """What stood when a part of the clusters was ready, since the beginning, and what each process held and used."""

    clusters: int
    pods: int
    nodes: int
    seconds: float
    pods_per_s: float
    """Of this stage alone."""
    memory_mib: dict[str, int]
    cpu_s: dict[str, float]
    """Processor seconds of this stage alone."""

    def to_json(self) -> dict[str, Any]:
        """The document for machines."""
        return asdict(self)


def run(*, clusters: int, pods: int, nodes: int, minutes: float, say: Say) -> list[Stage]:
    """Stages until all clusters are ready, or until the time is up. UserError for numbers that do not go together."""
    each, cpu = shape(clusters, pods, nodes)
    machines = catalogue([MACHINE], region=REGION, zones=ZONES)
    found: list[Stage] = []
    with simulated(machines, say) as api:
        prepare(api)
        began = time.monotonic()
        for upto in steps(clusters):
            before, used = (found[-1], _cpu()) if found else (None, _cpu())
            for index in range(before.clusters if before else 0, upto):
                apply(api, ray_cluster(index, each, cpu))
            if not ready(api, upto, began + minutes * 60):
                say(f"the time is up: {_state(api, upto)} of {upto} clusters are ready")
                break
            seconds = time.monotonic() - began
            pods_now, last = upto * each, before.seconds if before else 0.0
            found.append(
                Stage(
                    clusters=upto,
                    pods=pods_now,
                    nodes=_nodes(api),
                    seconds=seconds,
                    pods_per_s=(pods_now - (before.pods if before else 0)) / (seconds - last),
                    memory_mib=memory(),
                    cpu_s={name: after - used.get(name, 0.0) for name, after in _cpu().items()},
                )
            )
            say(told(found[-1]))
    return found


def shape(clusters: int, pods: int, nodes: int) -> tuple[int, float]:
    """Pods a cluster, and CPUs a pod so that so many of them fill a node. UserError where these are not whole."""
    if pods % clusters:
        raise UserError(
            f"{pods} pods are not {clusters} equal clusters", f"use {pods // clusters * clusters or clusters}"
        )
    if nodes > pods:
        raise UserError(f"{nodes} nodes need as many pods, of which there are {pods}", f"use {pods} nodes or fewer")
    per_node = -(-pods // nodes)
    free = for_pods(instances.known(MACHINE))
    if per_node > free["pods"]:
        raise UserError(
            f"a {MACHINE} takes {free['pods']} pods, not {per_node}", f"use {-(-pods // free['pods'])} nodes"
        )
    return pods // clusters, free["cpu"] // per_node / 1000


def steps(clusters: int) -> list[int]:
    """How many clusters there are to be at each stage."""
    return sorted({-(-clusters * part // STAGES) for part in range(1, STAGES + 1)})


def prepare(api: ApiServer) -> None:
    """The namespace, and a pool of one type without a limit."""
    apply(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    requirements = [
        {"key": INSTANCE_TYPE, "operator": "In", "values": [MACHINE]},
        {"key": CAPACITY_TYPE, "operator": "In", "values": ["spot"]},
    ]
    spec = {
        "template": {"metadata": {"labels": {"rayeks/pool": POOL}}, "spec": {"requirements": requirements}},
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "Never"},
    }
    for item in node_pool(POOL, spec):
        apply(api, item)


def ray_cluster(index: int, pods: int, cpu: float) -> Object:
    """A RayCluster of so many pods with the head, all alike."""
    resources = Resources(cpu=cpu, memory_gib=1)
    head = Head(pool=POOL, resources=resources)
    workers = (Workers(name="workers", pool=POOL, resources=resources, replicas=pods - 1),) if pods > 1 else ()
    cluster = Cluster(image="ray", head=head, workers=workers, token_auth=False)
    made = manifests.ray_cluster(f"scale-{index:04}", Owner(namespace=NAMESPACE, team="scale"), cluster)
    for group in (made["spec"]["headGroupSpec"], *made["spec"]["workerGroupSpecs"]):
        group["template"]["spec"].pop("serviceAccountName")
        group["template"]["spec"]["automountServiceAccountToken"] = False
    return made


def ready(api: ApiServer, clusters: int, deadline: float) -> bool:
    """Whether so many clusters are ready, as KubeRay says it, before the deadline."""
    while _state(api, clusters) < clusters:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def told(stage: Stage) -> str:
    """A stage in a line."""
    busiest = max(stage.cpu_s, key=lambda name: stage.cpu_s[name], default="nobody")
    return (
        f"{stage.clusters} clusters, {stage.pods} pods, {stage.nodes} nodes in {stage.seconds:.0f} s; "
        f"{stage.pods_per_s:.1f} pods/s, {sum(stage.memory_mib.values())} MiB, busiest {busiest} "
        f"({stage.cpu_s.get(busiest, 0):.0f} CPU s)"
    )


def table(stages: Sequence[Stage]) -> str:
    """The stages in Markdown, with what the last one took of each process."""
    lines = [
        "| clusters | pods | nodes | seconds | pods/s | MiB | busiest, CPU s |",
        "|---:|---:|---:|---:|---:|---:|---|",
    ]
    for stage in stages:
        busy = sorted(stage.cpu_s.items(), key=lambda pair: -pair[1])[:3]
        words = ", ".join(f"{name} {seconds:.0f}" for name, seconds in busy)
        lines.append(
            f"| {stage.clusters} | {stage.pods} | {stage.nodes} | {stage.seconds:.0f} | {stage.pods_per_s:.1f} "
            f"| {sum(stage.memory_mib.values())} | {words} |"
        )
    if stages:
        held = sorted(stages[-1].memory_mib.items(), key=lambda pair: -pair[1])
        lines += ["", "Memory at the end: " + ", ".join(f"{name} {mib} MiB" for name, mib in held) + "."]
    return "\n".join(lines) + "\n"


def write(stages: Sequence[Stage], path: Path) -> None:
    """Keep the stages as a document for machines."""
    path.write_text(json.dumps([stage.to_json() for stage in stages], indent=1) + "\n")


def _state(api: ApiServer, most: int) -> int:
    """How many clusters are ready; the list is a few kilobytes a cluster, and is asked for once a second."""
    found = api.request("GET", f"/apis/ray.io/v1/namespaces/{NAMESPACE}/rayclusters")["items"]
    return min(most, sum(item.get("status", {}).get("state") == "ready" for item in found))


def _nodes(api: ApiServer) -> int:
    return len(api.request("GET", "/api/v1/nodes", accept=LISTED)["items"])


def _cpu() -> dict[str, float]:
    found = {}
    for service in services.recorded():
        try:
            times = psutil.Process(service.pid).cpu_times()
        except psutil.Error:
            continue
        found[service.name] = times.user + times.system
    return found
