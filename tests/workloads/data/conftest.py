"""An input and an output in a folder, and the stages of a unit run here, without a cluster."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from workloads.data import stages
from workloads.data.generate import write_file
from workloads.data.units import Unit, plan, prepare
from workloads.storage import Storage, open_storage


@pytest.fixture
def source(tmp_path: Path) -> Storage:
    """Two files of two row groups each, 100 rows in all, four of them malformed."""
    folder = open_storage(str(tmp_path / "raw"))
    for index in range(2):
        write_file(folder.uri, index, total=100, files=2, groups=2, malformed=4)
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Storage:
    """An empty output."""
    folder = open_storage(str(tmp_path / "scored"))
    prepare(folder)
    return folder


@pytest.fixture
def do(source: Storage, output: Storage) -> Callable[..., None]:
    """Do units of the input, all of them unless told which."""

    def work(units: list[Unit] | None = None, model: str = "baseline") -> None:
        classify = stages.Classify(None, "baseline", gpu=False)
        for unit in plan(source) if units is None else units:
            stages.write(classify(stages.read(asdict(unit), source.uri)), output.uri, model)

    return work


@pytest.fixture
def scored(output: Storage) -> Callable[[], list[dict]]:
    """Every row of the output."""

    def rows() -> list[dict]:
        parts = sorted((Path(output.path) / "parts").iterdir())
        return [row for part in parts for row in pq.read_table(part).to_pylist()]

    return rows
