"""Batch inference through what a cloud does to it: rows out are rows in, and only what was not sealed is done anew."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import psutil
import pytest

from benchmarks.workloads.jobs import Watched
from rayeks.launching import Result
from rayeks.launching.leftovers import kill
from workloads.data import spec
from workloads.data.generate import write_file
from workloads.manifests import ray_job

pytestmark = [pytest.mark.ray, pytest.mark.slow]

FILES, GROUPS, ROWS, MALFORMED = 40, 4, 16_000, 9
UNITS = FILES * GROUPS
Processes = Callable[[], list[psutil.Process]]
Start = Callable[[], Watched]


class Bucket:
    """The bucket of the test, which counts how often each object was written."""

    def __init__(self, env: dict[str, str]) -> None:
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=env["AWS_ENDPOINT_URL"],
            region_name=env["AWS_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        )
        self._s3.put_bucket_versioning(Bucket="runs", VersioningConfiguration={"Status": "Enabled"})

    def writes(self, folder: str) -> Counter[str]:
        """Unit → how often a file of it was written."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket="runs", Prefix=f"scored/{folder}/")
        found = [entry["Key"] for page in pages for entry in page.get("Versions", [])]
        return Counter(key.rsplit("/", 1)[1].partition(".")[0] for key in found)


@pytest.fixture
def bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket with an input."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    for index in range(FILES):
        write_file("s3://runs/raw", index, ROWS, FILES, GROUPS, MALFORMED)
    return Bucket(s3)


@pytest.fixture
def start(watch: Callable[..., Watched], bucket: Bucket) -> Start:
    """Start the job."""
    job = spec.job(
        namespace="ray-a",
        input_uri="s3://runs/raw",
        output_uri="s3://runs/scored",
        models_uri="s3://runs/models",
        image="ray",
        team="a",
        env={"DATA_PROFILE": "local"},
    )
    return lambda: watch("data", ray_job(job))


def units(result: Result) -> list[str]:
    return [row["unit"] for row in result.rows if "unit" in row]


def assert_whole(result: Result) -> None:
    assert result.status == "SUCCEEDED", result
    final = result.final
    assert (final["units"], final["rows_in"], final["quarantined"]) == (UNITS, ROWS, MALFORMED)
    assert final["rows_out"] == ROWS - MALFORMED
    assert final["accuracy"] > 0.85


def test_a_killed_node_costs_the_units_that_it_held(
    start: Start, bucket: Bucket, ray_processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    run.until(lambda: len(bucket.writes("_seals")) >= 10)
    node = next(p for p in ray_processes() if any(part.startswith("--address=") for part in p.cmdline()))
    kill([node])
    result = run.ended()
    assert_whole(result)
    assert any("another takes its place" in line for line in run.said)
    assert sorted(units(result)) == sorted(set(units(result)))
    assert len(units(result)) == UNITS
    again = sum(bucket.writes("parts").values()) - UNITS
    with capsys.disabled():
        print(f"\nkilled node: {again} of {UNITS} units written again, {result.final['seconds']} s")
    assert again <= 4


def test_a_killed_driver_is_followed_by_a_run_that_does_the_rest(
    start: Start, bucket: Bucket, ray_processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    first = start()
    first.until(lambda: len(bucket.writes("_seals")) >= 10)
    (driver,) = (process for process in ray_processes() if "workloads.data" in process.cmdline())
    os.kill(driver.pid, signal.SIGKILL)
    assert first.ended().status == "FAILED"
    sealed = set(bucket.writes("_seals"))
    assert 10 <= len(sealed) < UNITS, (sealed, first.lines)
    second = start().ended()
    assert_whole(second)
    assert not sealed & set(units(second))
    assert sealed | set(units(second)) == set(bucket.writes("_seals"))
    again = sum(bucket.writes("parts").values()) - UNITS
    with capsys.disabled():
        print(f"\nkilled driver: {len(sealed)} units kept, {len(units(second))} done after, {again} written again")
    assert again <= 4
    third = start().ended()
    assert_whole(third)
    assert units(third) == []
