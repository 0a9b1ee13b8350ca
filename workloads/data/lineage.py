"""The proof that rows out are rows in: read back from the files themselves, not from what the job said of itself."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from pyarrow import BufferReader

from workloads.data.units import PARTS, QUARANTINE, DataError, Unit, read_seal
from workloads.storage import Storage


@dataclass(frozen=True)
class Lineage:
    """What became of the rows: `rows_in` = `rows_out` + `quarantined`, each exactly once."""

    units: int
    rows_in: int
    rows_out: int
    quarantined: int
    labelled: int
    correct: int


def verify(output: Storage, units: Iterable[Unit], model: str) -> Lineage:
    """Read every output file back. Raises DataError, naming the unit, unless every row came out exactly once.

    Each unit's positions must be shared out between its part and its quarantine without a gap or an overlap, the
    part must be the sealed bytes, and no id may occur twice. Holds the ids of the output in memory: 8 bytes a row.
    """
    units = list(units)
    ids, totals = [], np.zeros(4, dtype=np.int64)
    expected = {f"{unit.name}.parquet" for unit in units}
    if stray := [name for name in output.child(PARTS).names() if name not in expected]:
        raise DataError(f"{output.uri}/{PARTS}/{stray[0]} is of no unit of the input: another job's, or an old input's")
    for unit in units:
        seal = read_seal(output, unit.name)
        if seal is None or (seal.version, seal.model) != (unit.version, model):
            raise DataError(f"unit {unit.name} is not finished")
        part = output.child(PARTS).read(f"{unit.name}.parquet")
        if part is None or hashlib.sha256(part).hexdigest() != seal.sha256:
            raise DataError(f"unit {unit.name}: {PARTS}/{unit.name}.parquet is not what was sealed")
        table = pq.read_table(BufferReader(part), columns=["id", "position"])
        aside = [json.loads(line)["position"] for line in _lines(output, unit.name)]
        positions = np.sort(np.concatenate([table["position"].to_numpy(), np.asarray(aside, dtype=np.int64)]))
        if not np.array_equal(positions, np.arange(unit.rows)):
            raise DataError(f"unit {unit.name}: {len(positions)} rows came out of {unit.rows}, or one came out twice")
        ids.append(table["id"].to_numpy())
        totals += (unit.rows, len(table), seal.labelled, seal.correct)
    seen, times = np.unique(np.concatenate(ids), return_counts=True)
    if (times > 1).any():
        twice = ", ".join(map(str, seen[times > 1][:5]))
        raise DataError(f"{(times > 1).sum()} ids occur more than once in the input, such as {twice}")
    rows_in, rows_out, labelled, correct = map(int, totals)
    return Lineage(len(units), rows_in, rows_out, rows_in - rows_out, labelled, correct)


def _lines(output: Storage, unit: str) -> list[bytes]:
    return (output.child(QUARANTINE).read(f"{unit}.jsonl") or b"").splitlines()
