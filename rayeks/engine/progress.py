"""An engine run as it happens: a living table on a terminal, a line for each resource elsewhere, never silence."""

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from pulumi.automation import EngineEvent
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rayeks.engine.ledger import Ledger, Step

QUIET_S = 8.0
SIGNS = {"create": "+", "create-replacement": "+", "update": "~", "delete": "-", "delete-replaced": "-"}
STYLES = {"+": "green", "~": "yellow", "-": "red", "!": "bold red"}


class Progress:
    """Takes the engine's events from whatever thread they come on, and shows them on `console`."""

    def __init__(self, console: Console, what: str) -> None:
        self.console, self.what = console, what
        self.ledger = Ledger()
        self._began = self._spoke = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, event: EngineEvent) -> None:
        """Note one event and show the step that it ended."""
        with self._lock:
            step = self.ledger.take(event, time.monotonic() - self._began)
            if step and not self.console.is_terminal and step.op not in ("same", "refresh", "read"):
                self._say(_line(step))

    @contextmanager
    def shown(self) -> Generator["Progress"]:
        """Show the run for the length of the block."""
        ended = threading.Event()
        show = threading.Thread(target=self._live if self.console.is_terminal else self._beat, args=(ended,))
        show.start()
        try:
            yield self
        finally:
            ended.set()
            show.join()

    def _live(self, ended: threading.Event) -> None:
        with Live(console=self.console, transient=True, refresh_per_second=4) as live:
            while not ended.wait(0.25):
                with self._lock:
                    live.update(self._table())

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(1.0):
            with self._lock:
                if time.monotonic() - self._spoke > QUIET_S:
                    self._say(Text(f"… {self._status()}", style="dim"))

    def _say(self, text: Text) -> None:
        self._spoke = time.monotonic()
        self.console.print(text, soft_wrap=True)

    def _status(self) -> str:
        running = [step.name for step in self.ledger.running]
        names = ", ".join(running[:3]) + (f" and {len(running) - 3} more" if len(running) > 3 else "")
        waiting = f"working on {names}" if running else "the program runs"
        return f"{self.what}: {len(self.ledger.done)} done, {waiting}, {time.monotonic() - self._began:.0f} s"

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic() - self._began
        done, running = (Counter(step.component for step in steps) for steps in (self.ledger.done, self.ledger.running))
        for name in dict.fromkeys(step.component for step in self.ledger.steps if step.custom):
            busy = [f"{step.name} {now - step.started:.0f} s" for step in self.ledger.running if step.component == name]
            table.add_row(
                f"  {name}", f"{done[name]}/{done[name] + running[name]}", Text(", ".join(busy[:3]), style="dim")
            )
        return Group(Text(f"{self.what} … {now:.0f} s", style="bold"), table)


def _line(step: Step) -> Text:
    sign = "!" if step.failed else SIGNS.get(step.op, "·")
    text = Text(f"{step.ended or 0:6.1f} s  ")
    text.append(f"{sign} ", style=STYLES.get(sign, ""))
    return text.append(f"{step.component:<16} {step.type:<44} {step.name}  {step.verb} in {step.seconds:.1f} s")
