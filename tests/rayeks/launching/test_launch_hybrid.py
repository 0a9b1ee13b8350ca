"""The pipeline on Ray's own autoscaler: machines of a kind are there while their stage is, whatever is killed."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
import pytest

from benchmarks.workloads.jobs import Watched
from rayeks.launching import Result
from rayeks.launching.autoscaling import HISTORY
from rayeks.launching.leftovers import kill
from workloads.hybrid import spec
from workloads.manifests import ray_job

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

ROWS, FILES = 20_000, 40
Processes = Callable[[], list[psutil.Process]]


@pytest.fixture
def start(watch: Callable[..., Watched]) -> Callable[..., Watched]:
    """Start the pipeline."""
    env = {"HYBRID_FILES": str(FILES), "HYBRID_EPOCHS": "4"}
    job = spec.job(namespace="ray-a", bucket_uri="s3://runs/hybrid", image="ray", team="a", rows=ROWS, env=env)
    return partial(watch, "hybrid", ray_job(job))


def history(result: Result) -> list[dict[str, Any]]:
    assert result.logs
    return [json.loads(line) for line in (result.logs / HISTORY).read_text().splitlines()]


def of(found: list[dict[str, Any]], event: str) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for row in found:
        if row["event"] == event:
            times.setdefault(row["group"], []).append(row["at"])
    return times


def nodes_of(processes: list[psutil.Process], kind: str) -> list[psutil.Process]:
    return [p for p in processes if any(f"ray.io/node-group={kind}" in part for part in p.cmdline())]


def test_a_stages_machines_come_when_it_begins_and_go_when_it_ends_and_a_killed_one_is_replaced(
    start: Callable[..., Watched], ray_processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    run.await_line('"stage": "etl"')
    kill(run.until(lambda: nodes_of(ray_processes(), "etl")[1:]))
    result = run.ended()
    assert result.status == "SUCCEEDED", (result, run.lines)
    assert (result.final["rows"], result.final["event"]) == (ROWS, "finished")
    assert result.final["accuracy"] > 0.95
    assert result.final["right"] > 0.95
    stages = {row["stage"]: row for row in result.rows if row.get("event") == "staged"}
    assert list(stages) == ["etl", "transform", "train", "infer"]
    asked, gone = of(history(result), "requested"), of(history(result), "gone")
    assert len(asked["train"]) == 2
    assert max(asked["train"]) - min(asked["train"]) < 5  # the gang is asked for at once
    for before, after in (("etl", "train"), ("transform", "infer")):
        assert max(gone[before]) < max(asked[after]) + 30, "machines of a stage that is over are not kept"
    for kind, row in stages.items():
        assert min(asked[kind]) > row["began"] - 1, f"a machine for {kind} was started before there was work for it"
    with capsys.disabled():
        for kind, row in stages.items():
            first, last = min(asked[kind]) - row["began"], max(gone.get(kind, [time.time()])) - row["ended"]
            print(
                f"\n{kind}: {len(asked[kind])} nodes, the first asked for after {first:.1f} s, busy {row['busy_s']} s "
                f"of a stage of {row['ended'] - row['began']:.1f} s, the last gone {last:.1f} s after it",
                end="",
            )


def test_a_killed_driver_is_followed_by_a_run_of_the_stages_that_are_left(
    start: Callable[..., Watched], ray_processes: Processes
) -> None:
    first = start(run="hybrid-a")
    first.await_line('"event": "training"')
    (driver,) = (process for process in ray_processes() if "workloads.hybrid" in process.cmdline())
    os.kill(driver.pid, signal.SIGKILL)
    assert first.ended().status == "FAILED"
    second = start(resume="hybrid-a").ended()
    assert second.status == "SUCCEEDED", second
    assert second.rows[0]["done"] == ["etl", "transform"]
    assert set(of(history(second), "requested")) == {"train", "infer"}
    assert (second.final["rows"], second.final["event"]) == (ROWS, "finished")
