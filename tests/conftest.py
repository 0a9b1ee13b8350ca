"""What every test may use: a home that is not the checkout's, and one real Kubernetes for the whole run."""

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# A shell starts background jobs with SIGINT ignored, and their children inherit it: tests of Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from local.kubernetes import Kubernetes


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A home of the run's own, so that no test touches the servers or the state of the person who runs it."""
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(path))
        yield path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one test's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("RAYEKS_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def kubernetes(session_home: Path, request: pytest.FixtureRequest) -> Generator["Kubernetes"]:
    """A started Kubernetes, shared by all tests: make a namespace for what you create, and expect others'."""
    from local import kubernetes

    assert os.environ["RAYEKS_HOME"] == str(session_home)
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def progress(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(line, flush=True)

    try:
        yield kubernetes.start(progress=progress)
    finally:
        os.environ["RAYEKS_HOME"] = str(session_home)
        kubernetes.stop()
