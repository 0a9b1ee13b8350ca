"""Entry of the command line: every way in which a command can end, and the exit status of each."""

import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from rayeks.errors import UserError

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C."""
    from rayeks.cli.app import app

    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        app(args=None if arguments is None else list(arguments), prog_name="rayeks")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except UserError as error:
        print(_told(error), file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        return FAILED
    except Exception as error:
        print(_fault(error), file=sys.stderr)
        return FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _told(error: UserError) -> str:
    mark = "\033[31merror:\033[0m" if sys.stderr.isatty() else "error:"
    return f"{mark} {error}"


def _fault(error: Exception) -> str:
    """What a person is told of a mistake in this program itself; the traceback goes to a file."""
    from local.home import home

    file = home() / "logs" / "fault.log"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(traceback.format_exception(error)))
    return _told(UserError(f"a fault in rayeks itself: {type(error).__name__}: {error}", f"report it with {file}"))


if __name__ == "__main__":
    sys.exit(main())
