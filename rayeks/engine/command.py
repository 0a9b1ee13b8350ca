"""The Pulumi command in a session of its own, so that Ctrl-C reaches the engine once and never its plugins."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from rayeks.errors import UserError

OnOutput = Callable[[str], None]
PLUGIN_GRACE_S = 10.0


class EngineCommand(PulumiCommand):
    """Runs one `pulumi` with exactly the environment it is given; `interrupt` asks the running one to stop."""

    def __init__(self, binary: Path, environment: Mapping[str, str]) -> None:
        self.command = str(binary)
        self.environment = dict(environment)
        self.version = _version(binary, self.environment)
        self._process: subprocess.Popen[str] | None = None
        self._stopping = False

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run to the end and return what was printed; CommandError of pulumi.automation when it fails."""
        if self._stopping:
            raise KeyboardInterrupt
        argv = [self.command, "--non-interactive", *(arg for arg in args if arg != "--non-interactive")]
        env = {**self.environment, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            self._process = process
            lines: tuple[list[str], list[str]] = ([], [])
            streams = (process.stdout, process.stderr)
            readers = [
                threading.Thread(target=_read, args=(stream, kept, hear), daemon=True)
                for stream, kept, hear in zip(streams, lines, (on_output, on_error), strict=True)
            ]
            for reader in readers:
                reader.start()
            code = process.wait()
            end_session(process.pid)
            for reader in readers:
                reader.join()
            self._process = None
        result = CommandResult(stdout="\n".join(lines[0]), stderr="\n".join(lines[1]), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    def interrupt(self) -> None:
        """Ask the engine to finish what is in flight, save its state and end; asked twice, it ends at once.

        No other command starts after.
        """
        self._stopping = True
        if process := self._process:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the engine without its consent, where it does not end by itself."""
        if process := self._process:
            with suppress(ProcessLookupError):
                process.kill()


def end_session(session: int) -> None:
    """Have nothing left of an engine's session: a plugin may finish what it does, then it is ended."""
    plugins = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == session and process.pid != session:
                plugins.append(process)
    _, alive = psutil.wait_procs(plugins, timeout=PLUGIN_GRACE_S)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=PLUGIN_GRACE_S)


def _read(stream, kept: list[str], hear: OnOutput | None) -> None:
    for line in stream:
        kept.append(line.rstrip())
        if hear:
            hear(kept[-1])


def _version(binary: Path, environment: Mapping[str, str]) -> VersionInfo:
    try:
        answer = subprocess.run([binary, "version"], env=environment, capture_output=True, text=True, check=True)
        return VersionInfo.parse(answer.stdout.strip().removeprefix("v"))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise UserError(f"{binary} does not run as a Pulumi command: {error}", "rayeks doctor") from error
