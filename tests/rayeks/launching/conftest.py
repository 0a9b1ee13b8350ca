"""A stack's outputs as a launch reads them, and an S3 that is a moto server."""

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from moto.server import ThreadedMotoServer

from benchmarks.workloads.jobs import Watched
from rayeks.launching.leftovers import running
from workloads.manifests import ray_job
from workloads.spec import Resources
from workloads.train import spec

Outputs = dict[str, Any]


@pytest.fixture
def outputs() -> Callable[..., Outputs]:
    """`outputs(entrypoint=…, **spec)`: what a stack with the training sample says of itself."""

    def make(entrypoint: str | None = None, **changes: Any) -> Outputs:
        usual: dict[str, Any] = {
            "namespace": "ray-research",
            "bucket_uri": "s3://runs/ray-research/train",
            "image": "ray",
            "team": "research",
            "worker": Resources(cpu=1, memory_gib=2),
        }
        manifest = ray_job(spec.job(**usual | changes))
        if entrypoint:
            manifest["spec"]["entrypoint"] = entrypoint
        return {"workloads": {"train": {"manifest": manifest, "launch": "rayeks launch train"}}}

    return make


@pytest.fixture
def short_home(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A home whose path leaves room for Ray's sockets; nothing of it runs afterwards."""
    path = Path(tempfile.mkdtemp(prefix="rx-"))
    monkeypatch.setenv("RAYEKS_HOME", str(path))
    yield path
    left = running()
    for process in left:
        process.kill()
    shutil.rmtree(path)
    assert left == []


@pytest.fixture
def ray_processes() -> Callable[[], list[psutil.Process]]:
    """The processes of launches of this test's home, now."""
    return running


@pytest.fixture
def s3() -> Generator[dict[str, str]]:
    """The environment that leads to an S3 with one bucket, `runs`."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    client(env).create_bucket(Bucket="runs")
    yield env
    server.stop()


@pytest.fixture
def watch(s3: dict[str, str], short_home: Path) -> Generator[Callable[..., Watched]]:
    """`watch(sample, manifest, **options)`: launch it on this machine against that S3, in a thread of its own."""
    with ExitStack() as runs:
        yield lambda sample, manifest, **options: runs.enter_context(Watched(sample, manifest, env=s3, **options))


def client(env: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def keys(s3: dict[str, str]) -> Callable[[str], list[str]]:
    """The keys of the bucket `runs` under a prefix."""

    def under(prefix: str) -> list[str]:
        listed = client(s3).list_objects_v2(Bucket="runs", Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    return under
