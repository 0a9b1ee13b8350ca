"""What the local stack costs on the real engine, beside the same program on providers that do nothing."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pulumi.automation import Stack

import benchmarks.echo
from benchmarks.measure import Row, timed
from local import aws, toolchain
from local.home import home
from rayeks.engine import servers
from rayeks.engine.workspace import environment, open_engine

ECHO = Path(benchmarks.echo.__file__).parent / "bin"
QUIET: dict[str, Any] = {"color": "never", "suppress_outputs": True, "suppress_progress": True}


def rows() -> Iterator[Row]:
    """Each kind of run, once to create and destroy, the better of two where nothing changes."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAYEKS_HOME"] = folder
        began = timed(lambda: servers.start(print))
        try:
            yield Row("start of the local AWS and Kubernetes", began, "s", bound=30)
            running = servers.start(print)
            local = environment(aws.environment(running.aws.endpoint), running.kubernetes.kubeconfig)
            real = _times(local, f"{folder}/real")
            echo = _times(local | {"PATH": f"{ECHO}{os.pathsep}{local['PATH']}"}, f"{folder}/echo")
        finally:
            os.environ["RAYEKS_HOME"] = folder
            servers.stop()
    for what, seconds in real.items():
        yield Row(what, seconds, "s", "the same program on echo providers", echo[what])


def _times(env: dict[str, str], folder: str) -> dict[str, float]:
    os.environ["RAYEKS_HOME"] = folder  # a state of its own, on the same servers
    env = env | {"PULUMI_BACKEND_URL": f"file://{home()}", "PULUMI_HOME": f"{folder}/pulumi"}
    stack: Stack = open_engine(toolchain.tool("pulumi"), env).stack
    try:
        return {
            "up, from nothing": timed(lambda: stack.up(**QUIET)),
            "up, no changes": min(timed(lambda: stack.up(**QUIET)) for _ in range(2)),
            "preview, no changes": min(timed(lambda: stack.preview(**QUIET)) for _ in range(2)),
            "destroy": timed(lambda: stack.destroy(run_program=False, **QUIET)),
        }
    except BaseException:
        stack.destroy(run_program=False, **QUIET)
        raise
