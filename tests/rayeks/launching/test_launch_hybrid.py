"""The pipeline on Ray's own autoscaler: machines of a kind are there while their stage is, whatever is killed."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rayeks.launching import Result, launch
from rayeks.launching.autoscaling import HISTORY
from rayeks.launching.leftovers import kill
from workloads.hybrid import spec
from workloads.manifests import ray_job

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

ROWS, FILES = 20_000, 40
Processes = Callable[[], list[psutil.Process]]


class Run:
    """A launch in a thread, and what it said so far."""

    def __init__(self, env: dict[str, str], **options: Any) -> None:
        manifest = ray_job(
            spec.job(
                namespace="ray-a",
                bucket_uri="s3://runs/hybrid",
                image="ray",
                team="a",
                rows=ROWS,
                env={"HYBRID_FILES": str(FILES), "HYBRID_EPOCHS": "4"},
            )
        )
        self.lines: list[str] = []
        self.said: list[str] = []
        self.results: list[Result] = []

        def run() -> None:
            stack = {"workloads": {"hybrid": {"manifest": manifest}}}
            self.results.append(
                launch(
                    "hybrid",
                    stack,
                    local=True,
                    env=env,
                    follow=self.lines.append,
                    progress=self.said.append,
                    **options,
                )
            )

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def await_(self, text: str) -> None:
        deadline = time.monotonic() + 300
        while not any(text in line for line in list(self.lines)):
            assert time.monotonic() < deadline, (text, self.lines, self.said)
            assert self.thread.is_alive(), (text, self.lines, self.said)
            time.sleep(0.05)

    def ended(self) -> Result:
        self.thread.join(600)
        assert self.results, (self.lines, self.said)
        return self.results[0]


@pytest.fixture
def start(s3: dict[str, str], short_home: Path) -> Generator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(**options: Any) -> Run:
        runs.append(Run(s3, **options))
        return runs[-1]

    yield begin
    for run in runs:
        run.thread.join(60)


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
    start: Callable[..., Run], ray_processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    run.await_('"stage": "etl"')
    while len(nodes_of(ray_processes(), "etl")) < 2:
        assert run.thread.is_alive(), run.lines
        time.sleep(0.1)
    victim = nodes_of(ray_processes(), "etl")[0]
    kill([victim])
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
    start: Callable[..., Run], ray_processes: Processes
) -> None:
    first = start(run="hybrid-a")
    first.await_('"event": "training"')
    (driver,) = (process for process in ray_processes() if "workloads.hybrid" in process.cmdline())
    os.kill(driver.pid, signal.SIGKILL)
    assert first.ended().status == "FAILED"
    second = start(resume="hybrid-a").ended()
    assert second.status == "SUCCEEDED", second
    assert second.rows[0]["done"] == ["etl", "transform"]
    assert set(of(history(second), "requested")) == {"train", "infer"}
    assert (second.final["rows"], second.final["event"]) == (ROWS, "finished")
