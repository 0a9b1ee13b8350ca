"""Launches on real Ray clusters of this machine, with a real S3 API: what they do, and that nothing is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from rayeks.launching import clean, launch

pytestmark = pytest.mark.ray

Outputs = Callable[..., dict[str, Any]]
Processes = Callable[[], list[psutil.Process]]

# Trains two epochs, spoils the last checkpoint behind the run's back, and continues: on one cluster.
SPOIL = """
from workloads.storage import open_storage
from workloads.train import checkpoint
import os
run = open_storage(os.environ["TRAIN_STORAGE"]).child(os.environ["RUN_NAME"])
last = run.child(checkpoint.names(run)[0])
last.write(checkpoint.STATE, last.read(checkpoint.STATE)[:-100])
"""


@pytest.mark.slow
def test_a_launch_trains_on_two_nodes_and_continues_from_the_last_whole_checkpoint_in_s3(
    outputs: Outputs, s3: dict[str, str], keys: Callable[[str], list[str]], short_home: Path, tmp_path: Path
) -> None:
    spoil = tmp_path / "spoil.py"
    spoil.write_text(SPOIL)
    twice = f"python -m workloads.train && python {spoil} && python -m workloads.train --epochs 4"
    lines: list[str] = []
    said: list[str] = []
    result = launch(
        "train",
        outputs(entrypoint=twice),
        local=True,
        env=s3,
        overrides={"TRAIN_EPOCHS": "2"},
        follow=lines.append,
        progress=said.append,
    )
    assert result.status == "SUCCEEDED", lines
    assert [row["epoch"] for row in result.rows if "event" not in row] == [0, 1, 1, 2, 3]
    assert {row["world_size"] for row in result.rows if "world_size" in row} == {2}
    (fallback,) = (row for row in result.rows if row.get("event") == "fallback")
    assert "does not match its seal" in fallback["detail"]
    assert result.final["event"] == "finished"
    assert result.final["accuracy"] > 0.9
    checkpoint = result.final["checkpoint"].removeprefix("s3://runs/")
    assert checkpoint.startswith(f"ray-research/train/{result.name}/epoch-00003-")
    assert {"state.pt", "seal.json"} <= {key.rsplit("/", 1)[1] for key in keys(checkpoint)}
    assert any("the cluster is up" in line for line in said)


def test_a_job_that_fails_is_said_to_have_failed(outputs: Outputs, s3: dict[str, str], short_home: Path) -> None:
    entrypoint = "python -c \"import os; print(os.environ['RUN_NAME'], os.environ['COLOUR']); raise SystemExit(3)\""
    lines: list[str] = []
    result = launch(
        "train",
        outputs(entrypoint=entrypoint),
        local=True,
        env=s3,
        overrides={"COLOUR": "red"},
        run="my-run",
        follow=lines.append,
        progress=print,
    )
    assert (result.status, result.exit_code) == ("FAILED", 1)
    assert "exit code 3" in result.message
    assert "my-run red" in lines
    assert result.logs
    assert (result.logs / "0.log").exists()


LAUNCHER = """
import json, sys
from rayeks.launching import launch
stack, env = json.load(open(sys.argv[1]))
launch("train", stack, local=True, env=env, follow=lambda line: print("log:", line, flush=True))
"""


@pytest.fixture
def launcher(outputs: Outputs, s3: dict[str, str], short_home: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A launch in a process of its own, whose job has started and would take ten minutes."""
    described = tmp_path / "stack.json"
    described.write_text(json.dumps([outputs(entrypoint="echo begun; sleep 600"), s3]))
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(described)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ.copy(),
    )
    seen = []
    assert process.stdout
    for line in process.stdout:
        seen.append(line)
        if line == "log: begun\n":
            return process
    raise AssertionError("".join(seen))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_launch_leaves_no_process(
    launcher: subprocess.Popen[str], ray_processes: Processes, number: signal.Signals
) -> None:
    assert len(ray_processes()) > 10
    launcher.send_signal(number)
    assert launcher.wait(20) != 0
    assert ray_processes() == []


def test_what_a_killed_launcher_leaves_is_found_and_ended(
    launcher: subprocess.Popen[str], ray_processes: Processes
) -> None:
    launcher.kill()
    launcher.wait(10)
    time.sleep(0.5)
    left = ray_processes()
    assert len(left) > 10
    workers = []
    for process in left:
        with suppress(psutil.NoSuchProcess):
            workers += process.children(recursive=True)
    said: list[str] = []
    assert clean(said.append) > 10
    assert "a launch that was killed" in said[0]
    psutil.wait_procs(workers, timeout=10)
    assert [worker for worker in workers if worker.is_running()] == []
    assert clean() == 0


def test_a_launch_that_runs_is_not_taken_for_a_leftover(
    launcher: subprocess.Popen[str], ray_processes: Processes
) -> None:
    before = len(ray_processes())
    assert clean() == 0
    assert len(ray_processes()) >= before
    launcher.send_signal(signal.SIGINT)
    launcher.wait(20)
