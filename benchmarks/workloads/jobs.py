"""Samples launched on this machine as `rayeks launch` does it, watched line by line with the time of each."""

import threading
import time
from typing import Any, Self

import psutil

from rayeks.launching import Result, launch
from rayeks.launching.leftovers import kill


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
            self._results.append(launch(sample, stack, local=True, **told))

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            kill(psutil.Process().children())
        self._thread.join()

    def await_line(self, *texts: str, since: float = 0.0, timeout_s: float = 300) -> float:
        """When a line with all of `texts` was first seen after `since`; RuntimeError when it does not come."""

        def found() -> float | None:
            lines = list(self.lines)
            return next((at for at, line in lines if at > since and all(text in line for text in texts)), None)

        deadline = time.monotonic() + timeout_s
        while (at := found()) is None:
            if time.monotonic() > deadline or not (self._thread.is_alive() or found()):
                raise RuntimeError(f"no line with {texts}: {self.lines[-5:]} {self.said[-5:]}")
            time.sleep(0.02)
        return at

    def ended(self) -> Result:
        """Wait for the end; RuntimeError for a job that did not succeed."""
        self._thread.join()
        if not self._results or self._results[0].status != "SUCCEEDED":
            raise RuntimeError(f"the job failed: {self._results} {self.lines[-5:]} {self.said[-5:]}")
        return self._results[0]
