"""Brings the price table up to date from AWS: the Price List API for on-demand, the spot history for spot."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rayeks.errors import UserError
from rayeks.prices import services, table
from rayeks.prices.table import Table

LIST_REGION = "us-east-1"
"""The Price List API answers in few regions, and for all of them."""

SOURCE = "AWS Price List API, GetProducts"

LINUX_ON_SHARED_MACHINES = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
    "operation": "RunInstances",
}


@dataclass(frozen=True)
class Change:
    """A price that is another than it was; None where there was or is none."""

    region: str
    what: str
    old: float | None
    new: float | None

    def to_json(self) -> dict[str, Any]:
        """The change for machines."""
        return {"region": self.region, "what": self.what, "old": self.old, "new": self.new}


def refreshed(held: Table, regions: Iterable[str], session: Any, now: datetime) -> tuple[Table, list[Change]]:
    """The table with the prices of machines and services in some regions as AWS gives them now, and what that changes.

    `session` is a boto3 session. A price keeps its older date only where AWS was not asked for it, or does not list it
    clearly. UserError where AWS does not answer, or has no price for a region.
    """
    found: Table = json.loads(json.dumps(held))
    changes: list[Change] = []
    day = now.astimezone(UTC).date().isoformat()
    for region in regions:
        try:
            pricing = session.client("pricing", region_name=LIST_REGION)
            listed = on_demand(pricing, region)
            if not listed:
                raise UserError(f"AWS lists no machine in {region}", "is that the name of a region?")
            charged = services.usd(pricing, region)
            seen = spot(session.client("ec2", region_name=region), now)
        except (BotoCoreError, ClientError) as error:
            fix = "look at AWS_PROFILE; it needs pricing:GetProducts and ec2:DescribeSpotPriceHistory"
            raise UserError(f"AWS gives no prices of {region}: {error}", fix) from error
        changes += _changes(region, "on demand", table.by_type(_held(held, "on_demand", region, "usd")), listed)
        found["on_demand"][region] = {"source": SOURCE, "date": day, "usd": table.by_family(listed)}
        known = held["services"].get(region) or held["services"].get(held["same_as"].get(region), {})
        changes += _changes(region, "", {key: known[key]["usd"] for key in charged if key in known}, charged)
        for key, usd in charged.items():
            entry = {"usd": usd, "unit": table.unit(held, key), "source": SOURCE, "date": day}
            found["services"].setdefault(region, {})[key] = entry
        before = held["spot"].get(region, {}).get("zones", {})
        for zone, prices in seen.items():
            changes += _changes(region, f"spot in {zone}", table.by_type(before.get(zone, {})), prices)
        if seen:
            zones = {zone: table.by_family(seen[zone]) for zone in sorted(seen)}
            found["spot"][region] = {"source": "EC2 DescribeSpotPriceHistory", "date": day, "zones": zones}
    return found, changes


def on_demand(pricing: Any, region: str) -> dict[str, float]:
    """Instance type → US dollars an hour of Linux on a shared machine, by the Price List API."""
    wanted = LINUX_ON_SHARED_MACHINES | {"regionCode": region}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
    found: dict[str, float] = {}
    for page in pages:
        for text in page["PriceList"]:
            product = json.loads(text)
            kind = product["product"]["attributes"].get("instanceType")
            usd = next(_hourly(product["terms"].get("OnDemand", {})), None)
            if kind and usd:
                found[kind] = usd
    return found


def spot(ec2: Any, now: datetime) -> dict[str, dict[str, float]]:
    """Zone → instance type → US dollars an hour of spot Linux, as last seen."""
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        ProductDescriptions=["Linux/UNIX"], StartTime=now, EndTime=now
    )
    latest: dict[tuple[str, str], tuple[datetime, float]] = {}
    for page in pages:
        for row in page["SpotPriceHistory"]:
            key, seen = (row["AvailabilityZone"], row["InstanceType"]), (row["Timestamp"], float(row["SpotPrice"]))
            latest[key] = max(latest.get(key, seen), seen)
    found: dict[str, dict[str, float]] = {}
    for (zone, kind), (_, usd) in latest.items():
        found.setdefault(zone, {})[kind] = usd
    return found


def _hourly(terms: Mapping[str, Any]) -> Iterator[float]:
    """The hourly prices of an offer that cost something; reserved upfront parts are listed at nothing."""
    for offer in terms.values():
        for dimension in offer["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if dimension["unit"] == "Hrs" and usd > 0:
                yield usd


def _held(held: Table, kind: str, region: str, key: str) -> dict[str, dict[str, float]]:
    """What the table holds for a region, or for the one that it is assumed equal to."""
    place = region if region in held[kind] else held["same_as"].get(region)
    return held[kind].get(place, {}).get(key, {})


def _changes(region: str, market: str, old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[Change]:
    for kind in sorted(old.keys() | new.keys()):
        if old.get(kind) != new.get(kind):
            yield Change(region, f"{kind} {market}".strip(), old.get(kind), new.get(kind))
