"""This computer as a launch sees it: what it can give, and how it says that the launch shall end."""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from rayeks.launching.shape import Machine


def machine() -> Machine:
    """The cores that this process may use, the NVIDIA GPUs, and the memory that is free."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])
    return Machine(cpus, gpus, psutil.virtual_memory().available)


@contextmanager
def terminable() -> Generator[None]:
    """Let SIGTERM unwind the block as Ctrl-C does, so that its `finally` clauses run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
