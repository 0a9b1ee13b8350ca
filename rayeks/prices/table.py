"""The price table as a file: read, compared, and written so that a difference is read by people, one family a line."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.prices import FILE

Table = dict[str, Any]
Families = dict[str, dict[str, float]]
SIZES = ("nano", "micro", "small", "medium", "large", "xlarge")


def read(path: Path = FILE) -> Table:
    """The table as it lies there."""
    return json.loads(path.read_bytes())


def write(table: Table, path: Path = FILE) -> bool:
    """Writes the table whole or not at all; says whether that changed the file."""
    text = formatted(table)
    if path.exists() and path.read_text() == text:
        return False
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return True


def formatted(table: Table) -> str:
    """The table as JSON: sorted, and what holds only plain values on one line."""
    return "".join(_lines(table, "")) + "\n"


def by_family(prices: Mapping[str, float]) -> Families:
    """Prices by instance type as the table keeps them: family → size → price, the small sizes first."""
    families: Families = {}
    for name in sorted(prices, key=lambda each: (each.split(".")[0], size_order(each))):
        family, _, size = name.partition(".")
        families.setdefault(family, {})[size] = prices[name]
    return families


def by_type(families: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The other way round: prices by instance type."""
    return {f"{family}.{size}": price for family, sizes in families.items() for size, price in sizes.items()}


def unit(table: Table, key: str) -> str:
    """What a service is priced by, which is the same everywhere. Raises LookupError for a service of no price."""
    for services in table["services"].values():
        if key in services:
            return services[key]["unit"]
    raise LookupError(f"the price table has no service {key}")


def size_order(instance_type: str) -> tuple[int, int, str]:
    """Sorts sizes by what they hold: `large` before `xlarge` before `12xlarge` before `metal`."""
    size = instance_type.partition(".")[2]
    if size in SIZES:
        return (0, SIZES.index(size), size)
    times = size.removesuffix("xlarge")
    return (1, int(times), size) if times.isdigit() else (2, 0, size)


def _lines(value: Any, indent: str) -> Iterator[str]:
    if not isinstance(value, dict) or not any(isinstance(item, dict) for item in value.values()):
        yield json.dumps(value, ensure_ascii=False)
        return
    inner = indent + "  "
    yield "{\n"
    for at, (key, item) in enumerate(value.items()):
        yield f"{inner}{json.dumps(key)}: "
        yield from _lines(item, inner)
        yield ",\n" if at + 1 < len(value) else "\n"
    yield f"{indent}}}"
