"""Training runs without a cluster, and an S3 that is a moto server."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from workloads.train.driver import fit
from workloads.train.settings import PROFILES, Placement, Settings


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Train in this process and return what the run said, its last line last."""

    def run(**settings: Any) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        usual: dict[str, Any] = {"run": "one", "storage": str(tmp_path), "epochs": 3}
        fit(Settings(**usual | settings), PROFILES["local"], Placement(workers=0), said.append)
        return said

    return run


@pytest.fixture(scope="session")
def s3_endpoint() -> Generator[str]:
    """The address of an S3 with one bucket, `runs`."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket="runs")
    yield endpoint
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, as the environment of a pod tells it. Returns the endpoint."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return s3_endpoint
