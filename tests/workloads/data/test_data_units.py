"""Units, their seals and the proof: what counts as done, what is done again, and what the proof refuses."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workloads import registry
from workloads.data import stages
from workloads.data.lineage import verify
from workloads.data.units import DataError, finished, plan, read_seal
from workloads.serve import classifier
from workloads.storage import Storage, open_storage

Do = Callable[..., None]


def test_each_row_group_is_a_unit(source: Storage) -> None:
    units = plan(source)
    assert [unit.name for unit in units] == [
        "digits-00000-0000",
        "digits-00000-0001",
        "digits-00001-0000",
        "digits-00001-0001",
    ]
    assert [unit.rows for unit in units] == [25] * 4


def test_rows_out_are_rows_in(source: Storage, output: Storage, do: Do, scored: Callable[[], list[dict]]) -> None:
    do()
    found = verify(output, plan(source), "baseline")
    assert (found.units, found.rows_in, found.rows_out, found.quarantined) == (4, 100, 96, 4)
    assert found.correct / found.labelled > 0.85
    rows = scored()
    assert len(rows) == 96
    assert {row["id"] for row in rows} == set(range(100)) - {0, 33, 66, 99}
    assert sum(row["digit"] == row["label"] for row in rows) == found.correct


def test_what_is_set_aside_is_kept_with_its_reason(source: Storage, output: Storage, do: Do) -> None:
    do()
    folder = Path(output.path) / "_quarantine"
    entries = [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
    assert {entry["id"]: entry["reason"] for entry in entries} == {
        0: "no pixels",
        33: "63 pixels, not 64",
        66: "a pixel is not in 0–16",
        99: "a pixel is not in 0–16",
    }


def test_a_sealed_unit_is_not_done_again_and_is_written_but_once(source: Storage, output: Storage, do: Do) -> None:
    do(plan(source)[:3])
    assert set(finished(output, plan(source), "baseline")) == {unit.name for unit in plan(source)[:3]}
    part = Path(output.path) / "parts" / "digits-00000-0000.parquet"
    before = part.stat().st_mtime_ns
    do()
    assert part.stat().st_mtime_ns == before
    assert len(finished(output, plan(source), "baseline")) == 4


def test_another_model_or_another_input_is_work_to_do(source: Storage, output: Storage, do: Do) -> None:
    do()
    assert finished(output, plan(source), "digits@2") == {}
    path = Path(source.path) / "digits-00000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 40), path, row_group_size=25)
    assert set(finished(output, plan(source), "baseline")) == {"digits-00001-0000", "digits-00001-0001"}
    do()
    assert verify(output, plan(source), "baseline").rows_in == 90


@pytest.mark.parametrize("torn", ["", "{", '{"unit": "digits-00000-0000"}', "[]"])
def test_a_torn_seal_is_no_seal(source: Storage, output: Storage, do: Do, torn: str) -> None:
    do()
    (Path(output.path) / "_seals" / "digits-00000-0000.json").write_text(torn)
    assert read_seal(output, "digits-00000-0000") is None
    assert len(finished(output, plan(source), "baseline")) == 3


def test_what_was_not_sealed_is_no_row_of_the_output_twice(source: Storage, output: Storage, do: Do) -> None:
    do(plan(source)[:2])
    (Path(output.path) / "_seals" / "digits-00000-0000.json").unlink()  # killed between the file and its seal
    do()
    assert verify(output, plan(source), "baseline").rows_out == 96


@pytest.mark.parametrize("damage", ["a missing file", "other bytes", "a missing seal", "a lost quarantine", "a stray"])
def test_the_proof_names_what_does_not_follow_from_the_input(
    source: Storage, output: Storage, do: Do, damage: str
) -> None:
    do()
    folder, unit = Path(output.path), "digits-00000-0000"
    part = folder / "parts" / f"{unit}.parquet"
    match damage:
        case "a missing file":
            part.unlink()
        case "other bytes":
            part.write_bytes(part.read_bytes()[:-1] + b"x")
        case "a missing seal":
            (folder / "_seals" / f"{unit}.json").unlink()
        case "a lost quarantine":
            (folder / "_quarantine" / f"{unit}.jsonl").unlink()
        case "a stray":
            unit = "other-00000-0000"
            part.with_name(f"{unit}.parquet").write_bytes(part.read_bytes())
    with pytest.raises(DataError, match=unit):
        verify(output, plan(source), "baseline")


def test_an_id_that_occurs_twice_in_the_input_is_found(source: Storage, output: Storage, do: Do) -> None:
    content = (Path(source.path) / "digits-00000.parquet").read_bytes()
    (Path(source.path) / "digits-00002.parquet").write_bytes(content)
    do()
    with pytest.raises(DataError, match="48 ids occur more than once in the input, such as 1, 2, 3, 4, 5"):
        verify(output, plan(source), "baseline")


def test_an_empty_input_and_what_is_no_parquet_are_named(tmp_path: Path, source: Storage) -> None:
    with pytest.raises(DataError, match=r"no \.parquet file in .*/nothing"):
        plan(open_storage(str(tmp_path / "nothing")))
    (Path(source.path) / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"raw/broken\.parquet is no Parquet file"):
        plan(source)


def test_a_file_of_another_job_is_named_with_what_it_lacks(source: Storage) -> None:
    pq.write_table(pa.table({"id": [1], "text": ["a"]}), Path(source.path) / "texts.parquet")
    with pytest.raises(DataError, match=r"texts\.parquet is not of this job: no column 'pixels'"):
        plan(source)


def test_a_model_that_does_not_fit_the_rows_is_refused(tmp_path: Path) -> None:
    models = open_storage(str(tmp_path / "models"))
    arrays = classifier.baseline()[0]
    narrow = registry.register(models, "digits", arrays | {"w1": arrays["w1"][:32]}, {})
    with pytest.raises(registry.ModelError, match=r"does not fit the rows: the model's w1 is \(32, 64\)"):
        stages.load_model(models.uri, f"digits@{narrow}")
    with pytest.raises(registry.ModelError, match="there is no model 'digits@never'"):
        stages.load_model(models.uri, "digits@never")
    with pytest.raises(registry.ModelError, match="say where"):
        stages.load_model(None, "digits@production")


FULL = """
import sys
from dataclasses import asdict
from workloads.data import stages
from workloads.data.units import plan
from workloads.storage import open_storage
unit = plan(open_storage(sys.argv[1]))[0]
stages.write(stages.Classify(None, "baseline", gpu=False)(stages.read(asdict(unit), sys.argv[1])), sys.argv[2], "m")
"""


def test_an_output_that_is_full_gets_no_seal(source: Storage, output: Storage) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    told = subprocess.run(
        [sys.executable, "-B", "-c", FULL, source.uri, output.uri], capture_output=True, text=True, preexec_fn=no_room
    )
    assert told.returncode == 1
    assert "OSError" in told.stderr
    assert output.child("_seals").names() == []
    assert finished(output, plan(source), "m") == {}
