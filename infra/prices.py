"""What AWS charges: the published price of a machine or service in a region, with its source and date, or None."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

FILE = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730
"""What AWS's own calculator takes for a month."""


@dataclass(frozen=True)
class Price:
    """US dollars for one `unit` (`hour`, `GB`, `GB-month`, …), who said so, and when."""

    usd: float
    unit: str
    source: str
    date: datetime.date


def on_demand(instance_type: str, region: str) -> Price | None:
    """The price of an hour of Linux on a shared machine; None where the table has none."""
    return _on_demand(_table(), instance_type, region)


def spot(instance_type: str, region: str, zone: str | None = None) -> Price | None:
    """The price of an hour of spot Linux; without a zone, the median of the region's zones.

    Where no price was seen yet, it is the on-demand price less the saving that AWS's Spot Advisor shows for the type,
    or the median saving of its category (`c`, `m`, `g`, …) for a type that the advisor does not know. The source says
    which. None where not even that is to be had.
    """
    seen = _table()["spot"].get(region, {})
    if "zones" in seen:
        zones = seen["zones"]
        found = [_of_type(zones[name], instance_type) for name in zones if zone in (None, name)]
        prices = [price for price in found if price is not None]
        return _price(median(prices), "hour", seen) if prices else None
    full = _on_demand(_table(), instance_type, region)
    if full is None or "percent_saved" not in seen:
        return None
    saved = _of_type(seen["percent_saved"], instance_type)
    about = instance_type
    if saved is None:
        about = category(instance_type)
        saved = seen["percent_saved_by_category"].get(about)
        about = f"the {about} types together"
    if saved is None:
        return None
    source = f"assumed {saved:g} % below on-demand, as for {about}: {seen['source']}"
    return Price(round(full.usd * (100 - saved) / 100, 6), "hour", source, _date(seen))


def service(key: str, region: str) -> Price | None:
    """The price of one unit of a service, such as `nat.hour` or `ebs.gp3.gb`; None where the table has none."""
    table = _table()
    entry, assumed = _in_region(table, table["services"], region, key)
    return _price(entry["usd"], entry["unit"], entry, assumed) if entry else None


def oldest(region: str) -> datetime.date | None:
    """The date of the oldest price that the table holds for a region; None where it holds none."""
    table = _table()
    place = table["same_as"].get(region)
    dates = [
        _date(entry)
        for name in (region, place)
        for entry in (
            *(table[kind][name] for kind in ("on_demand", "spot") if name in table[kind]),
            *table["services"].get(name, {}).values(),
        )
    ]
    return min(dates, default=None)


def category(instance_type: str) -> str:
    """The letters that an instance type begins with: `g` of `g6e.xlarge`, `trn` of `trn1.32xlarge`."""
    family = instance_type.split(".")[0]
    return family[: next((at for at, letter in enumerate(family) if not letter.isalpha()), len(family))]


@cache
def _table() -> Mapping[str, Any]:
    return json.loads(FILE.read_bytes())


def _on_demand(table: Mapping[str, Any], instance_type: str, region: str) -> Price | None:
    own = table["on_demand"].get(region)
    place = region if own else table["same_as"].get(region)
    entry = table["on_demand"].get(place)
    usd = _of_type(entry["usd"], instance_type) if entry else None
    return None if usd is None else _price(usd, "hour", entry, None if own else place)


def _in_region(table: Mapping[str, Any], by_region: Mapping[str, Any], region: str, key: str) -> tuple[Any, str | None]:
    """The entry of a region, or of the one that it is assumed equal to, then with that one's name."""
    if key in by_region.get(region, {}):
        return by_region[region][key], None
    place = table["same_as"].get(region)
    return by_region.get(place, {}).get(key), place


def _of_type(families: Mapping[str, Mapping[str, float]], instance_type: str) -> float | None:
    family, _, size = instance_type.partition(".")
    return families.get(family, {}).get(size)


def _price(usd: float, unit: str, entry: Mapping[str, Any], assumed: str | None = None) -> Price:
    source = f"assumed equal to {assumed}: {entry['source']}" if assumed else entry["source"]
    return Price(usd, unit, source, _date(entry))


def _date(entry: Mapping[str, Any]) -> datetime.date:
    return datetime.date.fromisoformat(entry["date"])
