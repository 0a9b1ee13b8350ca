"""Ray's events read as a history: whose pods are whose, what of an error is told, and what cannot be read."""

import gzip
import json
from datetime import date
from typing import Any

import pytest

from rayeks.cli import history as cli
from rayeks.errors import UserError
from rayeks.history import Source, read
from rayeks.history.events import cluster_of, history, reason

HEADS = ["train-head-aaaaa", "train-cpu-head", "serve-x2z9q-head-ccccc"]


@pytest.mark.parametrize(
    ("pod", "cluster"),
    [
        ("train-head-aaaaa", "train"),
        ("train-small-worker-12345", "train"),
        ("train-cpu-head", "train-cpu"),
        ("train-cpu-small-worker-12345", "train-cpu"),
        ("serve-x2z9q-gpu-worker-12345", "serve-x2z9q"),
        ("serve-other-gpu-worker-12345", None),
    ],
)
def test_a_pod_is_of_the_cluster_with_the_longest_name_that_fits(pod: str, cluster: str | None) -> None:
    assert cluster_of(pod, HEADS) == cluster


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("User exception:\n\x1b[36mray::f()\x1b[39m (pid=1)\n  File x\nKeyError: 'price'", "KeyError: 'price'"),
        (
            "The actor is dead because its node has died. Node Id: 12\nmore",
            "The actor is dead because its node has died",
        ),
        ("OOM_KILLED", "OOM_KILLED"),
        ("", "no reason given"),
    ],
)
def test_of_an_error_the_line_that_says_it_is_told(text: str, told: str) -> None:
    assert reason(text) == told


def event(number: int, kind: str, **data: Any) -> dict[str, Any]:
    return {"event_id": str(number), "timestamp": 1000 + number, "source_type": kind, "event_data": data}


def submitted(number: int, status: str, **data: Any) -> dict[str, Any]:
    return event(number, "EXPORT_SUBMISSION_JOB", submission_job_id="a", status=status, **data)


def test_events_count_once_and_in_their_order_however_they_arrive() -> None:
    told = [
        submitted(3, "FAILED", end_time="9000", message="failed with exit code 3, last available logs (…):\nsecret"),
        submitted(1, "PENDING", start_time="5000", entrypoint="python x.py"),
        submitted(2, "RUNNING"),
        submitted(1, "PENDING", start_time="5000", entrypoint="python x.py"),
    ]
    cluster = history("ray-a", "train", told, ["s3://b/"])
    [job] = cluster.jobs
    assert (job.status, job.seconds, job.entrypoint, job.message) == (
        "FAILED",
        4.0,
        "python x.py",
        "failed with exit code 3",
    )
    assert (cluster.started, cluster.heard) == (1001, 1003)


def test_a_driver_that_nobody_submitted_is_a_job_of_its_own() -> None:
    told = [
        event(2, "EXPORT_DRIVER_JOB", job_id="AgAAAA==", entrypoint="ipython", config={}, start_time="1000"),
        event(3, "EXPORT_DRIVER_JOB", job_id="AwAAAA==", config={"metadata": {"job_submission_id": "a"}}),
    ]
    [job] = history("ray-a", "train", told, []).jobs
    assert (job.id, job.status, job.ended) == ("02000000", "RUNNING", None)


class Bucket:
    """An S3 of one object, as its client answers."""

    def __init__(self, key: str, body: bytes) -> None:
        self.key, self.body = key, body

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> list[dict[str, Any]]:  # noqa: N803
        if not self.key.startswith(Prefix):
            return [{}]
        rest = self.key.removeprefix(Prefix)
        return [
            {"CommonPrefixes": [{"Prefix": f"{Prefix}{rest.split('/')[0]}/"}]}
            if Delimiter
            else {"Contents": [{"Key": self.key}]}
        ]

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"Body": self}

    def read(self) -> bytes:
        return self.body


def test_a_line_that_was_cut_off_is_counted_and_hides_nothing_else() -> None:
    lines = [json.dumps(submitted(1, "RUNNING")), json.dumps(submitted(2, "SUCCEEDED"))[:-20]]
    body = gzip.compress("\n".join(json.dumps({"log": line}) for line in lines).encode())
    key = "ray-dev/ray/ray-a/train-head-abcde/event_EXPORT_SUBMISSION_JOB/2026-11-23/10-00-00-x.gz"
    found = read(Bucket(key, body), Source("logs", "ray-dev"), since=date(2026, 11, 1))
    assert found.unread == 1
    assert found.clusters[0].jobs[0].status == "RUNNING"


def test_a_stack_without_logs_is_told_what_to_add() -> None:
    with pytest.raises(UserError, match="the stack dev ships no logs"):
        cli.source_of("dev", {"cluster": "ray-dev"})
