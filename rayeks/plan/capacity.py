"""What a stack can launch and what its samples take of it: the capacity table of a plan. Pure arithmetic."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from infra import fleet, packing, preference, prices, ranking, sizing
from infra.config import Platform
from infra.config.pools import Pool, _Choosing
from infra.pods import Pod
from infra.ranking import Choice
from infra.schedulability import Supply, judge
from rayeks.plan.tables import amounts, listed, titled


@dataclass(frozen=True)
class PoolRow:
    """A Karpenter pool: what it may launch, at what price per hour, and how much of it."""

    name: str
    kind: str
    types: int
    smallest: str | None
    largest: str | None
    on_demand: float | None
    """$ per hour of the cheapest type; None where no price is known."""
    typical: float | None
    """$ per hour, on demand, of the type in the middle."""
    spot: float | None
    """$ per hour of the cheapest type on spot; None where the pool may not use it."""
    limits: dict[str, str]
    nodes: int
    """The most nodes at once."""
    optimise: str | None
    prefer: tuple[str, ...]
    choices: tuple[Choice, ...]
    """What each choice of `optimise` would come to for the pods that the pool serves."""


@dataclass(frozen=True)
class PodRow:
    """The equal pods of a sample: where they run, and on what."""

    sample: str
    pod: str
    count: int
    requests: dict[str, str]
    pool: str | None
    types: int
    """Instance types that hold one."""
    nodes: dict[str, int]
    """Type → nodes that Karpenter launches when all of them, and nothing else, are pending at once."""
    usd: float | None
    """$ per hour of these nodes."""
    cheapest: str | None
    """The type on which all of them cost least; Karpenter packs, and may pay more."""
    per_node: int
    """How many the cheapest type holds."""
    least_usd: float | None
    """$ per hour of the nodes on the cheapest type."""
    waste: float | None
    """The share of the cheapest type's nodes that the pods leave unused."""
    lacks: tuple[str, ...]
    """Why no pool runs them, the nearest miss first; empty where one does."""
    optimise: str | None = None
    """What their sample prefers, before what the pool does."""
    choices: tuple[Choice, ...] = ()
    """What each choice would come to for them, where the sample made one."""


@dataclass(frozen=True)
class Capacity:
    """The capacity table."""

    pools: tuple[PoolRow, ...]
    pods: tuple[PodRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Both tables; money is $ per hour."""
        return {"pools": [asdict(row) for row in self.pools], "pods": [asdict(row) for row in self.pods]}

    def render(self) -> RenderableType:
        """For a terminal."""
        return Group(_pools(self.pools), _choices(self), _pods(self.pods))


def capacity(platform: Platform) -> Capacity:
    """The capacity table of a stack."""
    region, zones = platform.region, platform.network.zones
    supplies = fleet.supplies(
        platform.pools, platform.node_groups, platform.placement_groups, region=region, zones=zones
    )
    asked = preference.sample_pods(platform.samples, supplies, region)
    optimise = {sample: getattr(platform.samples, sample).optimise for sample in asked}
    everyone = [pod for found in asked.values() for pod in found]
    by_name = {supply.name: supply for supply in supplies[: len(platform.pools)]}
    return Capacity(
        pools=tuple(_pool(pool, by_name[name], everyone, region) for name, pool in platform.pools.items()),
        pods=tuple(
            _pod(sample, pod, supplies, region, optimise[sample]) for sample, found in asked.items() for pod in found
        ),
    )


def _pool(pool: Pool, supply: Supply, asked: list[Pod], region: str) -> PoolRow:
    machines = sorted(supply.machines, key=lambda machine: (machine.held["cpu"], machine.held["memory"], machine.type))
    priced = sorted(price.usd for machine in machines if (price := prices.on_demand(machine.type, region)))
    on_spot = [
        price.usd
        for machine in machines
        if any(offering.capacity_type == "spot" for offering in machine.offerings)
        and (price := prices.spot(machine.type, region))
    ]
    choosing = pool if isinstance(pool, _Choosing) else None
    return PoolRow(
        name=supply.name,
        kind=pool.kind,
        types=len(machines),
        smallest=machines[0].type if machines else None,
        largest=machines[-1].type if machines else None,
        on_demand=priced[0] if priced else None,
        typical=median(priced) if priced else None,
        spot=min(on_spot, default=None),
        limits=amounts(supply.limits),
        nodes=sizing.pool_nodes(pool),
        optimise=choosing.optimise if choosing else None,
        prefer=choosing.prefer if choosing else (),
        choices=ranking.tradeoff(
            pool.kind, machines, fleet.serves(supply, asked) or [packing.promised(pool.kind)], region
        )
        if choosing
        else (),
    )


def _pod(sample: str, pod: Pod, supplies: list[Supply], region: str, optimise: str | None) -> PodRow:
    verdict = judge(pod, supplies, region)
    best = verdict.cheapest
    price = {fit.type: fit.usd for fit in verdict.fits if best and fit.pool == best.pool}
    able = [
        machine
        for supply in supplies
        if best and supply.name == best.pool
        for machine in supply.machines
        if machine.type in price
    ]
    launched = packing.nodes(pod, preference.first(pod, able), price.__getitem__)
    known = [price[kind] for kind, _ in launched]
    return PodRow(
        sample=sample,
        pod=pod.name,
        count=pod.count,
        requests=amounts(pod.requests),
        pool=best.pool if best else None,
        types=len(verdict.fits),
        nodes=dict(Counter(kind for kind, _ in launched)),
        usd=sum(known) if known and max(known) < math.inf else None,
        cheapest=best.type if best else None,
        per_node=best.per_node if best else 0,
        least_usd=best.usd * best.nodes if best and best.usd < math.inf else None,
        waste=best.waste if best else None,
        lacks=() if best else verdict.misses,
        optimise=optimise if pod.prefer else None,
        choices=preference.tradeoff(pod, supplies, region) if pod.prefer else (),
    )


def _pools(rows: tuple[PoolRow, ...]) -> Table:
    table = titled("Pools", "pool", "types", "smallest", "largest")
    for name in ("cheapest $/h", "typical", "on spot", "most nodes"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            str(row.types),
            row.smallest or "none",
            row.largest or "none",
            _usd(row.on_demand),
            _usd(row.typical),
            _usd(row.spot) if row.spot else "",
            str(row.nodes),
        )
    return table


def _choices(table_of: Capacity) -> Table:
    table = titled("What a pool or a sample could optimise for, on demand", "of", "choice", "first type")
    for name in ("nodes", "$/h", "performance"):
        table.add_column(name, justify="right")
    rows = [(row.name, row) for row in table_of.pools] + [(f"{row.sample}: {row.pod}", row) for row in table_of.pods]
    for name, row in rows:
        for choice in row.choices:
            chosen = "bold" if choice.optimise == row.optimise else None
            table.add_row(
                name,
                choice.optimise,
                choice.type,
                str(choice.nodes),
                _usd(choice.usd),
                f"× {choice.performance:.2f}",
                style=chosen,
            )
    return table


def _pods(rows: tuple[PodRow, ...]) -> Table:
    table = titled("Samples, each alone", "sample", "pods", "request", "pool", "Karpenter launches")
    for name in ("$/h", "cheapest type", "a node", "$/h there", "waste"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.sample,
            f"{row.count} × {row.pod}",
            listed(row.requests),
            row.pool or f"none: {row.lacks[0] if row.lacks else 'there is no pool'}",
            ", ".join(f"{count} × {kind}" for kind, count in row.nodes.items()),
            _usd(row.usd),
            row.cheapest or "",
            str(row.per_node),
            _usd(row.least_usd),
            "" if row.waste is None else f"{row.waste:.0%}",
        )
    return table


def _usd(amount: float | None) -> str:
    return "?" if amount is None else f"{amount:.3f}"
