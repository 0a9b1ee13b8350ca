"""What an hour and a run of each sample cost: the nodes that Karpenter would launch for it alone, with their disks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

from infra import prices
from infra.config import Platform
from rayeks.plan.bill import NodeHour
from rayeks.plan.capacity import Capacity, PodRow
from rayeks.plan.charges import CENT, exact


@dataclass(frozen=True)
class Run:
    """A sample by itself: `nodes` by pool, type and count, `hour` in US dollars; None where a price is not known.

    `reserved` of the nodes run in a reservation, which the month's floor pays for: of these only the disks count.
    """

    sample: str
    nodes: tuple[tuple[str, str, int], ...]
    reserved: int
    hour: Decimal | None
    hours: Decimal

    @property
    def usd(self) -> Decimal | None:
        """US dollars for one run of the expected length."""
        return None if self.hour is None else (self.hour * self.hours).quantize(CENT, ROUND_HALF_UP)

    def to_json(self) -> dict[str, Any]:
        """The run for machines."""
        return {
            "sample": self.sample,
            "nodes": [{"pool": pool, "instanceType": kind, "count": count} for pool, kind, count in self.nodes],
            "reservedNodes": self.reserved,
            "usdPerHour": None if self.hour is None else str(self.hour),
            "hours": str(self.hours),
            "usd": None if self.usd is None else str(self.usd),
        }


def runs(capacity: Capacity, platform: Platform, hours: Sequence[NodeHour]) -> tuple[Run, ...]:
    """Each sample that the pools can run; `hours` are the bill's."""
    by_sample = groupby(capacity.pods, key=lambda row: row.sample)
    return tuple(_run(sample, list(rows), platform, hours) for sample, rows in by_sample)


def _run(sample: str, rows: Iterable[PodRow], platform: Platform, hours: Sequence[NodeHour]) -> Run:
    counted: dict[tuple[str, str], int] = {}
    stuck = False
    for row in rows:
        stuck = stuck or row.pool is None
        for kind, count in row.nodes.items():
            counted[row.pool or "", kind] = counted.get((row.pool or "", kind), 0) + count
    nodes = tuple((pool, kind, count) for (pool, kind), count in counted.items())
    held = {node: min(node[2], _reserved(platform, *node[:2])) for node in nodes}
    parts = [part for node in nodes for part in _hour(platform.region, node, held[node], hours)]
    known = [part for part in parts if part is not None]
    hour = sum(known, Decimal(0)) if len(known) == len(parts) and not stuck else None
    return Run(sample, nodes, sum(held.values()), hour, exact(platform.expected.run_hours))


def _reserved(platform: Platform, pool: str, kind: str) -> int:
    """How many machines of a type the pool's own reservations hold."""
    settings = platform.pools.get(pool)
    names = getattr(settings, "reservations", ()) if settings else ()
    found = (platform.reservations[name] for name in names if name in platform.reservations)
    return sum(one.count for one in found if one.instance_type == kind)


def _hour(
    region: str, node: tuple[str, str, int], reserved: int, hours: Sequence[NodeHour]
) -> Iterator[Decimal | None]:
    """An hour of some equal nodes: those that no reservation holds at the pool's first market, and all their disks."""
    pool, kind, count = node
    mine = [hour for hour in hours if hour.pool == pool]
    disk = next((hour.disk for hour in mine), None)
    spot = any(hour.market == "spot" for hour in mine)
    price = (prices.spot if spot else prices.on_demand)(kind, region)
    if count > reserved:
        yield exact(price.usd) * (count - reserved) if price else None
    # A managed node group has no NodePool: its disks are in the floor.
    yield (exact(disk.usd) * count if disk else None) if mine else Decimal(0)
