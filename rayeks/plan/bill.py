"""What a stack costs: the month's floor from the plan's resources, and the hours of Ray's nodes on top. All exact."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from infra import prices, requirements
from infra.allocatable import quantity
from infra.config import Platform
from infra.prices import HOURS_A_MONTH, Price
from rayeks.plan.charges import Line, Stack, charges, disks, exact
from rayeks.plan.model import Plan, Resource
from rayeks.plan.values import reveal

OLD_AFTER_DAYS = 90
MARKETS = ("reserved", "spot", "on-demand")
"""Capacity types in the order in which Karpenter tries them."""

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
MICRO = Decimal("0.000001")
USE = "Ray's nodes, as expected"
SECTIONS = ("Control plane", "Network", "Nodes", "Reservations", "Storage", "Keys and logs", "Not priced")


@dataclass(frozen=True)
class NodeHour:
    """An hour of a pool's cheapest machine on one market, its root disk included.

    `types` is of how many types the machine is the cheapest. On the market `reserved` the hour costs nothing more:
    the reservation is paid in the floor, used or not, and `price` is None.
    """

    pool: str
    market: str
    instance_type: str | None
    types: int
    price: Price | None
    disk: Price | None

    @property
    def paid(self) -> bool:
        """Whether the machine is paid for in the floor."""
        return self.market == "reserved"

    @property
    def usd(self) -> Decimal | None:
        """US dollars an hour; None where a price is not known."""
        if self.disk is None or (self.price is None and not self.paid):
            return None
        return (exact(self.price.usd) if self.price else Decimal(0)) + exact(self.disk.usd)

    def to_json(self) -> dict[str, Any]:
        """The hour for machines."""
        return {
            "pool": self.pool,
            "market": self.market,
            "instanceType": self.instance_type,
            "types": self.types,
            "usdPerHour": None if self.usd is None else str(self.usd),
            "diskUsdPerHour": None if self.disk is None else str(exact(self.disk.usd)),
            "paidInFloor": self.paid,
            "source": self.price.source if self.price else None,
            "date": self.price.date.isoformat() if self.price else None,
        }


@dataclass(frozen=True)
class Bill:
    """A stack's costs. `floor` comes every month; `use` is what Ray's nodes are expected to add to it.

    `claimed` is in neither: the most that the teams' claims may add while they hold disks and file systems.
    """

    region: str
    floor: tuple[Line, ...]
    use: tuple[Line, ...]
    node_hours: tuple[NodeHour, ...]
    claimed: tuple[Line, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """Everything that the month's total is the sum of."""
        return self.floor + self.use

    @property
    def total(self) -> Decimal:
        """US dollars a month: the sum of the lines' amounts as they are shown. Unknown ones are not in it."""
        return total(self.lines)

    @cached_property
    def sections(self) -> Mapping[str, tuple[Line, ...]]:
        """The lines by section, in the bill's order."""
        names = dict.fromkeys(line.section for line in self.lines)
        return {name: tuple(line for line in self.lines if line.section == name) for name in names}

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """What has no price; the total is too low by all of it."""
        nodes = (f"an hour of pool {hour.pool}, {hour.market}" for hour in self.node_hours if hour.usd is None)
        return (*(line.what for line in self.lines if line.amount is None), *nodes)

    @cached_property
    def dates(self) -> tuple[date, date] | None:
        """The oldest and the newest price that the bill rests on."""
        dates = [priced.price.date for priced in (*self.lines, *self.node_hours) if priced.price]
        return (min(dates), max(dates)) if dates else None

    def age(self, today: date) -> int | None:
        """Days since the oldest price was current."""
        return (today - self.dates[0]).days if self.dates else None

    def to_json(self) -> dict[str, Any]:
        """The bill for machines; amounts are text, so that no reader rounds them."""
        return {
            "region": self.region,
            "usdPerMonth": str(self.total),
            "floorUsdPerMonth": str(total(self.floor)),
            "unknown": list(self.unknown),
            "pricesFrom": self.dates[0].isoformat() if self.dates else None,
            "pricesTo": self.dates[1].isoformat() if self.dates else None,
            "lines": [line.to_json() for line in self.lines],
            "nodeHours": [hour.to_json() for hour in self.node_hours],
            "claimed": [line.to_json() for line in self.claimed],
        }


def bill(plan: Plan, platform: Platform, today: date) -> Bill:
    """The bill of a plan. `today` decides whether a Kubernetes version is in extended support."""
    stack = Stack(plan, platform, today)
    hours = tuple(node_hours(stack))
    order = {name: place for place, name in enumerate(SECTIONS)}
    floor = sorted(charges(stack), key=lambda line: order[line.section])
    return Bill(platform.region, tuple(floor), tuple(_use(platform, hours)), hours, tuple(_claimed(stack)))


def total(lines: Iterable[Line]) -> Decimal:
    """The sum of the known amounts, in US dollars."""
    return sum((line.amount for line in lines if line.amount is not None), Decimal("0.00"))


def node_hours(stack: Stack) -> Iterator[NodeHour]:
    """An hour of each pool's cheapest machine on each market that the pool may buy on, in Karpenter's order."""
    region = stack.platform.region
    for pool in stack.plan.of_type(NODE_POOL):
        name, node = _name(pool), reveal(pool.inputs)["spec"]["template"]["spec"]
        wanted = node["requirements"]
        allowed = {one["key"]: one.get("values", ()) for one in wanted if one["operator"] == "In"}
        found = requirements.types(
            wanted,
            region=region,
            zones=stack.platform.network.zones,
            reserved=allowed.get(requirements.INSTANCE_TYPE, ()),
        )
        disk = _disk_hour(stack, node["nodeClassRef"]["name"])
        for market in sorted(allowed[requirements.CAPACITY_TYPE], key=MARKETS.index):
            types = [kind for kind, offers in found.items() if any(offer.capacity_type == market for offer in offers)]
            ask = prices.spot if market == "spot" else prices.on_demand
            priced = [(price.usd, kind, price) for kind in types if (price := ask(kind, region))]
            _, kind, price = min(priced, key=lambda each: each[:2], default=(0, next(iter(types), None), None))
            yield NodeHour(name, market, kind, len(types), None if market == "reserved" else price, disk)


def _disk_hour(stack: Stack, name: str) -> Price | None:
    """The price of an hour of the root disk of an EC2NodeClass's node; None where a part of it is not known."""
    node_class = next((one for one in stack.plan.of_type(NODE_CLASS) if _name(one) == name), None)
    if node_class is None:
        return None
    disk = dict(reveal(node_class.inputs)["spec"]["blockDeviceMappings"][0]["ebs"])
    disk["volumeSize"] = str(disk["volumeSize"]).removesuffix("Gi")
    parts = [(part.quantity, part.price) for part in disks(stack, "disk", 1, disk, node_class.urn)]
    known = [(quantity, price) for quantity, price in parts if price]
    if len(known) < len(parts):
        return None
    month = sum((quantity * exact(price.usd) for quantity, price in known), Decimal(0))
    hour = (month / HOURS_A_MONTH).quantize(MICRO, ROUND_HALF_UP)
    size = known[0][1]
    return Price(float(hour), "hour", size.source, min(price.date for _, price in known))


def _claimed(stack: Stack) -> Iterator[Line]:
    """What claims make by the storage classes of the stack, each up to the sum of the teams' quotas of it."""
    tenants, lustre = stack.platform.tenants.values(), stack.platform.storage.scratch_claims
    found = {("disks", "ebs.gp3.gb"): sum(quantity(tenant.quota.storage) for tenant in tenants) / 2**30}
    if lustre:
        key = f"fsx.lustre.ssd-{lustre.throughput}.gb" if lustre.throughput else "fsx.lustre.scratch.gb"
        found["Lustre file systems", key] = sum(tenant.scratch_claims_gib for tenant in tenants)
    for (what, key), gib in found.items():
        if gib:
            yield Line("Claims", f"{what} of claims", exact(gib), "GB-month", stack.service(key), expected=True)


def _name(resource: Resource) -> Any:
    return (resource.inputs.get("metadata") or {}).get("name")


def _use(platform: Platform, hours: Iterable[NodeHour]) -> Iterator[Line]:
    """The expected node-hours of a month, at the price of the market that Karpenter tries first."""
    first = {hour.pool: hour for hour in reversed(tuple(hours))}
    for name, count in platform.expected.node_hours.items():
        hour = first[name]
        what = f"pool {name}: {hour.instance_type or 'no machine'}, {hour.market}"
        if not hour.paid:
            yield Line(USE, what, exact(count), "hour", hour.price, expected=True)
        yield Line(USE, f"{what}, disks", exact(count), "hour", hour.disk, expected=True)
