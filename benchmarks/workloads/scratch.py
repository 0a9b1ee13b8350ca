"""Where a measurement launches what it measures: a home of its own, gone afterwards."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch() -> Generator[Path]:
    """A folder that is also the home of what is launched meanwhile; its path leaves room for Ray's sockets."""
    before = os.environ.get("RAYEKS_HOME")
    folder = tempfile.mkdtemp(prefix="rx-")
    os.environ["RAYEKS_HOME"] = folder
    try:
        yield Path(folder)
    finally:
        os.environ.pop("RAYEKS_HOME")
        if before:
            os.environ["RAYEKS_HOME"] = before
        shutil.rmtree(folder, ignore_errors=True)
