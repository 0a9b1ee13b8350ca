"""Runs the Go tool for people who wait: a line every few seconds, an error they can act on, nothing left over."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from local.processes import end_group, hold_interrupts
from rayeks.errors import UserError

Progress = Callable[[str], None]
SPEAK_EVERY_S = 5.0
OFFLINE = ("dial tcp", "no such host", "i/o timeout", "connection refused", "TLS handshake timeout")

# A sixth less processor time for a cold build (etcd: 98 s to 82 s): no debug information, and a compiler that
# collects its garbage less often, at no more memory than the linker takes anyway. Without inlining (-l) it
# would be a third, but the API server then takes 30 % longer to start and 20 % longer for each request.
# Without cgo the programs need no C compiler here and no C library there.
GO_FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly", "-gcflags=all=-dwarf=false")
GO_ENV = {"CGO_ENABLED": "0", "GOWORK": "off", "GOGC": "300"}


@dataclass(frozen=True)
class Build:
    """One `go build` in a module's folder: packages into `into`, variables set as the linker's -X does."""

    label: str
    module: Path
    packages: Sequence[str]
    variables: dict[str, str]
    into: Path
    log: Path


def require_go(module: Path, task: str) -> None:
    """UserError that says what to install for `task` where Go is missing or too old for `module`."""
    version = _directive(module)
    fix = f"install Go {version} or newer from https://go.dev/dl/ and put its bin folder on PATH"
    if shutil.which("go") is None:
        raise UserError(f"{task} needs Go {version} or newer, and no `go` is on PATH", fix)
    asked = subprocess.run(
        ["go", "env", "GOVERSION"], cwd=module, env=os.environ | GO_ENV, capture_output=True, text=True
    )
    if asked.returncode != 0:  # too old, and not allowed or not able to fetch a newer toolchain by itself
        raise UserError(f"{task} needs Go {version} or newer: {asked.stderr.strip()}", fix)


def build(builds: Sequence[Build], estimate_s: float, *, progress: Progress) -> None:
    """Run several `go build`s side by side: while one links or downloads, another compiles.

    Interrupted, it ends the compilers. UserError with the compiler's last words when one fails.
    """
    label = _names(builds)
    progress(f"building {label}: about {estimate_s:.0f} s, once on this machine")
    began = spoke = time.monotonic()
    with ExitStack() as stack:
        children = [(build, _start(build, stack)) for build in builds]
        while any(child.poll() is None for _, child in children):
            for build, child in children:
                if child.poll():
                    raise _failure(build, child.returncode)
            time.sleep(0.1)
            if time.monotonic() - spoke >= SPEAK_EVERY_S:
                spoke = time.monotonic()
                progress(_news([build for build, child in children if child.poll() is None], spoke - began, estimate_s))
        for build, child in children:
            if child.returncode:
                raise _failure(build, child.returncode)
    progress(f"built {label} in {time.monotonic() - began:.0f} s")


def binary(package: str) -> str:
    """The name that `go build -o FOLDER/` gives a package's program: its last element that is no version."""
    *parents, last = package.split("/")
    return parents[-1] if last[0] == "v" and last[1:].isdigit() else last


def module_folder(pins: Path, module: str) -> Path:
    """The folder of a module that `pins`/go.mod requires, downloaded if need be and checked against go.sum."""
    version = _required(pins).get(module)
    if version is None:
        raise UserError(f"{pins / 'go.mod'} does not pin {module}", f"it pins {', '.join(_required(pins))}")
    require_go(pins, f"fetching {module} {version}")
    argv = ["go", "mod", "download", "-json", f"{module}@{version}"]
    asked = subprocess.run(argv, cwd=pins, env=os.environ | GO_ENV, capture_output=True, text=True)
    answer = json.loads(asked.stdout or "{}")
    if asked.returncode != 0:
        words = str(answer.get("Error") or asked.stderr).strip()
        raise UserError(f"{module} {version} cannot be downloaded: {words}", _fix(words))
    if f"{module} {version} {answer['Sum']}" not in (pins / "go.sum").read_text().splitlines():
        raise UserError(f"{module} {version} is not what {pins / 'go.sum'} expects", "restore that file")
    return Path(answer["Dir"])


def _start(build: Build, stack: ExitStack) -> subprocess.Popen[bytes]:
    variables = " ".join(f"-X {name}={value}" for name, value in build.variables.items())
    argv = ["go", "build", "-v", *GO_FLAGS, "-ldflags", f"-s -w {variables}", "-o", f"{build.into}/", *build.packages]
    scratch = build.into.with_name(f"{build.into.name}-scratch")
    build.into.mkdir(parents=True)
    scratch.mkdir()
    env = os.environ | GO_ENV | {"GOTMPDIR": str(scratch)}
    with hold_interrupts():
        log = stack.enter_context(build.log.open("wb"))
        child = subprocess.Popen(
            argv, cwd=build.module, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        stack.callback(end_group, child, grace_s=3.0)
    return child


def _news(under_way: Sequence[Build], elapsed_s: float, estimate_s: float) -> str:
    # With -v a line that is one word is a package which was compiled.
    lines = [line for build in under_way for line in build.log.read_text(errors="replace").splitlines()]
    compiled = sum(" " not in line for line in lines)
    return f"building {_names(under_way)} … {elapsed_s:.0f} s of about {estimate_s:.0f} s, {compiled} packages compiled"


def _names(builds: Sequence[Build]) -> str:
    return ", ".join(build.label for build in builds)


def _failure(build: Build, status: int) -> UserError:
    # A line that is one word is a package; neither it nor a download explains anything.
    lines = [line for line in build.log.read_text(errors="replace").splitlines() if " " in line.strip()]
    words = "\n".join([f"    {line}" for line in lines if not line.startswith("go: downloading")][-15:])
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else "failed"
    return UserError(
        f"building {build.label} {how}; the compiler's last words:\n{words or '    (none)'}\n  log: {build.log}",
        _fix(words),
    )


def _fix(words: str) -> str | None:
    if any(sign in words for sign in OFFLINE):
        return "the Go module proxy was not reached: check the network, or set GOPROXY to one that answers"
    if "signal: killed" in words:
        return "the machine may have run out of memory: end other programs, or set GOFLAGS=-p=1"
    if "no space left" in words:
        return "free some disk space: a first build needs about 5 GB"
    return None


def _directive(module: Path) -> str:
    lines = (module / "go.mod").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("go "))


def _required(module: Path) -> dict[str, str]:
    lines = (module / "go.mod").read_text().splitlines()
    fields = [line.removeprefix("require ").split() for line in lines]
    return {line[0]: line[1] for line in fields if len(line) in (2, 4) and line[1][0] == "v"}
