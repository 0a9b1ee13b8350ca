"""What a row of the input must be, and what happens to one that is not: it is set aside with its reason."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from workloads import digits

ID, PIXELS, LABEL = "id", "pixels", "label"
DEEPEST = 16.0
"""Pixels are 0 to this."""

SCHEMA = pa.schema([(ID, pa.int64()), (PIXELS, pa.list_(pa.float32())), (LABEL, pa.int64())])


class Rows(NamedTuple):
    """Well-formed rows: their positions in the unit, ids, images (float32, n × 64, 0–1) and labels (-1: unknown)."""

    positions: np.ndarray
    ids: np.ndarray
    images: np.ndarray
    labels: np.ndarray


class Malformed(NamedTuple):
    """A row that is set aside: where it stands in its unit, its id if it has one, and what is wrong with it."""

    position: int
    id: int | None
    reason: str


def missing_columns(schema: pa.Schema) -> list[str]:
    """What a file lacks to be an input: columns that are not there or hold something else."""
    problems = []
    for name, fits in ((ID, pa.types.is_integer), (PIXELS, _is_list_of_numbers)):
        if name not in schema.names:
            problems.append(f"no column {name!r}")
        elif not fits(schema.field(name).type):
            problems.append(f"column {name!r} is {schema.field(name).type}")
    return problems


def sift(table: pa.Table) -> tuple[Rows, list[Malformed]]:
    """The rows that can be used, normalised, and those that cannot. Every row is in one of the two."""
    ids, pixels = table.column(ID).combine_chunks(), table.column(PIXELS).combine_chunks()
    lengths = np.asarray(pixels.value_lengths().fill_null(-1))
    reasons: dict[int, str] = {}
    for position in np.flatnonzero(lengths != digits.FEATURES):
        length = lengths[position]
        reasons[int(position)] = "no pixels" if length < 0 else f"{length} pixels, not {digits.FEATURES}"
    whole = np.flatnonzero(lengths == digits.FEATURES)
    values = pixels.take(pa.array(whole)).flatten().to_numpy(zero_copy_only=False)
    images = np.asarray(values, dtype=np.float32).reshape(-1, digits.FEATURES)
    with np.errstate(invalid="ignore"):
        wrong = ~((images >= 0) & (images <= DEEPEST)).all(axis=1)  # NaN is in no range
    reasons |= {int(position): f"a pixel is not in 0–{DEEPEST:g}" for position in whole[wrong]}
    reasons |= {int(position): "no id" for position in np.flatnonzero(np.asarray(ids.is_null()))}
    kept = np.asarray([position not in reasons for position in whole], dtype=bool)
    positions = whole[kept]
    labels = table.column(LABEL).combine_chunks() if LABEL in table.column_names else pa.nulls(len(table), pa.int64())
    good = Rows(
        positions.astype(np.int64),
        np.asarray(ids.fill_null(-1), dtype=np.int64)[positions],
        images[kept] / np.float32(DEEPEST),
        np.asarray(labels.fill_null(-1), dtype=np.int64)[positions],
    )
    bad = [Malformed(position, ids[position].as_py(), reason) for position, reason in sorted(reasons.items())]
    return good, bad


def _is_list_of_numbers(kind: Any) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
