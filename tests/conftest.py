"""What every test may use: a home that is not the checkout's, and one real Kubernetes for the whole run."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# A shell starts background jobs with SIGINT ignored, and their children inherit it: tests of Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from local.kubernetes import Kubernetes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with engines, servers or Ray first, or the run ends with one process in a long file and the others idle."""
    long = {item.path for item in items if item.get_closest_marker("engine") or item.get_closest_marker("ray")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A home of the run's own, so that no test touches the servers or the state of the person who runs it."""
    path = tmp_path_factory.mktemp("home")
    with at_home(path):
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
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def progress(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(line, flush=True)

    yield from of_its_own(session_home, progress)


def of_its_own(home: Path, progress: Callable[[str], None]) -> Generator["Kubernetes"]:
    """A Kubernetes in a home of its own; the tests between start and stop keep the home that they have."""
    from local import kubernetes

    with at_home(home):
        started = kubernetes.start(progress=progress)
    try:
        yield started
    finally:
        with at_home(home):
            kubernetes.stop()


@contextmanager
def taken_down() -> Generator[None]:
    """The stack `local` goes at the end with whatever a failed test left of it, and so do its servers."""
    from rich.console import Console

    from local import services
    from rayeks.engine.down import down

    try:
        yield
    finally:
        try:
            down(Console(width=160), force=True)
        finally:
            for service in services.recorded():
                services.stop(service.name)


@contextmanager
def at_home(path: Path) -> Generator[None]:
    """Another home for as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(path))
        yield
