"""One command at a time changes a stack: two engines on one state would each undo what the other did."""

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rayeks.errors import UserError


@contextmanager
def exclusive(path: Path, command: str) -> Generator[None]:
    """Hold the lock at `path` for the length of the block; `command` is what others are told is running.

    The kernel releases it when this process ends, however it ends. UserError names the holder where there is one.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(f"another {_holder(file.read())}", "wait for it to end, or stop it") from None
        file.truncate(0)
        json.dump({"command": command, "pid": os.getpid(), "since": time.time()}, file)
        file.flush()
        yield
        file.truncate(0)


def _holder(record: str) -> str:
    """The holder as a message says it; the record is empty for an instant while the lock changes hands."""
    if not record:
        return "rayeks command is running"
    holder = json.loads(record)
    since = time.strftime("%H:%M:%S", time.localtime(holder["since"]))
    return f"`{holder['command']}` is running (pid {holder['pid']}, since {since})"
