"""The command line of the training sample: flags, variables, and refusals before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workloads.storage import StorageError, check, open_storage
from workloads.train.__main__ import parse


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(["--storage", "/tmp", *arguments], environment or {})
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_a_flag_wins_over_its_variable_and_that_over_the_default() -> None:
    environment = {"TRAIN_STORAGE": "s3://b/p", "TRAIN_EPOCHS": "3", "TRAIN_SEED": "7"}
    parsed = parse(["--epochs", "5"], environment)
    assert (parsed.storage, parsed.epochs, parsed.seed, parsed.batch) == ("s3://b/p", 5, 7, 32)


def test_the_launcher_names_the_run_by_its_own_variable() -> None:
    assert parse([], {"TRAIN_STORAGE": "/x", "RUN_NAME": "train-1"}).run == "train-1"
    assert parse([], {"TRAIN_STORAGE": "/x", "RESUME_RUN": "train-1"}).resume == "train-1"


@pytest.mark.parametrize(("text", "workers"), [("0", 0), ("4", 4), ("1:3", (1, 3))])
def test_workers_are_a_count_or_a_range(text: str, workers: int | tuple[int, int]) -> None:
    assert parse(["--storage", "/x", "--workers", text], {}).workers == workers


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--workers", "two"], "neither a count nor"),
        (["--workers", "-1"], "count is 0 or more"),
        (["--workers", "3:2"], "below MOST"),
        (["--epochs", "0"], "less than 1"),
        (["--keep-checkpoints", "1"], "less than 2"),
        (["--profile", "tpu"], "no profile 'tpu'"),
        (["--strategy", "zero"], "no strategy 'zero'"),
        (["--run", "a", "--resume", "b"], "give one of them"),
    ],
)
def test_a_wrong_flag_is_refused_with_the_reason(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refusal(capsys, *arguments)


def test_a_wrong_variable_is_refused_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--epochs" in refusal(capsys, environment={"TRAIN_EPOCHS": "many"})


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workloads.train", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
        check=False,
    )


def test_help_teaches_without_importing_pytorch() -> None:
    told = run("--help", PYTHONPROFILEIMPORTTIME="1")
    assert told.returncode == 0
    assert "$TRAIN_EPOCHS" in told.stdout
    assert " torch\n" not in told.stderr


def test_a_run_to_resume_must_exist(tmp_path: Path) -> None:
    told = run("--storage", str(tmp_path), "--resume", "never")
    assert told.returncode == 1
    assert "no run 'never' to resume" in told.stderr
    assert "Traceback" not in told.stderr


def test_an_unreachable_s3_endpoint_is_named_before_ray_starts() -> None:
    told = run("--storage", "s3://runs/x", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert told.returncode == 1
    assert "http://127.0.0.1:9" in told.stderr
    assert "not reachable" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_bucket_that_does_not_exist_is_named(s3: str) -> None:
    with pytest.raises(StorageError, match="no S3 bucket 'nobodys'"):
        check(open_storage("s3://nobodys/x"))


@pytest.mark.parametrize("uri", ["runs", "./runs", "gs://bucket/x", "s3:/bucket", "file://host/x"])
def test_storage_of_an_unknown_form_is_refused(uri: str) -> None:
    with pytest.raises(StorageError, match="neither s3://bucket/prefix nor an absolute path"):
        open_storage(uri)


def test_storage_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        check(open_storage(str(tmp_path / "file" / "runs")))


def test_checked_storage_is_left_as_it_was(tmp_path: Path) -> None:
    check(open_storage(str(tmp_path)))
    assert list(tmp_path.iterdir()) == []
