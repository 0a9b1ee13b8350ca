"""One command at a time changes a stack, and a dead one holds nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rayeks.engine.lock import exclusive
from rayeks.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from rayeks.engine.lock import exclusive
with exclusive(Path(sys.argv[1]), "rayeks up local"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_command_is_told_which_one_runs_and_since_when(holder, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused, exclusive(tmp_path / "lock", "rayeks down local"):
        pytest.fail("the lock was given twice")
    assert f"`rayeks up local` is running (pid {holder.pid}, since " in refused.value.message
    assert refused.value.fix


def test_a_killed_command_holds_nothing(holder, tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with exclusive(tmp_path / "lock", "rayeks up local"):
        assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()


def test_a_command_that_failed_leaves_the_lock_to_the_next(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "lock", "rayeks up local"):
        raise ZeroDivisionError
    with exclusive(tmp_path / "lock", "rayeks down local"):
        pass


def test_children_of_a_command_do_not_inherit_its_lock(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock", "rayeks up local"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with exclusive(tmp_path / "lock", "rayeks down local"):
            pass
    finally:
        child.kill()
        child.wait()
