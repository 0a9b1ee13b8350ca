"""The real engine on a small program and a provider that does nothing: what a run says, and what interrupts it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from rich.console import Console

import benchmarks.echo
from local import toolchain
from rayeks.engine import recovery, workspace
from rayeks.engine.session import Session
from rayeks.engine.workspace import environment, open_engine
from rayeks.errors import UserError

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi, pulumi_aws as aws
class Network(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("platform:infra:Network", name)
        below = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=below)
        for i in range(3):
            aws.ec2.Subnet(f"subnet-{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24", opts=below)
        self.register_outputs({})
Network("main")
pulumi.export("hidden", pulumi.Output.secret("open sesame"))
pulumi.export("region", pulumi.Config("aws").require("region"))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a program of four resources, whose providers are the echo provider."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: toy\nmain: stacks/\nstackConfigDir: stacks\nruntime: python\n")
    (tmp_path / "stacks" / "__main__.py").write_text(PROGRAM)
    (tmp_path / "stacks" / "Pulumi.local.yaml").write_text("config:\n  aws:region: us-west-2\n")
    monkeypatch.setattr(workspace, "root", lambda: tmp_path)
    monkeypatch.setattr(workspace, "PROVIDERS", Path(benchmarks.echo.__file__).parent / "bin")
    monkeypatch.setattr("rayeks.engine.servers.remember", lambda servers: None)
    monkeypatch.setenv("PYTHONPATH", str(Path(benchmarks.echo.__file__).parents[2]))
    return tmp_path


@pytest.fixture
def session(project: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Session]:
    """Open the stack as `rayeks up` does, but for the servers, which echo providers don't need."""

    def session(seconds: float = 0.0) -> Session:
        monkeypatch.setenv("ECHO_SECONDS", str(seconds))
        console = Console(width=200)
        recovery.clear_locks(console.print)
        recovery.await_plugins(console.print)
        engine = open_engine(toolchain.tool("pulumi"), environment({}, None))
        pending = recovery.mend(engine, console.print)
        return Session(console, SimpleNamespace(), engine, pending)  # ty: ignore[invalid-argument-type]

    return session


def up(session: Session):
    """One update."""
    return session.run(
        "up", lambda stack, progress: stack.up(on_event=progress, color="never", refresh=session.refresh or None)
    )


def when_creating(then: Callable[[psutil.Process], None]) -> threading.Thread:
    """Do something to the engine as soon as its provider has begun to create something."""

    def watch() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.05)
            pending = recovery.deployment().get("pending_operations") or []
            if any(":ec2/" in operation["resource"]["type"] for operation in pending):
                for process in psutil.Process().children():
                    with suppress(psutil.Error):
                        if "up" in process.cmdline():
                            then(process)
                            return

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_an_update_says_what_it_made_and_the_next_one_that_nothing_changed(session) -> None:
    progress, result = up(session())
    assert progress.ledger.counts() == {"created": 4}
    assert {step.component for step in progress.ledger.done} == {"Network"}
    assert result.outputs["region"].value == "us-west-2"
    progress, _ = up(session())
    assert progress.ledger.changed == []
    assert progress.ledger.counts() == {"unchanged": 4}


def test_progress_off_a_terminal_is_a_line_for_each_resource(session, capsys: pytest.CaptureFixture[str]) -> None:
    up(session())
    lines = [line for line in capsys.readouterr().out.splitlines() if " created in " in line]
    assert len(lines) == 4
    assert "Network" in lines[0] and "aws:ec2/vpc:Vpc" in lines[0]


def test_the_person_s_stack_file_is_never_touched_and_secrets_are_encrypted_in_the_state(
    session, project: Path
) -> None:
    file = project / "stacks" / "Pulumi.local.yaml"
    before = file.read_text()
    up(session())
    up(session())
    assert file.read_text() == before
    assert "open sesame" not in workspace.state_file().read_text()


def test_an_engine_that_is_killed_half_way_is_taken_up_where_it_was(session) -> None:
    killing = when_creating(lambda engine: engine.kill())
    with pytest.raises(UserError):
        up(session(seconds=2))
    killing.join()
    made = recovery.created(workspace.journal())
    operations = recovery.deployment()["pending_operations"]
    pending = {op["resource"]["urn"] for op in operations if op["resource"].get("custom")}
    assert pending and pending <= made.keys(), "what was being created has been finished, and noted"

    again = session()
    progress, _ = up(again)
    assert again.refresh
    assert progress.ledger.counts()["created"] == 4 - len(made)
    assert len(recovery.resources()) == 4
    assert not recovery.deployment().get("pending_operations")
    assert not list(workspace.home().glob("state/.pulumi/locks/**/*.json*"))


def test_ctrl_c_lets_the_engine_finish_what_is_in_flight(session, capsys: pytest.CaptureFixture[str]) -> None:
    stopping = when_creating(lambda _: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        up(session(seconds=2))
    stopping.join()
    assert "the next run goes on from there" in capsys.readouterr().out
    assert not recovery.deployment().get("pending_operations")
    assert recovery.resources(), "what was in flight is in the state"
    progress, _ = up(session())
    assert len(recovery.resources()) == 4
    assert progress.ledger.counts()["unchanged"] >= 1


def test_a_provider_leaves_with_its_engine(session) -> None:
    killing = when_creating(lambda engine: engine.kill())
    with pytest.raises(UserError):
        up(session(seconds=1))
    killing.join()
    assert [process for process in psutil.process_iter() if recovery.is_plugin(process)] == []


def test_a_mistake_that_the_program_reports_is_told_in_its_own_words(session, project: Path) -> None:
    (project / "stacks" / "__main__.py").write_text("import pulumi\nraise pulumi.RunError('two mistakes: a, b')\n")
    with pytest.raises(UserError) as told:
        up(session())
    assert str(told.value) == "two mistakes: a, b"


def test_a_failing_resource_is_named_with_the_reason_and_the_rest_is_kept(session, project: Path) -> None:
    program = PROGRAM + "\naws.ec2.Eip('bad', domain='fail', opts=pulumi.ResourceOptions(depends_on=[]))\n"
    (project / "stacks" / "__main__.py").write_text(program)
    with pytest.raises(UserError) as told:
        up(session())
    assert "aws:ec2/eip:Eip bad: asked to fail" in told.value.message
    assert "engine.log" in (told.value.fix or "")


def _lock(pid: int) -> Path:
    file = workspace.home() / "state/.pulumi/locks/organization/toy/local/some.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pid": pid, "username": "x", "hostname": "y", "timestamp": "z"}))
    return file


def test_the_lock_of_a_dead_engine_is_removed(home: Path, project: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    file = _lock(child.pid)
    recovery.clear_locks(print)
    assert not file.exists()


def test_the_lock_of_another_process_that_got_its_pid_is_removed(home: Path, project: Path) -> None:
    file = _lock(os.getpid())
    recovery.clear_locks(print)
    assert not file.exists()
