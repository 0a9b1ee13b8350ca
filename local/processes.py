"""Child processes that never outlive an interrupt: every one is known before Ctrl-C can be heard."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress


@contextmanager
def hold_interrupts() -> Generator[None]:
    """Hold Ctrl-C and SIGTERM back until the block is left, so that a process started in it is on record."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield
        return
    heard: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _frame: heard.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        for number in heard:
            signal.raise_signal(number)


def heed_termination() -> None:
    """Have SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that what it started is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))


def end_group(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """Interrupt a child that leads its own process group; after `grace_s` seconds kill what is left of the group."""
    if child.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    with suppress(ProcessLookupError):  # the children of a leader that went may have stayed
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
