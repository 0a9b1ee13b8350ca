"""Whatever happens to a proof, what it started is stopped, and what a killed one left is gone before the next."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from local import services
from local.home import home
from local.ports import claim_port, is_free
from local.providers.kubernetes.client import Unreachable
from local.services import Service
from rayeks.proof import run
from rayeks.proof.run import controlled, rehearsal


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    monkeypatch.setenv("RAYEKS_HOME", str(tmp_path))
    return tmp_path


def left_running() -> int:
    """A daemon in the current home, as a killed proof leaves one; its process id."""
    port = claim_port("left")
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    return services.start(Service("left", argv, lambda: not is_free(port), port), progress=lambda _: None).pid


def test_what_a_killed_rehearsal_left_is_ended_and_forgotten_before_the_next(own_home: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(own_home / "rehearsals" / "prod"))
        pid = left_running()
        (home() / "stack.json").write_text("{}")
    with rehearsal("prod"):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert home() == own_home / "rehearsals" / "prod" and not (home() / "stack.json").exists()
    assert os.environ["RAYEKS_HOME"] == str(own_home)


def test_a_rehearsal_that_fails_leaves_neither_servers_nor_files_and_gives_the_home_back(own_home: Path):
    with pytest.raises(RuntimeError), rehearsal("prod"):
        pid = left_running()
        raise RuntimeError
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not (own_home / "rehearsals" / "prod").exists() and os.environ["RAYEKS_HOME"] == str(own_home)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a proof does around its work, in order; nothing of it is really done."""
    seen: list[str] = []
    monkeypatch.setattr(run, "Cluster", lambda *_: None)
    monkeypatch.setattr(run.Told, "of", lambda _: None)
    monkeypatch.setattr(run.rest, "clear", lambda *_: seen.append("clear"))
    monkeypatch.setattr(run.controllers, "start", lambda *_: seen.append("start"))
    monkeypatch.setattr(run.controllers, "stop", lambda *_: seen.append("stop"))
    return seen


def outcome() -> Any:
    return SimpleNamespace(servers=SimpleNamespace(kubernetes=SimpleNamespace(kubeconfig=Path())))


def test_what_a_killed_proof_left_is_removed_before_the_controllers_start(events: list[str]):
    with controlled(outcome(), SimpleNamespace(region="us-west-2"), print):  # ty: ignore[invalid-argument-type]
        assert events == ["clear", "start"]
    assert events == ["clear", "start", "clear", "stop"]


def test_an_api_server_that_dies_in_the_middle_is_told_and_the_controllers_are_stopped(events: list[str]):
    with (
        pytest.raises(Unreachable),
        controlled(outcome(), SimpleNamespace(region="us-west-2"), print),  # ty: ignore[invalid-argument-type]
    ):
        raise Unreachable("the Kubernetes API server https://127.0.0.1:20001 does not answer")
    assert events == ["clear", "start", "stop"]


def test_a_controller_that_does_not_come_up_takes_the_others_down_with_it(
    events: list[str], monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(run.controllers, "start", fails)
    with (
        pytest.raises(RuntimeError),
        controlled(outcome(), SimpleNamespace(region="us-west-2"), print),  # ty: ignore[invalid-argument-type]
    ):
        pass
    assert events == ["clear", "stop"]
