"""How the drills wait for what controllers bring about."""

import time
from collections.abc import Callable
from typing import Any


def until(holds: Callable[[], Any], within_s: float = 150) -> Any:
    """What `holds` answers once that is something."""
    deadline = time.monotonic() + within_s
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(1)
    return answer
