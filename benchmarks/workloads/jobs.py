"""Samples launched on this machine as `rayeks launch` does it, watched line by line with the time of each."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from rayeks.launching import Result, launch
from rayeks.launching.leftovers import kill, running

T = TypeVar("T")


class Watched:
    """A launch in a thread of its own, and when it said what (`time.monotonic()`). Leaving the block ends it."""

    def __init__(self, sample: str, manifest: dict[str, Any], **options: Any) -> None:
        self.lines: list[tuple[float, str]] = []
        self.said: list[str] = []
        self._results: list[Result] = []
        stack = {"workloads": {sample: {"manifest": manifest}}}

        def follow(line: str) -> None:
            self.lines.append((time.monotonic(), line))

        def run() -> None:
            told: dict[str, Any] = {"follow": follow, "progress": self.said.append, **options}
            try:
                self._results.append(launch(sample, stack, local=True, **told))
            finally:
                self._over.set()

        # Of a thread whose `join` a signal interrupts, Python 3.11 believes that it has ended.
        self._over = threading.Event()
        threading.Thread(target=run).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._over.is_set():
            kill(running())
            self._over.wait(60)

    def until(self, found: Callable[[], T], timeout_s: float = 400) -> T:
        """What `found` gives once that is anything; RuntimeError when the launch ends or the time is over before."""
        deadline = time.monotonic() + timeout_s
        while not (value := found()):
            if time.monotonic() > deadline or (self._over.is_set() and not found()):
                raise RuntimeError(f"not so in time: {self._last()}")
            time.sleep(0.1)
        return value

    def await_line(self, *texts: str, since: float = 0.0) -> float:
        """When a line with all of `texts` was first seen after `since`."""
        return self.until(
            lambda: next((at for at, line in list(self.lines) if at > since and all(text in line for text in texts)), 0)
        )

    def ended(self) -> Result:
        """Wait for the end, whatever it is; RuntimeError for a launch that raised."""
        self._over.wait(600)
        if not self._results:
            raise RuntimeError(f"the launch has no result: {self._last()}")
        return self._results[0]

    def succeeded(self) -> Result:
        """Wait for the end; RuntimeError for a job that did not succeed."""
        result = self.ended()
        if result.status != "SUCCEEDED":
            raise RuntimeError(f"the job failed: {result.message}, {self._last()}")
        return result

    def _last(self) -> tuple[list[tuple[float, str]], list[str]]:
        return self.lines[-5:], self.said[-5:]
