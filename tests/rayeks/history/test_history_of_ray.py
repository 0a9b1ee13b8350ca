"""The history of a real Ray cluster that is gone, read from an S3 to which its files went as fluent-bit lays them out.

No fluent-bit runs here: what is sent, and under which name, is read from the very settings that the stack gives it.
"""

import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from infra import contract, logs
from rayeks.cli import history as cli
from rayeks.cli.app import app
from rayeks.history import Source, read
from rayeks.launching import nodes
from rayeks.launching.shape import Node, Shape

pytestmark = pytest.mark.ray

NAMESPACE, CLUSTER = "ray-research", "train-fghij"
PODS = {0: f"{CLUSTER}-head-abcde", 1: f"{CLUSTER}-cpu-worker-klmno"}
SOURCE = Source("logs", "ray-test")
JOB = """
import os, sys, ray
ray.init()

@ray.remote(max_retries=0)
def clean(row):
    if row > 1:
        raise ValueError("no such column: price")
    return row

@ray.remote
class Scorer:
    def __init__(self, path):
        if not path:
            raise RuntimeError("cannot open the model")
    def score(self):
        return 1
    def crash(self):
        os._exit(7)

for row in range(4):
    try:
        ray.get(clean.remote(row))
    except ValueError:
        pass
for actor in (Scorer.remote(""), Scorer.options(name="scorer").remote("model")):
    try:
        ray.get(actor.score.remote())
        ray.get(actor.crash.remote())
    except ray.exceptions.RayActorError:
        pass
gone = Scorer.remote("model")
ray.get(gone.score.remote())
del gone
sys.exit(int(sys.argv[1]))
"""


class Ray:
    """A cluster of two nodes that writes what the stack has clusters write."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "job.py"
        self.script.write_text(JOB)
        health = {"RAY_health_check_initial_delay_ms": "500", "RAY_health_check_period_ms": "500"}
        shape = Shape((Node("headgroup", 2), Node("cpu", 1)), ())
        self.cluster = nodes.start(shape, {**logs.events(tasks=True), **health}, auth=False, progress=print)

    def asked(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The Jobs API's answer."""
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.cluster.dashboard}/api/{path}", data=data)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())

    def run(self, name: str, code: int) -> None:
        """Submit the job under this id, and wait for its end."""
        entrypoint = f"{sys.executable} {self.script} {code}"
        self.asked("jobs/", {"entrypoint": entrypoint, "submission_id": name})
        self.until(lambda: self.asked(f"jobs/{name}")["status"] in ("SUCCEEDED", "FAILED"), f"{name} never ended")

    def until(self, done: Any, what: str) -> None:
        """Wait for something that this cluster does in its own time."""
        deadline = time.monotonic() + 120
        while not done():
            assert time.monotonic() < deadline, what
            time.sleep(0.3)

    def files(self, index: int) -> list[Path]:
        """The event files of a node."""
        return sorted(self.cluster.folder.glob(f"{index}/session_2*/logs/export_events/*.log"))


def shipped(pod: str, file: Path) -> str | None:
    """The name of the object that fluent-bit would make of a pod's file; nothing where it would not read it."""
    path = f"/var/lib/kubelet/pods/5f0c/volumes/kubernetes.io~empty-dir/{contract.RAY_LOGS}/{NAMESPACE}_{pod}/"
    path += str(file).split("/", file.parts.index("logs") - 1)[-1]
    paths = re.findall(r"Path (\S+)", logs.inputs())[1].split(",")
    if not any(fnmatch(path, pattern) for pattern in paths):
        return None
    found = re.search(re.findall(r"Tag_Regex (\S+)", logs.inputs())[1].replace("(?<", "(?P<"), path)
    assert found, path
    tag = re.findall(r"Tag (ray\S+)", logs.inputs())[0]
    for name, value in found.groupdict().items():
        tag = tag.replace(f"<{name}>", value)
    output = logs.outputs({"bucket": SOURCE.bucket, "region": "us-east-1"}, cluster=SOURCE.stack)
    key = next(each for each in re.findall(r"s3_key_format (\S+)", output) if "/ray/" in each)
    key = re.sub(r"\$TAG\[(\d)\]", lambda match: tag.split(".")[int(match[1])], key)
    return datetime.now(UTC).strftime(key.replace("$UUID", os.urandom(4).hex())).lstrip("/")


@pytest.fixture(scope="module")
def s3() -> Generator[Any]:
    """A client of an S3 with the bucket of logs."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **keys)
    client.create_bucket(Bucket=SOURCE.bucket)
    yield client
    server.stop()


@pytest.fixture(scope="module")
def gone(s3: Any) -> Generator[Any]:
    """The S3 after a cluster ran two jobs, lost its worker, and went itself."""
    home = Path(tempfile.mkdtemp(prefix="rx-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(home))
        ray = Ray(home)
        try:
            ray.run("clean-1", 0)
            ray.run("train-2", 3)
            nodes.end(ray.cluster.members[1].process)
            ray.until(
                lambda: any('"DEAD"' in file.read_text() for file in ray.files(0) if "NODE" in file.name), "alive"
            )
        finally:
            nodes.stop(ray.cluster)
        sent = 0
        for index, pod in PODS.items():
            for file in ray.files(index):
                if key := shipped(pod, file):
                    records = [
                        json.dumps({"date": 1.0, "log": line, "node": "n"})
                        for line in file.read_text().split("\n")[:-1]
                    ]
                    s3.put_object(Bucket=SOURCE.bucket, Key=key, Body=gzip.compress("\n".join(records).encode()))
                    sent += 1
        assert sent > 4
    yield s3
    shutil.rmtree(home)


def today() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def test_the_jobs_of_a_cluster_that_is_gone_are_told_with_how_they_ended(gone: Any) -> None:
    [cluster] = read(gone, SOURCE, since=today()).clusters
    assert (cluster.namespace, cluster.name) == (NAMESPACE, CLUSTER)
    first, second = cluster.jobs
    assert (first.id, first.status, second.id, second.status) == ("clean-1", "SUCCEEDED", "train-2", "FAILED")
    assert first.seconds and 0 < first.seconds < 120
    assert first.started and first.ended and second.started and first.ended <= second.started
    assert second.message == "Job entrypoint command failed with exit code 3"
    assert cluster.started <= first.started <= second.started <= cluster.heard + 1


def test_nodes_that_came_and_went_are_told_with_the_reason(gone: Any) -> None:
    [cluster] = read(gone, SOURCE, since=today()).clusters
    head, worker = sorted(cluster.nodes, key=lambda node: not node.head)
    assert head.head and head.ended is None
    assert not worker.head and worker.started and worker.ended and worker.ended > worker.started
    assert worker.reason
    assert head.address != worker.address


def test_what_failed_is_told_by_name_with_its_error_and_what_ended_as_meant_is_not(gone: Any) -> None:
    [cluster] = read(gone, SOURCE, since=today()).clusters
    for job in ("clean-1", "train-2"):
        failed = {(one.what, one.count): one.error for one in cluster.failures if one.job == job}
        assert failed["task clean", 2] == "ValueError: no such column: price"
        assert failed["actor Scorer", 1] == "RuntimeError: cannot open the model"
        assert failed["actor Scorer scorer", 1] == "The actor is dead because its worker process has died"
        assert sum(count for what, count in failed if what.startswith("actor")) == 2, "the third was let go"
    assert not any("JobSupervisor" in one.what for one in cluster.failures)


def test_where_the_logs_lie_is_a_prefix_of_what_is_there(gone: Any) -> None:
    [cluster] = read(gone, SOURCE, since=today()).clusters
    assert len(cluster.logs) == 2
    for place in cluster.logs:
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        assert gone.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] > 0


def test_days_before_those_that_are_asked_for_are_left_out(gone: Any) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    assert read(gone, SOURCE, since=tomorrow).clusters == ()
    assert read(gone, SOURCE, since=today(), namespace="ray-others").clusters == ()


def test_the_command_finds_it_by_the_rayjob_or_the_job_and_knows_nothing_of_others(
    gone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"logs": {"bucket": SOURCE.bucket, "prefix": SOURCE.stack}, "namespaces": {"research": NAMESPACE}}
    monkeypatch.setattr(cli, "outputs_of", lambda stack: outputs)
    monkeypatch.setattr(cli, "_s3", lambda stack, outputs: gone)
    for name in ("train", CLUSTER, "clean-1"):
        answer = CliRunner().invoke(app, ["history", name, "--stack", "dev", "--json"])
        assert answer.exit_code == 0, answer.output
        [cluster] = json.loads(answer.stdout)["clusters"]
        assert [job["status"] for job in cluster["jobs"]] == ["SUCCEEDED", "FAILED"]
    shown = CliRunner().invoke(app, ["history", "--stack", "dev", "--team", "research"]).output
    for words in (CLUSTER, "clean-1", "FAILED", "exit code 3", "no such column: price", "cannot open the model"):
        assert words in shown
    assert "could not be read" not in shown
    other = CliRunner().invoke(app, ["history", "trainer", "--stack", "dev"])
    assert other.exit_code and "no Ray cluster or job 'trainer'" in str(other.exception)
