"""The batch job's throughput beside one process that does the same with NumPy, and beside reading the files alone."""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import Row, timed
from benchmarks.workloads.scratch import scratch
from workloads import digits
from workloads.data import rows as row_format
from workloads.data import stages
from workloads.data.lineage import verify
from workloads.data.settings import PROFILES, Settings
from workloads.data.units import plan, prepare
from workloads.serve import classifier
from workloads.storage import open_storage

FILES, GROUPS, ROWS_A_GROUP = 20, 2, 100_000
ROWS = FILES * GROUPS * ROWS_A_GROUP


def rows() -> Iterator[Row]:
    """Rows a second from Parquet to sealed Parquet, the proof of the rows included, on every core of this machine."""
    import ray

    from workloads.data.driver import connect, score

    with scratch() as folder:
        raw = folder / "raw"
        source, small = _input(raw, FILES), _input(folder / "small", 1)
        _forget(raw)
        reading = timed(lambda: _read(raw))
        _forget(raw)
        alone = timed(lambda: _loop(source, str(folder / "alone")))
        connect()
        try:
            score(Settings(small, str(folder / "warm")), PROFILES["local"], say=_hush)  # workers start, modules load
            _forget(raw)
            began = time.monotonic()
            final = score(Settings(source, str(folder / "scored")), PROFILES["local"], say=_hush)
            together = time.monotonic() - began
        finally:
            ray.shutdown()
        assert final["rows_out"] == ROWS
        megabytes = sum(file.stat().st_size for file in raw.iterdir()) / 1e6
    beside = "the same in one process with NumPy"
    yield Row("data, rows a second", ROWS / together / 1000, "k/s", beside, ROWS / alone / 1000)
    yield Row("data, input read", megabytes / together, "MB/s", "reading the files alone", megabytes / reading)


def _hush(row: dict[str, Any]) -> None:
    """The bench says what matters itself."""


def _input(folder: Path, files: int) -> str:
    """Files of shipped digits with noise; quick to make, and no two rows alike."""
    folder.mkdir()
    images, labels = digits.load()
    random = np.random.default_rng(0)
    for index in range(files):
        ids = np.arange(GROUPS * ROWS_A_GROUP) + index * GROUPS * ROWS_A_GROUP
        noise = random.normal(0, 0.5, (len(ids), digits.FEATURES))
        pixels = np.clip(images[ids % len(images)] * row_format.DEEPEST + noise, 0, row_format.DEEPEST)
        offsets = pa.array(np.arange(len(ids) + 1, dtype=np.int32) * digits.FEATURES)
        column = pa.ListArray.from_arrays(offsets, pa.array(pixels.astype(np.float32).ravel()))
        content = pa.table([pa.array(ids), column, pa.array(labels[ids % len(labels)])], schema=row_format.SCHEMA)
        pq.write_table(content, folder / f"digits-{index:05d}.parquet", row_group_size=ROWS_A_GROUP)
    return str(folder)


def _read(folder: Path) -> int:
    return sum(len(file.read_bytes()) for file in sorted(folder.iterdir()))


def _forget(folder: Path) -> None:
    """Leave its files to the disk alone, where that can be asked for: what was just written is in memory."""
    for file in folder.iterdir():
        with file.open("rb") as content:
            os.fsync(content.fileno())
            if hasattr(os, "posix_fadvise"):  # Linux
                os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _loop(source: str, output: str) -> None:
    """The job's own stages one after another, unit by unit, and the same proof of the rows."""
    folder, units = open_storage(output), plan(open_storage(source))
    prepare(folder)
    classify = stages.Classify(None, classifier.BASELINE, gpu=False)
    for unit in units:
        stages.write(classify(stages.read(asdict(unit), source)), output, classifier.BASELINE)
    verify(folder, units, classifier.BASELINE)
