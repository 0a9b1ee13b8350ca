"""From the kill of a training node to training again, beside what the same run's first start took."""

import time
from collections.abc import Iterator

import psutil

from benchmarks.measure import Row
from benchmarks.workloads.jobs import Watched
from benchmarks.workloads.scratch import scratch
from rayeks.launching.leftovers import kill
from workloads.manifests import ray_job
from workloads.spec import Resources
from workloads.train import spec

EPOCHS = 60
KILL_AT = 10


def rows() -> Iterator[Row]:
    """Two of three nodes train and one of these is killed: until that is noticed, and from there to training again.

    The third is there beforehand, as a machine that a pool keeps warm: what a cloud takes to give one is not measured.
    """
    with scratch() as folder:
        worker = Resources(cpu=1, memory_gib=2)
        job = spec.job(
            namespace="ray-a",
            bucket_uri=str(folder / "runs"),
            image="ray",
            team="a",
            worker=worker,
            workers=3,
            env={"TRAIN_WORKERS": "2"},
            epochs=EPOCHS,
            profile="local",
        )
        with Watched("train", ray_job(job)) as run:
            asked = run.await_line('"event": "starting"')
            first = run.await_line('"event": "training"') - asked
            run.await_line(f'"epoch": {KILL_AT}')
            killed = time.monotonic()
            kill([_training_node()])
            noticed = run.await_line('"event": "lost"', since=killed)
            again = run.await_line('"event": "training"', since=noticed)
            last = run.await_line('"epoch"', since=again)
            result = run.succeeded()
    epochs = [row["epoch"] for row in result.rows if "epoch" in row and "event" not in row]
    yield Row("train, kill to its notice", noticed - killed, "s")
    yield Row(
        "train, notice to training again", again - noticed, "s", "the run's first start", first, bound=10, by_value=True
    )
    yield Row("train, kill to the next epoch's end", last - killed, "s")
    yield Row("train, epochs redone", len(epochs) - len(set(epochs)), "", bound=1)


def _training_node() -> psutil.Process:
    """The `ray start` process of a node on which a worker trains."""
    for process in psutil.Process().children():
        if any("RayTrainWorker" in " ".join(child.cmdline()) for child in process.children(recursive=True)):
            return process
    raise RuntimeError("there is no training node to kill")
