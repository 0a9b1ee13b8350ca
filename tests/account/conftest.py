"""A local AWS of its own for these tests, emptied before each, and a checkout whose stack files may be written to."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import aws
from local.home import root


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("aws") / "server.log"
    with log.open("w") as output:
        argv = [sys.executable, "-m", "local.aws", "--port", str(port)]
        process = subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while aws.boot(f"http://127.0.0.1:{port}") is None:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def cloud(endpoint: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An account with nothing in it, which this process and the engine take for AWS; the endpoint."""
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).read()
    for name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    # A settings file that is empty is said by its absence, as on a person's machine.
    for name, value in aws.environment(endpoint).items():
        if value:
            monkeypatch.setenv(name, value)
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", f"{root() / 'local/providers/bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RAYEKS_PYTHON", sys.executable)
    monkeypatch.setenv("PULUMI_HOME", str(home / "pulumi"))
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    return endpoint


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's stack files and programs, of which the stack `dev` lives in the local AWS's account."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(root() / "Pulumi.yaml", folder)
    for name in ("account", "stacks"):
        shutil.copytree(root() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = folder / name / "Pulumi.dev.yaml"
        file.write_text(file.read_text().replace("111111111111", aws.ACCOUNT))
    return folder
