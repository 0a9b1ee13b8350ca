"""Fills .venv with one layer of the hashed locks, from a bare python3: it runs before anything is installed.

    python3 requirements/venv.py platform|local|all     install a layer; `all` also builds the local tools meanwhile
    python3 requirements/venv.py lock                   resolve the layers anew

Layers are nested, platform in local in all, and were resolved together, so that a package has one version in each.
What the image of the workloads installs, image.txt, is a part of `all` with the same versions.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PRIVATE_UV = ROOT / ".uv"
LAYERS = {
    "platform": ("Pulumi and what a plan needs", []),
    "local": ("the local AWS and the tests", ["local", "dev"]),
    "all": ("Ray and PyTorch, several GB when not cached", ["local", "dev", "ray", "torch"]),
}
# From this version on uv builds this package by itself, without a download.
OLDEST_UV = (0, 9)
QUIET_S = 8


def main(wanted: str) -> int:
    """Do what the command line asks; the exit status."""
    os.chdir(ROOT)
    uv = find_uv()
    if wanted == "lock":
        return lock(uv)
    make_venv(uv)
    if wanted != "all":
        install(uv, wanted)
        return 0
    install(uv, "local")
    # The rest is big: what builds the tools is installed now, so let that run beside the download.
    build = subprocess.Popen([PYTHON, "-m", "local.toolchain", "all"])
    try:
        install(uv, "all", alone=False)
    except BaseException:
        build.send_signal(signal.SIGINT)
        raise
    finally:
        status = build.wait()
    return status


def find_uv() -> str:
    """The uv on PATH where it is recent enough, else a private one, installed into .uv by pip."""
    for uv in (shutil.which("uv"), PRIVATE_UV / "bin" / "uv"):
        if uv and version(str(uv)) >= OLDEST_UV:
            return str(uv)
    say("installing uv into .uv (there is no recent one on PATH)")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PRIVATE_UV)], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(PRIVATE_UV, ignore_errors=True)
        sys.exit(
            f"{sys.executable} cannot make a virtual environment:\n{error.stdout.decode().strip()}\n"
            "  fix: install its venv module (Debian, Ubuntu: apt install python3-venv), or install uv"
        )
    pip = [PRIVATE_UV / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "install", "--require-hashes", "--requirement", LOCKS / "uv.txt"], "installing uv")
    return str(PRIVATE_UV / "bin" / "uv")


def version(uv: str) -> tuple[int, ...]:
    """The version of a uv; (0,) where it does not run (a shim of another Python, for instance)."""
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in answer.split()[1].split(".")[:2])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return (0,)


def make_venv(uv: str) -> None:
    """Have a .venv of this checkout whose Python runs; one that was moved or lost its Python is made anew."""
    probe = "import sys; sys.exit(not (sys.version_info >= (3, 11)))"
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", probe], capture_output=True, check=False).returncode == 0:
        script = VENV / "bin" / "rayeks"
        if not script.exists() or str(VENV) in script.read_text().splitlines()[0]:
            return
    say(f"making .venv with Python {sys.version.split()[0]} ({sys.executable})")
    run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], "the virtual environment")


def install(uv: str, name: str, *, alone: bool = True) -> None:
    """Install one layer, and the project itself as editable; compiled, for where Python may not write bytecode.

    `alone` is False where something else prints meanwhile, which uv's progress bars would garble.
    """
    say(f"installing the {name} layer: {LAYERS[name][0]}")
    bars = alone and sys.stderr.isatty()
    base = [uv, "pip", "install", "--python", PYTHON]
    locked = ["--require-hashes", "--compile-bytecode", "--requirement", LOCKS / f"{name}.txt"]
    run([*base, *([] if bars else ["--quiet"]), *locked], f"installing {name}", beat=not bars)
    run([*base, "--quiet", "--no-deps", "--editable", ROOT], "installing ray-on-eks")
    for layer in list(LAYERS)[: list(LAYERS).index(name) + 1]:
        (VENV / f".layer-{layer}").touch()


def lock(uv: str) -> int:
    """Resolve every layer for all platforms, the smaller ones within the versions of `all`."""
    base = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--python-version", "3.11"]
    base += ["--no-emit-index-url", "--no-header", "--no-annotate", "--upgrade"]
    run([*base, LOCKS / "uv.in", "--output-file", LOCKS / "uv.txt"], "resolving uv")
    for name in reversed(LAYERS):
        groups = [part for group in LAYERS[name][1] for part in ("--group", group)]
        bound = [] if name == "all" else ["--constraint", LOCKS / "all.txt"]
        run([*base, *groups, *bound, "pyproject.toml", "--output-file", LOCKS / f"{name}.txt"], f"resolving {name}")
    image = ["--group", "ray", "--group", "torch", "--constraint", LOCKS / "all.txt"]
    run([*base, *image, "--output-file", LOCKS / "image.txt"], "resolving the image of the workloads")
    return 0


def run(argv: list, what: str, *, beat: bool = True) -> None:
    """Run to the end, saying every few seconds that it still runs (`beat`); a failure ends this program."""
    process = subprocess.Popen([str(part) for part in argv])
    began = time.monotonic()
    try:
        while True:
            try:
                status = process.wait(QUIET_S)
                break
            except subprocess.TimeoutExpired:
                if beat:
                    say(f"  … {what}, {time.monotonic() - began:.0f} s")
    except KeyboardInterrupt:
        process.wait()
        sys.exit(130)
    if status:
        sys.exit(f"{what} failed (exit status {status})")


def say(text: str) -> None:
    """One line, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in {*LAYERS, "lock"}:
        sys.exit(__doc__)
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
