"""The training loop in this process: what it learns, and what it does after it was ended."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workloads.storage import Storage, StorageError
from workloads.train import checkpoint

pytestmark = pytest.mark.ray

Train = Callable[..., list[dict[str, Any]]]


def epochs(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in said if "epoch" in row and "event" not in row]


def events(said: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in said if row.get("event") == kind]


def folders(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "one").iterdir() if path.name.startswith(checkpoint.PREFIX))


def test_it_learns_to_tell_held_out_digits_apart(train: Train) -> None:
    said = train(epochs=8)
    assert [row["epoch"] for row in epochs(said)] == list(range(8))
    assert {"loss", "accuracy", "seconds", "world_size"} <= epochs(said)[0].keys()
    assert said[-1]["event"] == "finished"
    assert said[-1]["accuracy"] >= 0.93
    assert (Path(said[-1]["checkpoint"]) / checkpoint.STATE).exists()


def test_the_same_seed_gives_the_same_result_and_another_seed_another(train: Train) -> None:
    first, again, other = train(run="a"), train(run="b"), train(run="c", seed=1)
    assert [row["loss"] for row in epochs(first)] == [row["loss"] for row in epochs(again)]
    assert first[-1]["loss"] != other[-1]["loss"]


def test_a_run_that_is_continued_ends_where_an_undisturbed_one_does(train: Train) -> None:
    undisturbed = train(run="whole", epochs=5)
    train(epochs=2)
    continued = train(epochs=5)
    assert events(continued, "training")[0]["first_epoch"] == 2
    assert [row["epoch"] for row in epochs(continued)] == [2, 3, 4]
    assert continued[-1]["loss"] == undisturbed[-1]["loss"]
    assert continued[-1]["accuracy"] == undisturbed[-1]["accuracy"]


def test_a_run_that_is_complete_says_so_and_gives_its_result_again(train: Train) -> None:
    before = train()[-1]
    again = train()
    assert epochs(again) == []
    assert events(again, "training") == [{"event": "training", "first_epoch": 3, "epochs": 3, "world_size": 1}]
    assert {key: again[-1][key] for key in ("accuracy", "checkpoint")} == {
        key: before[key] for key in ("accuracy", "checkpoint")
    }


@pytest.mark.parametrize("damage", ["flipped bytes", "half a file", "no file", "no seal", "a torn seal"])
def test_a_broken_checkpoint_costs_one_epoch_and_is_named(train: Train, tmp_path: Path, damage: str) -> None:
    train()
    last = folders(tmp_path)[-1]
    state, seal = last / checkpoint.STATE, last / checkpoint.SEAL
    content = state.read_bytes()
    match damage:
        case "flipped bytes":
            state.write_bytes(content[:200] + bytes([content[200] ^ 255]) + content[201:])
        case "half a file":
            state.write_bytes(content[: len(content) // 2])
        case "no file":
            state.unlink()
        case "no seal":
            seal.unlink()
        case "a torn seal":
            seal.write_text(seal.read_text()[:20])
    said = train(epochs=4)
    (fallback,) = events(said, "fallback")
    assert last.name in fallback["detail"]
    assert [row["epoch"] for row in epochs(said)] == [2, 3]
    assert said[-1]["loss"] == train(run="whole", epochs=4)[-1]["loss"]


def test_with_every_checkpoint_broken_it_starts_anew_and_says_so(train: Train, tmp_path: Path) -> None:
    train(epochs=2)
    for folder in folders(tmp_path):
        (folder / checkpoint.STATE).write_bytes(b"")
    said = train(epochs=2)
    assert len(events(said, "fallback")) == 2
    assert [row["epoch"] for row in epochs(said)] == [0, 1]


def test_fewer_checkpoints_than_epochs_if_so_wanted_and_always_one_at_the_end(train: Train, tmp_path: Path) -> None:
    train(epochs=5, checkpoint_every=2)
    kept = [json.loads((folder / checkpoint.SEAL).read_text())["epoch"] for folder in folders(tmp_path)]
    assert kept == [1, 3, 4]


def test_checkpoints_go_to_s3_and_are_found_there_again(train: Train, s3: str) -> None:
    first = train(storage="s3://runs/team", epochs=1)
    assert first[-1]["checkpoint"].startswith("s3://runs/team/one/epoch-00000-")
    assert [row["epoch"] for row in epochs(train(storage="s3://runs/team", epochs=2))] == [1]


def test_a_run_is_tuned_from_the_weights_of_another_and_begins_where_that_one_ended(train: Train) -> None:
    trained = train(epochs=6)[-1]
    tuned = train(run="tuned", epochs=1, base=trained["checkpoint"], learning_rate=1e-5)
    anew = train(run="anew", epochs=1, learning_rate=1e-5)
    assert events(tuned, "training")[0]["first_epoch"] == 0
    assert tuned[-1]["accuracy"] == pytest.approx(trained["accuracy"], abs=0.02)
    assert anew[-1]["accuracy"] < 0.5


def test_a_base_that_is_broken_or_of_another_shape_is_named(train: Train) -> None:
    trained = train(epochs=1)[-1]["checkpoint"]
    with pytest.raises(StorageError, match=r"base .*epoch-00000-.* is of another model: .*--hidden 8 needs"):
        train(run="tuned", base=trained, hidden=8)
    (Path(trained) / checkpoint.STATE).write_bytes(b"")
    with pytest.raises(StorageError, match=r"base .* cannot be used: state.pt does not match its seal"):
        train(run="tuned", base=trained)


def test_storage_that_fills_up_ends_the_run_with_its_name_and_leaves_nothing_that_is_trusted(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = train(epochs=2)[-1]
    write = Storage.write

    def no_room(self: Storage, name: str, content: bytes) -> None:
        if name == checkpoint.STATE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write", no_room)
        with pytest.raises(StorageError, match=r"checkpoint .*/one/epoch-00002-.* cannot be written: .*No space left"):
            train(epochs=4)
    again = train(epochs=4)
    assert "state.pt is missing" in events(again, "fallback")[0]["detail"]
    assert [row["epoch"] for row in epochs(again)] == [2, 3]
    assert before["checkpoint"] != again[-1]["checkpoint"]
