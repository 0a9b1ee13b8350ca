"""Taking down what a stack leaves besides its resources."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from rayeks.engine.down import Outcome, down
from rayeks.launching.workspace import MARK


def test_down_ends_the_ray_of_a_launch_that_was_killed_even_where_no_stack_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYEKS_HOME", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    node = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(node, env={**os.environ, MARK: f"{tmp_path}:{gone.pid}:0.0"}) as left:
        console = Console(record=True, width=200)
        assert down(console) == Outcome(None, [])
        assert not psutil.pid_exists(left.pid)
    assert "ending its 1 processes" in console.export_text()
