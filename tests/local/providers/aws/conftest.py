"""A local AWS of its own for these tests, emptied before each, and the real engine pointed at it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

REGION = "us-west-2"
TAGS = '{"tags": {"project": "trial"}}'


@dataclass
class Account:
    """The test's AWS account: `account("ec2")` is a boto3 client on it."""

    endpoint: str
    clients: dict[str, Any] = field(default_factory=dict)

    def __call__(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self.clients[service]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to take this account for AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("aws") / "server.log"
    with log.open("w") as output:
        argv = [sys.executable, "-m", "local.aws", "--port", str(port)]
        process = subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _await(endpoint, process, log)
        yield Account(endpoint)
    finally:
        process.kill()
        process.wait()


def _await(endpoint: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=5).read()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the local AWS did not start:\n{log.read_text()}") from error
            time.sleep(0.2)


@pytest.fixture
def account(server: Account) -> Account:
    """An account with nothing in it."""
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/moto-api/reset", method="POST")).read()
    return server


@pytest.fixture
def engine(account: Account, run_engine: Callable[..., Any]) -> Callable[..., Any]:
    """`engine(program)` is a stack on the empty account, with a provider-wide tag `project: trial`."""

    def start(program: Callable[[], None], **config: str) -> Any:
        settings = {"aws:region": REGION, "aws:defaultTags": TAGS, **config}
        return run_engine(program, env=account.environment, config=settings)

    return start


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """A developer's own AWS settings must not reach these tests."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    yield
    os.environ.update(kept)
