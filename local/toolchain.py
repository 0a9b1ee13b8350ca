"""The programs that the local stack runs on: a suitable one on PATH, else the pinned one, built once per machine."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from local import golang
from local.processes import heed_termination
from rayeks.errors import UserError

Progress = Callable[[str], None]
Version = tuple[int, ...]
FAMILIES = Path(__file__).parent / "tools"  # one Go module a family: its go.mod and go.sum pin every byte
SPEAK_EVERY_S = 5.0


@dataclass(frozen=True)
class Tool:
    """One pinned program. `variables` are set by the linker; `suits` bounds what is good enough on PATH."""

    name: str
    family: str
    package: str
    version: str
    cpu_s: int  # processor seconds that it adds to its family's cold build on an idle machine
    variables: Mapping[str, str] = field(default_factory=dict)
    ask_version: tuple[str, ...] = ("--version",)
    suits: tuple[Version, Version] | None = None  # from (included) and below; None: only the pinned one
    proof: bool = False  # `rayeks prove` alone needs it


KUBERNETES = "1.35.4"
# Without these the server calls itself v0.0.0-master, and clients refuse it.
KUBERNETES_VARIABLES = {
    "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES}",
    "k8s.io/component-base/version.gitMajor": KUBERNETES.split(".")[0],
    "k8s.io/component-base/version.gitMinor": KUBERNETES.split(".")[1],
}

TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="pulumi",
            family="pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            version="3.259.0",
            cpu_s=400,
            variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.259.0"},
            ask_version=("version",),
            suits=((3, 200), (4,)),
        ),
        Tool(
            name="etcd",
            family="kubernetes",
            package="go.etcd.io/etcd/server/v3",
            version="3.6.6",
            cpu_s=45,
            suits=((3, 6), (3, 7)),
        ),
        Tool(
            name="kube-apiserver",
            family="kubernetes",
            package="k8s.io/kubernetes/cmd/kube-apiserver",
            version=KUBERNETES,
            cpu_s=340,
            variables=KUBERNETES_VARIABLES,
            suits=((1, 35), (1, 36)),
        ),
        Tool(
            name="kube-controller-manager",
            family="kubernetes",
            package="k8s.io/kubernetes/cmd/kube-controller-manager",
            version=KUBERNETES,
            cpu_s=90,
            variables=KUBERNETES_VARIABLES,
            suits=((1, 35), (1, 36)),
        ),
        # The controllers of `rayeks prove`: ordinary processes beside the API server, whatever is on PATH.
        Tool(
            name="kube-scheduler",
            family="kubernetes",
            package="k8s.io/kubernetes/cmd/kube-scheduler",
            version=KUBERNETES,
            cpu_s=45,
            variables=KUBERNETES_VARIABLES,
            suits=((1, 35), (1, 36)),
            proof=True,
        ),
        *(
            Tool(name, family, package, version, cpu_s, proof=True)
            for name, family, package, version, cpu_s in (
                ("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", "0.8.0", 120),
                ("karpenter", "karpenter", "sigs.k8s.io/karpenter/kwok", "1.14.1", 220),
                ("karpenter-aws", "karpenter-aws", "github.com/aws/karpenter-provider-aws/kwok", "1.14.1", 320),
                ("kuberay-operator", "kuberay", "github.com/ray-project/kuberay/ray-operator", "1.6.2", 150),
                ("kueue", "kueue", "sigs.k8s.io/kueue/cmd/kueue", "0.16.1", 280),
            )
        ),
        # Of the tests alone: what the pipelines in .github/workflows say is what GitHub understands.
        Tool("actionlint", "checks", "github.com/rhysd/actionlint/cmd/actionlint", "1.7.12", cpu_s=10),
    )
}


@dataclass(frozen=True)
class Found:
    """Where a tool is: `origin` is "PATH", "built" or "missing"; `note` says why the one on PATH is not used."""

    tool: Tool
    path: Path | None
    version: str
    origin: str
    note: str = ""


def tool(name: str, *, progress: Progress = print) -> Path:
    """The program of that name, built first where there is none. UserError when it can't be had."""
    return tools([name], progress=progress)[name]


def tools(names: Iterable[str], *, progress: Progress = print) -> dict[str, Path]:
    """Several programs at once; those that are missing are built side by side. UserError when one can't be had."""
    found = {name: find(_row(name)) for name in names}
    if missing := [each for each in found.values() if each.path is None]:
        for note in filter(None, (each.note for each in missing)):
            progress(note)
        with _alone(progress):  # another command may just have built them
            _build([each.tool for each in missing if not _built(each.tool).exists()], progress)
        found |= {each.tool.name: find(each.tool) for each in missing}
    return {name: each.path for name, each in found.items() if each.path}


def find(row: Tool) -> Found:
    """Where a tool is now; builds nothing."""
    note = ""
    if row.suits and (path := shutil.which(row.name)):
        version = _version(Path(path), row)
        if version and row.suits[0] <= version < row.suits[1]:
            return Found(row, Path(path), _text(version), "PATH")
        least, below = (_text(bound) for bound in row.suits)
        note = f"{row.name} {_text(version)} at {path} is not used: needs {least} or newer, below {below}"
    if (path := _built(row)).exists():
        return Found(row, path, row.version, "built", note)
    return Found(row, None, row.version, "missing", note)


def survey() -> list[Found]:
    """Every tool and where it is now; builds nothing."""
    return [find(row) for row in TOOLS.values()]


def module_dir(module: str) -> Path:
    """The folder of a pinned Go module, of which only files are read (CRDs, roles); downloaded when missing."""
    return golang.module_folder(FAMILIES / "crds", module)


def _row(name: str) -> Tool:
    if name not in TOOLS:
        raise UserError(f"{name} is not a tool of this project", f"its tools are {', '.join(TOOLS)}")
    return TOOLS[name]


def _folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "ray-on-eks" / "tools"


def _built(row: Tool) -> Path:
    module = FAMILIES / row.family
    key = hashlib.sha256(repr((row.package, row.variables, golang.GO_FLAGS, golang.GO_ENV)).encode())
    for name in ("go.mod", "go.sum"):
        key.update((module / name).read_bytes())
    return _folder() / f"{row.family}-{key.hexdigest()[:12]}" / row.name


def _version(path: Path, row: Tool) -> Version | None:
    try:
        asked = subprocess.run([path, *row.ask_version], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", asked.stdout + asked.stderr)
    return tuple(int(part) for part in match.groups()) if match else None


def _text(version: Version | None) -> str:
    return ".".join(map(str, version)) if version else "of an unknown version"


@contextmanager
def _alone(progress: Progress) -> Generator[None]:
    """One build at a time for this user: a second one would only slow both down."""
    _folder().mkdir(parents=True, exist_ok=True)
    lock = FileLock(_folder() / "build.lock")
    began = time.monotonic()
    while True:
        try:
            lock.acquire(timeout=SPEAK_EVERY_S)
            break
        except Timeout:
            progress(f"another command is building tools; waiting … {time.monotonic() - began:.0f} s")
    try:
        yield
    finally:
        lock.release()


def _build(rows: list[Tool], progress: Progress) -> None:
    scratch = _folder() / "building"
    shutil.rmtree(scratch, ignore_errors=True)  # left by a command that was killed: the lock is ours
    families: dict[str, list[Tool]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    for family, members in families.items():
        golang.require_go(FAMILIES / family, f"building {_names(members)}")
    try:
        builds = [
            golang.Build(
                label=_names(members),
                module=FAMILIES / family,
                packages=[row.package for row in members],
                variables={name: value for row in members for name, value in row.variables.items()},
                into=scratch / family,
                log=_folder() / f"build-{family}.log",
            )
            for family, members in families.items()
        ]
        if builds:
            golang.build(builds, sum(row.cpu_s for row in rows) / (os.cpu_count() or 1), progress=progress)
        for row in rows:
            _install(scratch / row.family / golang.binary(row.package), row)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _install(program: Path, row: Tool) -> None:
    says = _version(program, row)
    if row.suits and (says is None or _text(says) != row.version):
        raise UserError(f"{row.name} was built as {row.version} but calls itself {_text(says)}")
    target = _built(row)
    target.parent.mkdir(exist_ok=True)
    program.replace(target)


def _names(rows: list[Tool]) -> str:
    return ", ".join(f"{row.name} {row.version}" for row in rows)


def main() -> int:
    """Print where each tool is; build the ones named as arguments (`all`: what `rayeks up local` needs) first."""
    heed_termination()
    try:
        everyday = [row.name for row in TOOLS.values() if not row.proof]
        names = everyday if sys.argv[1:] == ["all"] else sys.argv[1:]
        tools(names, progress=lambda line: print(line, file=sys.stderr, flush=True))
        for found in survey():
            print(f"{found.tool.name:24} {found.version:10} {found.origin:8} {found.path or found.note}")
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
