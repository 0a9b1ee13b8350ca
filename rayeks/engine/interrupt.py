"""Ctrl-C while an engine runs: the first one lets it finish what is in flight, the second one ends it."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from rayeks.engine.command import EngineCommand

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def attended(command: EngineCommand, work: Callable[[], T], say: Callable[[str], None]) -> T:
    """The answer of `work`, which runs the engine on a thread of its own while this one hears signals.

    When a signal came meanwhile, and `work` did not end well all the same, this ends as that signal ends a command.
    """
    answer: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(work())
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=run)
    with _hearing(command, say) as heard:
        worker.start()
        while worker.is_alive():
            worker.join(0.2)
    if failure and heard:
        say("stopped; what had been done is saved, and the next run goes on from there")
        if heard[0] == signal.SIGINT:
            raise KeyboardInterrupt from failure[0]
        raise SystemExit(128 + heard[0]) from failure[0]
    if failure:
        raise failure[0]
    return answer[0]


@contextmanager
def _hearing(command: EngineCommand, say: Callable[[str], None]) -> Generator[list[int]]:
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:
            say("stopping: the engine finishes what is in flight and saves its state; again to stop at once")
            command.interrupt()
        elif len(heard) == 2:
            command.interrupt()
        else:
            command.kill()

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
