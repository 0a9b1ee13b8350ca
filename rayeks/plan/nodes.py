"""What the nodes of a cluster that is there hold, what each sample takes of them, and what is seen of it all."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType

from infra import allocatable, fleet, portable
from infra.config import PortablePlatform
from infra.config.portable import NodePool
from infra.config.portable_observability import PortableObservability
from infra.contract import POOL_LABEL
from infra.observability_portable import hourly_usd
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
    hourly_usd: float | None
    """What pods that fill it cost, by the prices of the stack file."""


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
    """All tables; `seen` is what is collected → where it goes, `secrets` the namespace, Secret and keys of each."""

    pools: tuple[PoolRow, ...]
    pods: tuple[PodRow, ...]
    seen: dict[str, str]
    secrets: tuple[tuple[str, str, tuple[str, ...]], ...]

    def to_json(self) -> dict[str, Any]:
        """All tables for machines."""
        return asdict(self)

    def render(self) -> RenderableType:
        """For a terminal."""
        priced = ["$ an hour"] if any(row.hourly_usd is not None for row in self.pools) else []
        pools = titled("Pools of nodes that are there", "pool", "nodes", "found by", "hold", *priced)
        for row in self.pools:
            cost = [f"{row.hourly_usd:.2f}"] if row.hourly_usd is not None else []
            pools.add_row(row.name, str(row.nodes), row.found_by, listed(row.holds), *cost)
        pods = titled("Samples, each alone", "sample", "pods", "request", "pool", "a node", "nodes")
        for row in self.pods:
            each = (f"{row.count} × {row.pod}", listed(row.requests), row.pool, str(row.per_node), str(row.nodes))
            pods.add_row(row.sample, *each)
        seen = titled("What is seen, and where it goes", "what", "where")
        for what, where in self.seen.items():
            seen.add_row(what, where)
        secrets = titled("Secrets that somebody brings", "namespace", "Secret", "with")
        for namespace, secret, keys in self.secrets:
            secrets.add_row(namespace, secret, ", ".join(keys))
        return Group(pools, "", pods, *(["", seen] if self.seen else []), "", secrets)


def nodes(platform: PortablePlatform) -> Nodes:
    """The tables of a stack whose configuration is valid: every pod has its pool, and fits it."""
    by_kind: dict[str, str] = {pool.kind: name for name, pool in platform.pools.items()}
    asked = [(sample, pod) for sample, found in fleet.sample_pods(platform.samples).items() for pod in found]
    return Nodes(
        pools=tuple(_pool(name, pool, platform) for name, pool in platform.pools.items()),
        pods=tuple(_pod(sample, pod, by_kind[pod.selector[POOL_LABEL]], platform) for sample, pod in asked),
        seen=_seen(platform, platform.observability) if platform.observability else {},
        secrets=tuple(portable.secrets(platform)),
    )


def _seen(platform: PortablePlatform, settings: PortableObservability) -> dict[str, str]:
    """What is collected, by its section of the stack file, and where it goes."""
    disk, alerts = settings.prometheus, settings.alerts
    on = f"class {disk.storage_class}" if disk.storage_class else "the default class"
    told = f"the webhook in Secret {alerts.webhook_secret}" if alerts.webhook_secret else "nobody: Alertmanager alone"
    found = {"metrics": f"{disk.retention_days} days in the cluster, on {disk.storage_gib} GiB of {on}", "alerts": told}
    if logs := settings.logs:
        bucket, at = platform.storage.buckets[logs.bucket], platform.storage.endpoint or "AWS"
        found["logs"] = f"s3://{bucket}/{platform.name}/ at {at}"
    if traces := settings.traces:
        found["traces"] = f"{traces.sample_percent:g} % of them to {traces.endpoint}"
    if costs := settings.costs:
        each, gpu = costs.prices, costs.prices.gpu
        found["costs"] = f"${each.cpu:g} a vCPU, ${each.memory_gib:g} a GiB" + (f", ${gpu:g} a GPU" if gpu else "")
        found["costs"] += ", by the hour"
    return found


def _pool(name: str, pool: NodePool, platform: PortablePlatform) -> PoolRow:
    held = allocatable.amounts({"cpu": pool.limits.cpu, "memory": f"{pool.limits.memory_gib}Gi"})
    held |= {pool.gpu_resource: pool.each.gpus * pool.nodes} if pool.each.gpus else {}
    labels = ", ".join(f"{key}={value}" for key, value in pool.selector.items())
    costs = platform.observability.costs if platform.observability else None
    usd = round(hourly_usd(pool, costs.prices), 4) if costs else None
    return PoolRow(name, pool.kind, pool.nodes, labels or "any node", amounts(held), usd)


def _pod(sample: str, pod: Pod, name: str, platform: PortablePlatform) -> PodRow:
    each = portable.per_node(pod, platform.pools[name])
    return PodRow(sample, pod.name, pod.count, amounts(pod.requests), name, each, math.ceil(pod.count / each))
