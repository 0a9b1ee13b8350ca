"""What the nodes of a cluster that is there hold, and what each sample takes of them: its capacity table."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType

from infra import allocatable, fleet, portable
from infra.config import PortablePlatform
from infra.config.portable import NodePool
from infra.contract import POOL_LABEL
from infra.pods import Pod
from rayeks.plan.tables import amounts, listed, titled


@dataclass(frozen=True)
class PoolRow:
    """A pool: its nodes, and what all of them hold."""

    name: str
    kind: str
    nodes: int
    found_by: str
    holds: dict[str, str]


@dataclass(frozen=True)
class PodRow:
    """The equal pods of a sample: the pool that runs them, and how many of its nodes they fill."""

    sample: str
    pod: str
    count: int
    requests: dict[str, str]
    pool: str
    per_node: int
    nodes: int


@dataclass(frozen=True)
class Nodes:
    """Both tables."""

    pools: tuple[PoolRow, ...]
    pods: tuple[PodRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Both tables for machines."""
        return {"pools": [asdict(row) for row in self.pools], "pods": [asdict(row) for row in self.pods]}

    def render(self) -> RenderableType:
        """For a terminal."""
        pools = titled("Pools of nodes that are there", "pool", "nodes", "found by", "hold")
        for row in self.pools:
            pools.add_row(row.name, str(row.nodes), row.found_by, listed(row.holds))
        pods = titled("Samples, each alone", "sample", "pods", "request", "pool", "a node", "nodes")
        for row in self.pods:
            each = (f"{row.count} × {row.pod}", listed(row.requests), row.pool, str(row.per_node), str(row.nodes))
            pods.add_row(row.sample, *each)
        return Group(pools, "", pods)


def nodes(platform: PortablePlatform) -> Nodes:
    """The tables of a stack whose configuration is valid: every pod has its pool, and fits it."""
    by_kind: dict[str, str] = {pool.kind: name for name, pool in platform.pools.items()}
    asked = [(sample, pod) for sample, found in fleet.sample_pods(platform.samples).items() for pod in found]
    return Nodes(
        pools=tuple(_pool(name, pool) for name, pool in platform.pools.items()),
        pods=tuple(_pod(sample, pod, by_kind[pod.selector[POOL_LABEL]], platform) for sample, pod in asked),
    )


def _pool(name: str, pool: NodePool) -> PoolRow:
    held = allocatable.amounts({"cpu": pool.limits.cpu, "memory": f"{pool.limits.memory_gib}Gi"})
    held |= {pool.gpu_resource: pool.each.gpus * pool.nodes} if pool.each.gpus else {}
    labels = ", ".join(f"{key}={value}" for key, value in pool.selector.items())
    return PoolRow(name, pool.kind, pool.nodes, labels or "any node", amounts(held))


def _pod(sample: str, pod: Pod, name: str, platform: PortablePlatform) -> PodRow:
    each = portable.per_node(pod, platform.pools[name])
    return PodRow(sample, pod.name, pod.count, amounts(pod.requests), name, each, math.ceil(pod.count / each))
