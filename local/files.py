"""Files that another process may read at any moment: whole or not at all, and private by default."""

import json
import os
from pathlib import Path


def write(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    """Put `text` in `path` in one step, readable as `mode` says from the first byte on."""
    data = text.encode() if isinstance(text, str) else text
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    fresh.replace(path)


def write_json(path: Path, value: object) -> None:
    """Put `value` in `path` as JSON in one step."""
    write(path, json.dumps(value, indent=1) + "\n")
