"""A load generator that keeps a number of requests in flight and tells each one's fate; no retries."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from workloads import digits


@dataclass
class Fates:
    """What became of every request: (start, seconds, outcome), where outcome is an HTTP status or an error's name."""

    all: list[tuple[float, float, str]] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    correct: int = 0

    def between(self, start: float, end: float) -> "Fates":
        """The requests that began within a span of `time.monotonic()`."""
        return Fates([fate for fate in self.all if start <= fate[0] < end])

    def failed(self) -> Counter[str]:
        """Outcomes other than 200, counted."""
        return Counter(outcome for _, _, outcome in self.all if outcome != "200")

    def percentile(self, share: float) -> float:
        """Seconds within which that share of the answered requests were answered; NaN without any."""
        times: Sequence[float] = sorted(seconds for _, seconds, outcome in self.all if outcome == "200")
        return times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")


async def load(url: str, *, concurrency: int, until: asyncio.Event, fates: Fates, tenants: Sequence[str] = ()) -> None:
    """Ask `url` with `concurrency` requests in flight until the event is set; every answer is checked."""
    _, held_out = digits.split()
    bodies = [
        json.dumps(
            {"pixels": (image * 16).tolist(), **({"tenant": tenants[row % len(tenants)]} if tenants else {})}
        ).encode()
        for row, image in enumerate(held_out.images)
    ]
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def one(first: int) -> None:
            row = first
            while not until.is_set():
                row = (row + 7) % len(bodies)
                began = time.monotonic()
                try:
                    async with session.post(f"{url}/predict", data=bodies[row], headers=headers) as response:
                        outcome = str(response.status)
                        answer: dict[str, Any] = await response.json() if response.status == 200 else {}
                except (aiohttp.ClientError, TimeoutError) as error:
                    outcome, answer = type(error).__name__, {}
                fates.all.append((began, time.monotonic() - began, outcome))
                if answer:
                    fates.models[answer["model"]] += 1
                    fates.correct += answer["digit"] == held_out.labels[row]

        await asyncio.gather(*(one(first) for first in range(concurrency)))
