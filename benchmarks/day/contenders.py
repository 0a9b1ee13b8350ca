"""Who the day is run for: pools as Karpenter's core takes them, and how a Ray pod asks for a machine there."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.day.trace import Item, peak
from benchmarks.day.work import PODS
from infra import contract, karpenter, prices
from infra.config import Platform
from infra.config.pools import CpuPool, GpuInferPool, HeadPool
from infra.fleet import pool_supply
from infra.karpenter import node_class
from infra.pods import Pod
from infra.requirements import CAPACITY_TYPE, FAMILY, INSTANCE_TYPE
from infra.schedulability import Machine
from local.controllers.translate import unrepresented

Object = dict[str, Any]

AWS = "karpenter.k8s.aws"
AMD64 = {"nodeSelector": {"kubernetes.io/arch": "amd64"}}
"""Ray's images are made for one architecture each."""
GPU = {"tolerations": [{"key": contract.GPU_RESOURCE, "operator": "Exists"}]}
RESTLESS = "WhenEmptyOrUnderutilized"
NEVER = "Never"


@dataclass(frozen=True)
class Contender:
    """NodePools by name, and for each role of a Ray pod (`head`, `cpu`, `gpu`) the pod spec fields that place it."""

    name: str
    title: str
    pools: Mapping[str, Object]
    places: Mapping[str, Object]
    steady: frozenset[str] = frozenset()
    """Roles whose pods carry do-not-disrupt."""
    warm: int = 0
    """Heads' worth of room that is held warm all day."""
    notes: tuple[str, ...] = field(default=())


def ours(platform: Platform) -> Contender:
    """The stack's own pools, exactly as the stack applies them."""
    chosen = {
        name: pool for name, pool in platform.pools.items() if isinstance(pool, HeadPool | CpuPool | GpuInferPool)
    }
    lost = dict.fromkeys(
        words
        for pool in chosen.values()
        for words in unrepresented(node_class(pool, cluster="", role="", security_group="", tags={}))
    )
    return Contender(
        "ours",
        "ray-on-eks",
        {tier: spec for name, pool in chosen.items() for tier, spec in karpenter.node_pools(name, pool).items()},
        {
            "head": contract.RAY_HEAD.scheduling(),
            "cpu": contract.RAY_CPU.scheduling(),
            "gpu": contract.RAY_GPU_INFER.scheduling(),
        },
        steady=frozenset({"head"}),
        warm=sum(pool.headroom for pool in chosen.values() if isinstance(pool, HeadPool)),
        notes=(f"not represented: {', '.join(lost)}",),
    )


def data_on_eks() -> Contender:
    """The pools of data-on-eks' Ray stack, 2026-07: general purpose for Ray's CPU pods, one GPU pool of four families.

    Its GPU pool is untainted, and weighs more than that of general machines, so CPU pods name theirs. Its limit of 8
    GPUs is lifted, or most of the day would wait for them.
    """
    general = [
        _in(f"{AWS}/instance-category", "m", "a"),
        _in(FAMILY, *(["m5", "m5d", "m5n", "m6a", "m6i", "m6id", "m6in", "m6g", "m6gd", "m7g", "m7gd", "m7i", "a1"])),
        _in(
            f"{AWS}/instance-size",
            *(["medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"]),
        ),
        _in(f"{AWS}/instance-hypervisor", "nitro"),
        {"key": f"{AWS}/instance-generation", "operator": "Gt", "values": ["5"]},
        _in("kubernetes.io/arch", "amd64", "arm64"),
    ]
    gpu = [
        _in(f"{AWS}/instance-category", "g"),
        _in(FAMILY, "g5", "g6", "g6e", "g7e"),
        _in(f"{AWS}/instance-size", *(["xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "24xlarge", "48xlarge"])),
        _in(f"{AWS}/instance-hypervisor", "nitro"),
        _in("kubernetes.io/arch", "amd64"),
    ]
    general_only = {"nodeSelector": {"kubernetes.io/arch": "amd64", "NodeGroupType": "general-purpose"}}
    return Contender(
        "data-on-eks",
        "data-on-eks",
        {
            "general-purpose": _pool(
                general,
                policy=RESTLESS,
                after="600s",
                weight=5,
                limits={"cpu": "1500", "memory": "6000Gi"},
                labels={"NodeGroupType": "general-purpose"},
            ),
            "gpu": _pool(
                gpu,
                policy=RESTLESS,
                after="15m",
                weight=20,
                limits={"cpu": "1000"},
                labels={"NodeGroupType": "GPU"},
            ),
        },
        {"head": general_only, "cpu": general_only, "gpu": AMD64},
        notes=("its limit of 8 GPUs is lifted",),
    )


def ai_on_eks() -> Contender:
    """The pools of ai-on-eks, 2026-07: c, m and r above generation 4, and g above generation 4 behind a taint."""

    def requirements(*categories: str) -> list[Object]:
        return [
            _in(f"{AWS}/instance-category", *categories),
            {"key": f"{AWS}/instance-generation", "operator": "Gt", "values": ["4"]},
            _in("kubernetes.io/arch", "amd64"),
        ]

    taint = {"key": contract.GPU_RESOURCE, "effect": "NoSchedule"}
    return Contender(
        "ai-on-eks",
        "ai-on-eks",
        {
            "general-purpose": _pool(requirements("c", "m", "r"), policy=RESTLESS, after="300s", weight=10),
            "gpu": _pool(requirements("g"), policy=RESTLESS, after="300s", weight=10, taints=[taint]),
        },
        {"head": AMD64, "cpu": AMD64, "gpu": AMD64 | GPU},
    )


def groups() -> Contender:
    """Node groups of one type each under a cluster autoscaler, as Anyscale's examples for EKS have them.

    m5.4xlarge, m5.8xlarge and one L4 type, each on spot and on demand, at most ten nodes, and cluster-autoscaler's ten
    minutes until an unneeded node goes. It leaves a node alone as long as a Ray pod stands on it.
    """
    pools, taint = {}, {"key": contract.GPU_RESOURCE, "effect": "NoSchedule"}
    for kind in ("m5.4xlarge", "m5.8xlarge", "g6.4xlarge"):
        gpu = kind.startswith("g")
        for capacity in ("spot", "on-demand"):
            pools[f"{kind.replace('.', '-')}-{capacity}"] = _pool(
                [_in(INSTANCE_TYPE, kind)],
                policy="WhenEmpty",
                after="10m",
                weight=20 if capacity == "spot" else 10,
                capacity=(capacity,),
                limits={"nodes": "20" if gpu else "10"},
                taints=[taint] if gpu else [],
            )
    notes = ("the GPU groups have room for 20 nodes each, not 10, or the day would not fit",)
    return Contender(
        "groups", "fixed node groups", pools, {"head": AMD64, "cpu": AMD64, "gpu": AMD64 | GPU}, notes=notes
    )


def static(items: Sequence[Item], platform: Platform) -> Contender:
    """A cluster that stands all day, of the machines on which the day's peak costs least, bought on demand."""
    machines = {
        role: pool_supply(name, pool, region=platform.region, zones=platform.network.zones).machines
        for name, pool in platform.pools.items()
        for role in (
            ["head", "cpu"] if isinstance(pool, CpuPool) else ["gpu"] if isinstance(pool, GpuInferPool) else []
        )
    }
    most = peak(items)
    taint = {"key": contract.GPU_RESOURCE, "effect": "NoSchedule"}
    pools, places = {}, {}
    for role, count in most.items():
        kind, nodes = cheapest(PODS[role], count, machines[role], platform.region)
        pool = _pool(
            [_in(INSTANCE_TYPE, kind)],
            policy="WhenEmpty",
            after=NEVER,
            capacity=("on-demand",),
            labels={"role": role},
            taints=[taint] if role == "gpu" else [],
        )
        del pool["weight"]  # Karpenter keeps so many nodes whatever is asked for, and weighs them against nothing
        pools[role] = pool | {"replicas": nodes, "limits": {"nodes": str(nodes)}}
        places[role] = {"nodeSelector": {"role": role}} | (GPU if role == "gpu" else {})
    return Contender("static", "static, for the peak", pools, places)


def cheapest(pod: Pod, count: int, machines: Iterable[Machine], region: str) -> tuple[str, int]:
    """The type on which so many of the pods cost least on demand, and how many machines of it they take."""
    found = []
    for machine in machines:
        price, fits = prices.on_demand(machine.type, region), machine.fits(pod)
        if price and fits:
            nodes = math.ceil(count / fits)
            found.append((price.usd * nodes, nodes, machine.type))
    _, nodes, kind = min(found)
    return kind, nodes


def _pool(
    requirements: Sequence[Object],
    *,
    policy: str,
    after: str,
    weight: int = 1,
    limits: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Object] = (),
    capacity: Sequence[str] = ("spot", "on-demand"),
) -> Object:
    """A NodePool's spec, as `infra.karpenter` makes those of a stack."""
    return {
        "weight": weight,
        **({"limits": dict(limits)} if limits else {}),
        "template": {
            "metadata": {"labels": dict(labels or {})},
            "spec": {
                "requirements": [*requirements, _in(CAPACITY_TYPE, *capacity)],
                "taints": list(taints),
                "expireAfter": "720h",
            },
        },
        "disruption": {"consolidationPolicy": policy, "consolidateAfter": after},
    }


def _in(key: str, *values: str) -> Object:
    return {"key": key, "operator": "In", "values": list(values)}
