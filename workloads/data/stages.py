"""The three stages of a unit: read and normalise on CPUs, classify where the model is, write and seal.

A row of the dataset is a whole unit, so that no block boundary, retry or re-execution ever tears one apart.
"""

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workloads import registry
from workloads.data import rows
from workloads.data.units import PARTS, QUARANTINE, Seal, read_seal, write_seal
from workloads.serve import classifier
from workloads.serve.device import Device
from workloads.storage import Storage, open_storage

UnitRow = dict[str, Any]
"""The fields of a `Unit`; after `read` with the arrays of `Rows` and `malformed` (JSON), then with predictions."""


def read(row: UnitRow, source: str) -> UnitRow:
    """A unit's rows, normalised, and those that are set aside."""
    folder = open_storage(source)
    with folder.filesystem.open_input_file(f"{folder.path}/{row['file']}") as file:
        parquet = pq.ParquetFile(file)
        present = [name for name in rows.SCHEMA.names if name in parquet.schema_arrow.names]
        good, bad = rows.sift(parquet.read_row_group(int(row["row_group"]), columns=present))
    return {**row, **good._asdict(), "malformed": json.dumps([entry._asdict() for entry in bad])}


def load_model(models: str | None, model: str) -> tuple[str, classifier.Arrays]:
    """The exact version that a reference means now, and its arrays. ModelError where they do not fit the rows."""
    if model == classifier.BASELINE:
        return model, classifier.baseline()[0]
    if not models:
        raise registry.ModelError(f"model {model!r} is in a registry: say where (--models s3://bucket/prefix)")
    found = registry.load(open_storage(models), model)
    try:
        return found.reference, classifier.check(found.arrays)
    except ValueError as error:
        raise registry.ModelError(f"{found.reference} does not fit the rows: {error}") from error


class Classify:
    """Keeps the model on its device from unit to unit."""

    def __init__(self, models: str | None, model: str, gpu: bool) -> None:
        self._device = Device(gpu=gpu)
        self._device.take(load_model(models, model)[1])

    def __call__(self, row: UnitRow) -> UnitRow:
        probabilities = self._device.predict(row.pop("images")).probabilities
        return {
            **row,
            "digits": probabilities.argmax(axis=1).astype(np.int64),
            "confidences": probabilities.max(axis=1).astype(np.float32),
        }


def write(row: UnitRow, output: str, model: str) -> dict[str, Any]:
    """Write a unit's files and its seal, unless it has one: a report that was lost is no reason to write again."""
    folder, name, version = open_storage(output), str(row["name"]), str(row["version"])
    seal = read_seal(folder, name)
    if seal is None or (seal.version, seal.model) != (version, model):
        seal = _write(folder, name, version, model, row)
    return {"unit": name, "rows": seal.rows, "quarantined": seal.quarantined}


def _write(folder: Storage, name: str, version: str, model: str, row: UnitRow) -> Seal:
    columns = {"id": "ids", "position": "positions", "label": "labels", "digit": "digits", "confidence": "confidences"}
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({column: np.asarray(row[part]) for column, part in columns.items()}), buffer)
    content = buffer.getvalue().to_pybytes()
    malformed = json.loads(str(row["malformed"]))
    folder.child(PARTS).write(f"{name}.parquet", content)
    folder.child(QUARANTINE).write(f"{name}.jsonl", b"".join(json.dumps(entry).encode() + b"\n" for entry in malformed))
    labels, digits = np.asarray(row["labels"]), np.asarray(row["digits"])
    seal = Seal(
        unit=name,
        version=version,
        model=model,
        rows=len(digits),
        quarantined=len(malformed),
        labelled=int((labels >= 0).sum()),
        correct=int((labels == digits).sum()),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_seal(folder, seal)
    return seal
