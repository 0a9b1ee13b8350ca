"""Training through what the cloud does to it: real kills of real processes, and the result it must still reach."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from benchmarks.workloads.jobs import Watched
from rayeks.launching import Result
from rayeks.launching.leftovers import kill
from rayeks.launching.nodes import Cluster
from workloads.train.driver import fit
from workloads.train.settings import PROFILES, Placement, Settings

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

EPOCHS = 60
Outputs = Callable[..., dict[str, Any]]
Processes = Callable[[], list[psutil.Process]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last line of a run that nothing happens to."""
    settings = Settings(run="whole", storage=str(tmp_path_factory.mktemp("runs")), epochs=EPOCHS)
    return fit(settings, PROFILES["local"], Placement(workers=0), lambda row: None)


@pytest.fixture
def start(outputs: Outputs, watch: Callable[..., Watched]) -> Callable[..., Watched]:
    """Start a training launch of sixty epochs."""

    def begin(least: int | None = None, overrides: dict[str, str] | None = None, **options: Any) -> Watched:
        manifest = outputs(least=least)["workloads"]["train"]["manifest"]
        return watch("train", manifest, overrides={"TRAIN_EPOCHS": str(EPOCHS), **(overrides or {})}, **options)

    return begin


@pytest.fixture
def workers(ray_processes: Processes) -> Callable[[], list[psutil.Process]]:
    """The `ray start` processes of worker nodes."""

    def found() -> list[psutil.Process]:
        return [
            process
            for process in ray_processes()
            if "start" in process.cmdline()
            and any(part.startswith("--address=") for part in process.cmdline())
            and "ray.scripts.scripts" in process.cmdline()
        ]

    return found


def epochs_of(result: Result) -> list[int]:
    return [row["epoch"] for row in result.rows if "epoch" in row and "event" not in row]


def same(final: dict[str, Any], undisturbed: dict[str, Any]) -> bool:
    return final["accuracy"] == undisturbed["accuracy"] and abs(final["loss"] - undisturbed["loss"]) < 1e-3


def test_a_killed_node_costs_one_epoch_at_most_and_changes_no_result(
    start: Callable[..., Watched], workers: Processes, undisturbed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    run.await_line('"epoch": 5')
    killed = time.monotonic()
    kill(workers()[:1])
    lost = run.await_line('"event": "lost"', since=killed)
    again = run.await_line('"event": "training"', since=killed)
    result = run.ended()
    assert result.status == "SUCCEEDED"
    assert any("another takes its place" in line for line in run.said)
    epochs = epochs_of(result)
    assert sorted(set(epochs)) == list(range(EPOCHS))
    assert len(epochs) <= EPOCHS + 1
    assert same(result.final, undisturbed)
    with capsys.disabled():
        told = f"noticed after {lost - killed:.1f} s, training again {again - lost:.1f} s later"
        print(f"\nkilled node: {told}, {len(epochs) - EPOCHS} epochs redone")


def test_a_node_that_is_reclaimed_is_left_with_a_checkpoint(
    start: Callable[..., Watched], workers: Processes, undisturbed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = start(
        overrides={
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "8",
            "TRAIN_CHECKPOINT_EVERY": "1000",
            "RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S": "0.5",
        }
    )
    run.await_line('"epoch": 5')
    noticed = time.monotonic()
    workers()[0].terminate()
    run.await_line('"preempted_ranks"', since=noticed)
    again = run.await_line('"event": "training"', since=noticed)
    result = run.ended()
    assert result.status == "SUCCEEDED"
    assert [row for row in result.rows if row.get("event") == "training"][-1]["first_epoch"] > 5
    epochs = epochs_of(result)
    assert sorted(set(epochs)) == list(range(EPOCHS))
    assert len(epochs) <= EPOCHS + 1
    assert same(result.final, undisturbed)
    with capsys.disabled():
        print(f"\nreclaimed node: training again after {again - noticed:.1f} s, {len(epochs) - EPOCHS} epochs redone")


def test_a_killed_driver_is_continued_by_the_next_launch(
    start: Callable[..., Watched], ray_processes: Processes, undisturbed: dict[str, Any]
) -> None:
    first = start(run="train-a")
    first.await_line('"epoch": 5')
    (driver,) = (process for process in ray_processes() if "workloads.train" in process.cmdline())
    os.kill(driver.pid, signal.SIGKILL)
    killed = first.ended()
    assert killed.status == "FAILED"
    result = start(resume="train-a").ended()
    assert result.status == "SUCCEEDED"
    epochs = epochs_of(result)
    # Not before the last epoch that was told: workers may have got further than the driver could say.
    assert epochs[0] >= epochs_of(killed)[-1]
    assert epochs == list(range(epochs[0], EPOCHS))
    assert same(result.final, undisturbed)


def test_an_elastic_run_goes_on_with_who_is_left_and_grows_back(
    start: Callable[..., Watched],
    workers: Processes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    heal, no_machine = Cluster.heal, threading.Event()

    def when_there_is_a_machine(cluster: Cluster, progress: Any) -> None:
        if not no_machine.is_set():
            heal(cluster, progress)

    monkeypatch.setattr(Cluster, "heal", when_there_is_a_machine)
    run = start(least=1, overrides={"TRAIN_EPOCHS": "600", "TRAIN_PROFILE": "local"})
    run.await_line('"epoch": 5')
    no_machine.set()
    killed = time.monotonic()
    kill(workers()[:1])
    fewer = run.await_line('"world_size": 1', since=killed)
    no_machine.clear()
    again = run.await_line('"world_size": 2', since=fewer)
    result = run.ended()
    assert result.status == "SUCCEEDED"
    sizes = [row["world_size"] for row in result.rows if row.get("event") == "training"]
    assert sizes[0] == sizes[-1] == 2 and 1 in sizes
    assert sorted(set(epochs_of(result))) == list(range(600))
    assert result.final["accuracy"] > 0.95
    with capsys.disabled():
        print(f"\nelastic: on one worker after {fewer - killed:.1f} s, on two {again - fewer:.1f} s after the machine")
