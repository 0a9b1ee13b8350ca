"""How a sample's driver tells what happens: rows, each one JSON object on a line of its log."""

import json
from collections.abc import Callable
from typing import Any

Say = Callable[[dict[str, Any]], None]
"""What takes a row: metrics, an event, a finished unit."""


def print_row(row: dict[str, Any]) -> None:
    """One JSON object on one line, flushed, so that a log follower sees it at once."""
    print(json.dumps(row), flush=True)
