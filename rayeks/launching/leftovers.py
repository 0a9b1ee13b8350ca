"""Ending Ray's processes by process id, those of a launcher that was killed included; never `ray stop`."""

from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

from local.home import home
from rayeks.launching.workspace import MARK, is_alive


def clean(progress: Callable[[str], None] = print) -> int:
    """End what launchers of this checkout left behind when they were killed; says how many processes."""
    left = running(lambda mark: not is_alive(mark))
    if left:
        progress(f"a launch that was killed left a Ray cluster running: ending its {len(left)} processes")
        kill(left)
    return len(left)


def running(which: Callable[[str], bool] = lambda mark: True) -> list[psutil.Process]:
    """The processes of launches of this checkout, of those whose mark is one `which` means; Ray's workers have none."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mark = process.environ().get(MARK, "")
            if mark.startswith(f"{home()}:") and which(mark) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill(roots: Iterable[psutil.Process]) -> None:
    """Kill processes and all that descend from them.

    Ray's workers erase their environment, so they are known as descendants alone, before their parents die.
    """
    doomed: dict[int, psutil.Process] = {}
    for root in roots:
        doomed[root.pid] = root
        with suppress(psutil.Error):
            doomed |= {child.pid: child for child in root.children(recursive=True)}
    for process in doomed.values():
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(list(doomed.values()), timeout=10)
