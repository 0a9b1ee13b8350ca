"""Daemons, tried with small real ones: a web server, one that dies, one that will not stop, one with a child."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from local import ports, services
from local.ports import claim_port
from local.services import Service
from rayeks.errors import UserError

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "


@pytest.fixture(autouse=True)
def _stopped(home: Path) -> Generator[None]:
    yield
    os.environ["RAYEKS_HOME"] = str(home)
    for known in services.recorded():
        services.stop(known.name, grace_s=0.1)


def answers(port: int, timeout_s: float = 5.0) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=timeout_s):
                return True
        except OSError:
            return False

    return ready


def web(port: int, *more: str) -> Service:
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", *more, str(port)]
    return Service("web", argv, answers(port), port)


def script(code: str, ready: Callable[[], bool] = lambda: True, timeout_s: float = 10.0) -> Service:
    return Service("script", [sys.executable, "-c", code], ready, timeout_s=timeout_s)


def silent(_line: str) -> None: ...


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.01)


def test_a_second_start_keeps_the_daemon_that_runs():
    service = web(claim_port("web"))
    first = services.start(service)
    second = services.start(service)
    assert (first.pid, first.started, second.started) == (second.pid, True, False)
    assert services.running("web") == second


def test_other_arguments_start_the_daemon_again(home: Path):
    port, said = claim_port("web"), []
    first = services.start(web(port))
    second = services.start(web(port, "--directory", str(home)), progress=said.append)
    assert first.pid != second.pid and not first.alive
    assert "arguments changed" in said[0]


def test_a_daemon_that_was_killed_is_noticed_and_started_again():
    service, said = web(claim_port("web")), []
    first = services.start(service)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not first.alive)
    assert services.running("web") is None
    assert services.start(service, progress=said.append).pid != first.pid
    assert f"pid {first.pid}) had died" in said[0]


def test_the_log_of_the_run_that_died_is_kept():
    service = script("print('last words', flush=True); import time; time.sleep(60)")
    first = services.start(service)
    until(lambda: "last words" in first.log.read_text())
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not first.alive)
    services.start(service, progress=silent)
    assert "last words" in first.log.with_name("script.log.1").read_text()


def test_stop_ends_the_daemon_and_is_no_error_when_repeated():
    running = services.start(web(claim_port("web")))
    assert services.stop("web") is True
    assert not running.alive and services.recorded() == []
    assert services.stop("web") is False


def test_stop_kills_a_daemon_that_ignores_the_polite_signal():
    running = services.start(script(DEAF))
    until(lambda: "deaf" in running.log.read_text())
    services.stop("script", grace_s=0.2)
    assert not running.alive


def test_stop_ends_the_children_too_even_of_a_parent_that_died():
    running = services.start(script(PARENT + "time.sleep(60)"))
    until(lambda: bool(children(running.pid)))
    [child] = children(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not running.alive)
    assert child.is_running()
    services.stop("script")
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_later_process_with_the_recorded_id_is_not_touched(home: Path):
    """The record names a process that lives but began at another time, as after a reboot."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        try:
            running = services.start(script("import time; time.sleep(60)"))
            services.stop("script")
            record = asdict(running) | {"pid": stranger.pid, "create_time": running.create_time - 1e6}
            del record["started"]
            (home / "run" / "script.json").write_text(json.dumps(record, default=str))
            assert services.running("script") is None
            assert services.stop("script") is False
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_stranger_on_the_port_is_named_and_left_alone():
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} for web is taken by pid {os.getpid()}") as caught:
            services.start(web(port))
    assert caught.value.fix and services.recorded() == []


def test_a_stranger_that_answers_in_the_daemon_s_place_is_not_taken_for_it():
    """The daemon lives but listens nowhere, while a stranger takes its port just after it was found free."""
    port = claim_port("script")
    with socket.socket() as stranger:

        def ready() -> bool:
            if stranger.getsockname()[1] == 0:
                stranger.bind(("127.0.0.1", port))
                stranger.listen()
            return True

        service = Service("script", [sys.executable, "-c", "import time; time.sleep(60)"], ready, port, timeout_s=0.5)
        with pytest.raises(UserError, match="was not ready within"):
            services.start(service)


def test_a_daemon_without_its_record_is_known_and_replaced(home: Path):
    service, said = web(claim_port("web")), []
    first = services.start(service)
    (home / "run" / "web.json").unlink()
    assert claim_port("web") == service.port
    second = services.start(service, progress=said.append)
    assert not first.alive and second.alive
    assert "without a record" in said[0]


def test_a_daemon_that_ends_by_itself_is_an_error_with_its_last_words():
    with pytest.raises(UserError, match=r"ended by itself.*\n.*no such bucket") as caught:
        services.start(script("import sys; sys.exit('no such bucket')", ready=lambda: False))
    assert "script.log" in str(caught.value.fix)


def test_a_daemon_that_is_never_ready_is_stopped():
    seen: set[services.Running | None] = set()

    def never() -> bool:
        seen.add(services.running("script"))
        return False

    with pytest.raises(UserError, match="was not ready within 0 s"):
        services.start(script("import time; time.sleep(60)", ready=never, timeout_s=0.2))
    [running] = seen
    assert running and not running.alive and services.recorded() == []


def test_a_daemon_that_lives_but_no_longer_answers_is_started_again():
    service, said = replace(web(claim_port("web")), timeout_s=3.0), []
    first = services.start(service)
    os.kill(first.pid, signal.SIGSTOP)
    second = services.start(replace(service, ready=answers(service.port or 0, 0.2)), progress=said.append)
    assert second.alive and second.started and not first.alive
    assert "was not ready within 3 s" in said[0]


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"script cannot be started.*/nowhere/server"):
        services.start(Service("script", ["/nowhere/server"], lambda: True))


def test_an_interrupt_while_waiting_stops_what_was_started():
    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.start(script("import time; time.sleep(60)", ready=interrupted))
    assert services.recorded() == []


def test_an_interrupt_that_comes_while_the_process_is_made_is_heard_after_it_is_on_record(
    monkeypatch: pytest.MonkeyPatch,
):
    made, popen = [], subprocess.Popen

    def interrupted_popen(*args, **kwargs):
        made.append(popen(*args, **kwargs))
        signal.raise_signal(signal.SIGINT)
        return made[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted_popen)
    with pytest.raises(KeyboardInterrupt):
        services.start(script("import time; time.sleep(60)"))
    assert made[0].wait(10) != 0 and services.recorded() == []


def test_when_one_of_several_fails_those_that_were_started_are_stopped_and_those_that_ran_are_kept():
    old = services.start(web(claim_port("web")))
    new = Service("new", [sys.executable, "-c", "import time; time.sleep(60)"], lambda: True)
    with pytest.raises(UserError, match="script ended by itself"):
        services.start_all([web(claim_port("web")), new, script("", ready=lambda: False)])
    assert [known.name for known in services.recorded()] == ["web"] and old.alive


@pytest.mark.parametrize(("arguments", "freed"), [([], True), (["python", "-m", "http.server"], False)])
def test_a_port_is_waited_for_while_its_holder_is_ending_and_never_for_one_that_lives(
    arguments: list[str], freed: bool, monkeypatch: pytest.MonkeyPatch
):
    """A process whose memory goes still has its sockets, and no arguments any more."""
    answers = iter([False, False, True])
    monkeypatch.setattr(ports, "is_free", lambda port: next(answers))
    monkeypatch.setattr(ports, "holder", lambda port: SimpleNamespace(cmdline=lambda: arguments))
    assert ports.is_freed(25_000) is freed


def test_two_starts_at_once_make_one_daemon():
    service, pids = web(claim_port("web")), []
    threads = [threading.Thread(target=lambda: pids.append(services.start(service).pid)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 4 and len(set(pids)) == 1


def test_the_environment_of_a_service_is_added_to_the_caller_s(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FROM_CALLER", "a")
    code = "import os, time; print(os.environ['FROM_CALLER'] + os.environ['OWN'], flush=True); time.sleep(60)"
    running = services.start(
        Service("script", [sys.executable, "-c", code], lambda: True, env={"OWN": "b"}, timeout_s=5.0)
    )
    until(lambda: "ab" in running.log.read_text())


def test_a_broken_record_names_its_file(home: Path):
    services.start(script("import time; time.sleep(60)"))
    record = home / "run" / "script.json"
    whole = record.read_text()
    record.write_text("{")
    with pytest.raises(UserError, match=r"script\.json is not a record"):
        services.running("script")
    record.write_text(whole)


def test_a_port_is_remembered_by_name_and_lies_below_the_outgoing_range():
    first, other = claim_port("a"), claim_port("b")
    assert (claim_port("a"), claim_port("b")) == (first, other)
    assert first != other and 1024 < first < 32768


def test_a_wanted_port_is_taken_and_remembered():
    free = claim_port("a")
    assert claim_port("b", free - 1) == free - 1
    assert claim_port("b") == free - 1


@pytest.mark.parametrize("remembered", [True, False])
def test_a_port_that_a_stranger_holds_is_refused_with_his_id(remembered: bool, home: Path):
    port = claim_port("a")
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(UserError, match=rf"port {port} for \w is taken by pid {os.getpid()}") as caught:
            claim_port("a") if remembered else claim_port("b", port)
        assert caught.value.fix and str(home / "ports.json") in caught.value.fix


@pytest.mark.parametrize("wanted", [0, -1, 70_000])
def test_a_number_that_is_no_port_is_refused(wanted: int):
    with pytest.raises(UserError, match="is not a port"):
        claim_port("a", wanted)
