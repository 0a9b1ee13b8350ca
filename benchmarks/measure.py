"""How things are measured: fresh processes, medians, and the machine they ran on."""

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

IN_CHILD = """
import resource, sys, time
began = time.monotonic()
{}
print("\\n", time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@dataclass(frozen=True)
class Row:
    """One line of the report: what was measured, beside its baseline, and the bound that it is held to."""

    what: str
    value: float
    unit: str
    beside: str = ""
    floor: float | None = None
    bound: float | None = None
    least: bool = False
    """Whether the bound is the least that will do, instead of the most."""
    by_value: bool = False
    """Whether the bound is on the value although there is a baseline."""

    @property
    def ratio(self) -> float | None:
        """How many times the floor."""
        return self.value / self.floor if self.floor else None

    @property
    def kept(self) -> bool | None:
        """Whether the bound is kept: on the ratio where there is a floor, unless told otherwise, else on the value."""
        if self.bound is None:
            return None
        reached = self.value if self.ratio is None or self.by_value else self.ratio
        return reached >= self.bound if self.least else reached <= self.bound


def child(code: str, *arguments: str) -> tuple[float, float]:
    """Wall seconds and peak MiB that Python code takes in a process of its own, its start not counted."""
    argv = [sys.executable, "-c", IN_CHILD.format(code), *arguments]
    answer = subprocess.run(argv, capture_output=True, text=True)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    seconds, mebibytes = answer.stdout.split()[-2:]
    return float(seconds), float(mebibytes)


def interleaved(runs: int, *measures: Callable[[], Sequence[float]]) -> list[list[float]]:
    """The medians of each measure's numbers. They take turns, so that a busy moment befalls all alike."""
    seen: list[list[Sequence[float]]] = [[] for _ in measures]
    for _ in range(runs):
        for numbers, measure in zip(seen, measures, strict=True):
            numbers.append(measure())
    return [[statistics.median(column) for column in zip(*numbers, strict=True)] for numbers in seen]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds that a call takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def machine() -> str:
    """The machine in words, and how busy others keep it."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} × {model[1] if model else platform.machine()}, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
