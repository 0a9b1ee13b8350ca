"""The work in units, one row group of an input file each; a unit is done when its seal says so, and not before.

Layout of the output: `parts/<unit>.parquet`, `_quarantine/<unit>.jsonl`, and `_seals/<unit>.json`, written last.
Names are functions of the input, so a unit that is done twice overwrites itself and never duplicates a row.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from workloads.data import rows
from workloads.storage import Storage

PARTS, QUARANTINE, SEALS = "parts", "_quarantine", "_seals"


class DataError(Exception):
    """An input that cannot be read, or an output that does not follow from it; the message names the file."""


@dataclass(frozen=True)
class Unit:
    """One row group. `version` changes with its file, so that what was made of another content is made anew."""

    name: str
    file: str
    row_group: int
    rows: int
    version: str


@dataclass(frozen=True)
class Seal:
    """What is left of a finished unit: what it was made of, and how many rows it became."""

    unit: str
    version: str
    model: str
    rows: int
    quarantined: int
    labelled: int
    correct: int
    sha256: str


def plan(source: Storage) -> list[Unit]:
    """The units of every Parquet file directly in a folder, in order. Reads their footers alone.

    Raises DataError for an empty folder, a file that is not Parquet, and a file without the columns of a row.
    """
    units = []
    for name in source.names():
        if not name.endswith(".parquet"):
            continue
        path = f"{source.path}/{name}"
        info = source.filesystem.get_file_info(path)
        try:
            with source.filesystem.open_input_file(path) as file:
                parquet = pq.ParquetFile(file)
                problems = rows.missing_columns(parquet.schema_arrow)
                sizes = [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
        except pa.ArrowInvalid as error:
            raise DataError(f"{source.uri}/{name} is no Parquet file: {error}") from error
        if problems:
            raise DataError(f"{source.uri}/{name} is not of this job: {', '.join(problems)}")
        stem, version = name.removesuffix(".parquet"), f"{info.size}-{info.mtime_ns}"
        units += [Unit(f"{stem}-{index:04d}", name, index, size, version) for index, size in enumerate(sizes)]
    if not units:
        raise DataError(f"there is no .parquet file in {source.uri}")
    return units


def finished(output: Storage, units: Iterable[Unit], model: str) -> dict[str, Seal]:
    """The seals of the units that need not be done again: whole, of the same input and of the same model."""
    listed = set(output.child(SEALS).names())
    found = {}
    for unit in units:
        seal = read_seal(output, unit.name) if f"{unit.name}.json" in listed else None
        if seal and (seal.version, seal.model) == (unit.version, model):
            found[unit.name] = seal
    return found


def read_seal(output: Storage, unit: str) -> Seal | None:
    """A unit's seal; None where there is none, or a torn one."""
    content = output.child(SEALS).read(f"{unit}.json")
    try:
        return Seal(**json.loads(content)) if content else None
    except (ValueError, TypeError):
        return None


def write_seal(output: Storage, seal: Seal) -> None:
    """The last thing that is written of a unit."""
    output.child(SEALS).write(f"{seal.unit}.json", json.dumps(asdict(seal)).encode())


def prepare(output: Storage) -> None:
    """Make the output's folders, where the storage has folders."""
    for part in (PARTS, QUARANTINE, SEALS):
        output.child(part).ready()
