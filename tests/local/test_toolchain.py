"""Finding and building tools, with a `go` of the tests' own.

The stand-in for `go` is a shell script that answers `env` and writes small programs on `build`: what is tried
here is what happens around the compiler (choice, locks, progress, failure, interrupts), in seconds instead of
minutes. One test at the end compiles a module of one file with the real Go.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local import golang, toolchain
from local.toolchain import Tool
from rayeks.errors import UserError

GO = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  env) echo go1.26.8 ;;
  build)
    {before}
    out=; packages=
    while [ $# -gt 0 ]; do
      case "$1" in -o) out=$2; shift ;; example/*) packages="$packages $1" ;; esac
      shift
    done
    for package in $packages; do
      printf '#!/bin/sh\\necho {says}\\n' > "$out$(basename $package)"
      chmod +x "$out$(basename $package)"
    done ;;
esac
"""


class Machine:
    """A cache, a PATH and a family of two tools, `alpha` and `beta`, all of the test's own."""

    def __init__(self, path: Path) -> None:
        self.path, self.bin, self.cache = path, path / "bin", path / "cache" / "ray-on-eks" / "tools"
        self.bin.mkdir()

    def put_go(self, before: str = "", says: str = "1.2.3") -> None:
        self.put("go", GO.format(before=before, says=says))

    def put(self, name: str, text: str) -> Path:
        program = self.bin / name
        program.write_text(text)
        program.chmod(0o755)
        return program

    @property
    def calls(self) -> list[str]:
        path = self.path / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def builds(self) -> list[str]:
        return [call for call in self.calls if call.startswith("build")]

    def run(self, *names: str) -> subprocess.Popen[str]:
        """The same in a process of its own."""
        code = (
            f"import sys; from pathlib import Path; from local import toolchain\n"
            f"toolchain.FAMILIES = Path({str(toolchain.FAMILIES)!r})\n"
            f"toolchain.TOOLS = {{each.name: each for each in {list(toolchain.TOOLS.values())!r}}}\n"
            f"sys.argv[1:] = {list(names)!r}; sys.exit(toolchain.main())"
        )
        code = "from local.toolchain import Tool\n" + code
        out = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=out, text=True, start_new_session=True)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(toolchain, "FAMILIES", tmp_path / "families")
    (tmp_path / "families" / "letters").mkdir(parents=True)
    (tmp_path / "families" / "letters" / "go.mod").write_text("module example\n\ngo 1.26.0\n")
    (tmp_path / "families" / "letters" / "go.sum").write_text("")
    row = Tool("alpha", "letters", "example/alpha", "1.2.3", cpu_s=10, suits=((1, 2), (2,)))
    rows = {"alpha": row, "beta": replace(row, name="beta", package="example/beta")}
    monkeypatch.setattr(toolchain, "TOOLS", rows)
    return machine


def silent(_line: str) -> None: ...


def says(version: str) -> str:
    return f"#!/bin/sh\necho alpha v{version}\n"


@pytest.mark.parametrize("version", ["1.2.0", "1.2.3", "1.99.0"])
def test_a_suitable_tool_on_path_is_used_as_it_is(machine: Machine, version: str):
    program = machine.put("alpha", says(version))
    assert toolchain.tool("alpha") == program
    assert machine.calls == []


@pytest.mark.parametrize("version", ["1.1.9", "2.0.0", "of nothing"])
def test_an_unsuitable_tool_on_path_is_passed_over_and_that_is_said(machine: Machine, version: str):
    program = machine.put("alpha", says(version))
    machine.put_go()
    said: list[str] = []
    assert toolchain.tool("alpha", progress=said.append) != program
    assert str(program) in said[0] and "is not used: needs 1.2 or newer, below 2" in said[0]


def test_a_tool_is_built_once(machine: Machine):
    machine.put_go()
    first = toolchain.tool("alpha", progress=silent)
    assert subprocess.check_output([first], text=True) == "1.2.3\n"
    assert toolchain.tool("alpha") == first
    assert len(machine.builds) == 1 and first.is_relative_to(machine.cache)


def test_the_tools_of_one_family_are_built_by_one_command(machine: Machine):
    machine.put_go()
    found = toolchain.tools(["alpha", "beta"], progress=silent)
    assert found["alpha"].name == "alpha" and found["beta"].name == "beta"
    [build] = machine.builds
    assert build.endswith("example/alpha example/beta")


def test_only_what_is_missing_is_built(machine: Machine):
    machine.put_go()
    toolchain.tool("alpha", progress=silent)
    toolchain.tools(["alpha", "beta"], progress=silent)
    assert machine.builds[1].endswith(" example/beta")


def test_another_pin_or_another_set_of_variables_is_another_build(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    machine.put_go()
    paths = {toolchain.tool("alpha", progress=silent)}
    (toolchain.FAMILIES / "letters" / "go.sum").write_text("other v1.0.0 h1:x\n")
    paths.add(toolchain.tool("alpha", progress=silent))
    row = replace(toolchain.TOOLS["alpha"], variables={"main.version": "1.2.3"})
    monkeypatch.setitem(toolchain.TOOLS, "alpha", row)
    paths.add(toolchain.tool("alpha", progress=silent))
    assert len(paths) == 3 and "-X main.version=1.2.3" in machine.builds[-1]


def test_a_build_is_never_silent_and_names_time_and_estimate(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(golang, "SPEAK_EVERY_S", 0.2)
    machine.put_go(before="echo example/part >&2; sleep 1")
    said: list[str] = []
    toolchain.tool("alpha", progress=said.append)
    estimate = f"about {10 / (os.cpu_count() or 1):.0f} s"
    assert said[0] == f"building alpha 1.2.3: {estimate}, once on this machine"
    assert said[2].startswith("building alpha 1.2.3 … ") and f"of {estimate}, 1 packages compiled" in said[2]
    assert len(said) >= 4 and said[-1].startswith("built alpha 1.2.3 in")


def test_two_runs_at_once_build_once_and_both_get_it(machine: Machine):
    machine.put_go(before="sleep 1")
    runs = [machine.run("alpha") for _ in range(3)]
    outputs = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert len(machine.builds) == 1
    assert all(f"{machine.cache}" in out for out, _ in outputs)


def test_who_waits_for_another_run_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(toolchain, "SPEAK_EVERY_S", 0.2)
    machine.put_go(before="sleep 1.5")
    said: list[str] = []
    first = threading.Thread(target=toolchain.tool, args=["alpha"], kwargs={"progress": silent})
    first.start()
    while not machine.builds:
        time.sleep(0.02)
    toolchain.tool("beta", progress=said.append)
    first.join()
    assert said[0].startswith("another command is building tools; waiting … ")


def test_without_go_it_is_said_what_to_install(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(machine.bin))
    with pytest.raises(UserError, match=r"building alpha 1\.2\.3 needs Go 1\.26\.0 or newer, and no `go`") as caught:
        toolchain.tool("alpha")
    assert "https://go.dev/dl/" in str(caught.value.fix)


def test_a_go_that_is_too_old_says_so_in_its_own_words(machine: Machine):
    machine.put("go", "#!/bin/sh\necho 'go: go.mod requires go >= 1.26.0 (running go 1.22.1)' >&2; exit 1\n")
    with pytest.raises(UserError, match=r"needs Go 1\.26\.0 or newer: .*running go 1\.22\.1") as caught:
        toolchain.tool("alpha")
    assert "install Go 1.26.0" in str(caught.value.fix)


def test_a_failed_build_shows_the_compiler_s_words_and_where_the_log_lies(machine: Machine):
    noise = "for i in $(seq 40); do echo example/part$i; echo error number $i >&2; done"
    machine.put_go(before=f"{noise}; exit 1")
    with pytest.raises(UserError, match=r"building alpha 1\.2\.3 failed") as caught:
        toolchain.tool("alpha", progress=silent)
    text = str(caught.value)
    assert "error number 40" in text and "error number 26" in text and "error number 25" not in text
    assert "example/part40" not in text
    assert (machine.cache / "build-letters.log").read_text().count("error number") == 40
    assert str(machine.cache / "build-letters.log") in text
    assert not (machine.cache / "building").exists()


def test_a_compiler_that_was_killed_is_not_taken_for_one_that_found_an_error(machine: Machine):
    machine.put_go(before="echo 'go: downloading example.com v1.0.0' >&2; kill -KILL $$")
    with pytest.raises(UserError, match=r"building alpha 1\.2\.3 was ended by SIGKILL.*\n    \(none\)"):
        toolchain.tool("alpha", progress=silent)


def test_a_proxy_that_does_not_answer_is_named_as_the_cause(machine: Machine):
    machine.put_go(before="echo 'Get https://proxy.golang.org/x: dial tcp: no such host' >&2; exit 1")
    with pytest.raises(UserError) as caught:
        toolchain.tool("alpha", progress=silent)
    assert "GOPROXY" in str(caught.value.fix)


def test_a_build_that_calls_itself_another_version_is_not_installed(machine: Machine):
    machine.put_go(says="0.0.0-master")
    with pytest.raises(UserError, match=r"built as 1\.2\.3 but calls itself 0\.0\.0"):
        toolchain.tool("alpha", progress=silent)
    assert toolchain.find(toolchain.TOOLS["alpha"]).origin == "missing"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_compilers_and_leaves_no_scratch(machine: Machine, number: signal.Signals):
    machine.put_go(before=f"sleep 61.5 & echo $! > {machine.path}/compiler; wait")
    run = machine.run("alpha")
    while not (machine.path / "compiler").exists() or not (machine.path / "compiler").read_text():
        assert run.poll() is None
        time.sleep(0.02)
    compiler = psutil.Process(int((machine.path / "compiler").read_text()))
    run.send_signal(number)
    run.communicate(timeout=20)
    assert run.returncode == 128 + number
    psutil.wait_procs([compiler], timeout=5)
    assert not compiler.is_running() or compiler.status() == psutil.STATUS_ZOMBIE
    assert not (machine.cache / "building").exists()


def test_what_a_killed_run_left_behind_does_not_matter(machine: Machine):
    machine.put_go()
    (machine.cache / "building" / "letters").mkdir(parents=True)
    (machine.cache / "building" / "letters" / "alpha").write_text("half a program")
    assert subprocess.check_output([toolchain.tool("alpha", progress=silent)], text=True) == "1.2.3\n"


def test_a_name_that_is_no_tool_is_refused_with_those_that_are(machine: Machine):
    with pytest.raises(UserError, match=r"gamma is not a tool") as caught:
        toolchain.tool("gamma")
    assert "alpha, beta" in str(caught.value.fix)


def test_the_survey_says_where_each_tool_is_and_builds_nothing(machine: Machine):
    program = machine.put("alpha", says("1.3.0"))
    alpha, beta = toolchain.survey()
    assert (alpha.path, alpha.version, alpha.origin) == (program, "1.3.0", "PATH")
    assert (beta.path, beta.version, beta.origin) == (None, "1.2.3", "missing")
    assert machine.calls == []


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("go.etcd.io/etcd/server/v3", "server"),
        ("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "pulumi"),
        ("example/vault", "vault"),
    ],
)
def test_the_program_of_a_package_has_the_name_that_go_gives_it(package: str, name: str):
    assert golang.binary(package) == name


def test_each_family_pins_the_version_that_its_tools_claim():
    for row in toolchain.TOOLS.values():
        module = (toolchain.FAMILIES / row.family / "go.mod").read_text()
        assert f" v{row.version} " in module and row.package in module


def test_a_pinned_module_s_files_are_checked_against_the_recorded_sum(machine: Machine):
    pins = toolchain.FAMILIES / "crds"
    pins.mkdir()
    (pins / "go.mod").write_text("module example\n\ngo 1.26.0\n\nrequire (\n\texample.com/crds v1.0.0\n)\n")
    (pins / "go.sum").write_text("example.com/crds v1.0.0 h1:right=\n")
    answer = '{"Dir": "/modules/crds", "Sum": "h1:%s="}'
    machine.put("go", f"#!/bin/sh\n[ $1 = env ] || echo '{answer % 'right'}'\n")
    assert toolchain.module_dir("example.com/crds") == Path("/modules/crds")
    machine.put("go", f"#!/bin/sh\n[ $1 = env ] || echo '{answer % 'wrong'}'\n")
    with pytest.raises(UserError, match=r"example\.com/crds v1\.0\.0 is not what"):
        toolchain.module_dir("example.com/crds")
    with pytest.raises(UserError, match=r"does not pin example\.com/other"):
        toolchain.module_dir("example.com/other")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("module", "file"),
    [
        ("sigs.k8s.io/karpenter", "kwok/charts/crds/karpenter.sh_nodepools.yaml"),
        ("github.com/aws/karpenter-provider-aws", "pkg/apis/crds/karpenter.k8s.aws_ec2nodeclasses.yaml"),
        ("github.com/ray-project/kuberay/ray-operator", "config/crd/bases/ray.io_rayjobs.yaml"),
        ("sigs.k8s.io/kueue", "config/components/crd/bases/kueue.x-k8s.io_clusterqueues.yaml"),
    ],
)
def test_the_definitions_of_the_operators_lie_in_their_modules(module: str, file: str):
    assert "kind: CustomResourceDefinition" in (toolchain.module_dir(module) / file).read_text()


@pytest.mark.engine
def test_the_real_go_builds_a_module_and_sets_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert shutil.which("go"), "the local stack's tools are built with Go"
    family = tmp_path / "families" / "letters"
    (family / "alpha").mkdir(parents=True)
    (family / "go.mod").write_text("module example\n\ngo 1.21\n")
    (family / "go.sum").write_text("")
    program = 'package main\n\nvar version = "none"\n\nfunc main() { println("alpha", version) }\n'
    (family / "alpha" / "main.go").write_text(program)
    monkeypatch.setattr(toolchain, "FAMILIES", family.parent)
    row = Tool("alpha", "letters", "example/alpha", "1.2.3", 1, {"main.version": "1.2.3"}, suits=((1,), (2,)))
    monkeypatch.setattr(toolchain, "TOOLS", {"alpha": row})
    cache = subprocess.check_output(["go", "env", "GOCACHE"], text=True).strip()
    monkeypatch.setenv("GOCACHE", cache)  # the Go library compiled once serves every run
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    built = toolchain.tool("alpha", progress=silent)
    assert subprocess.run([built], capture_output=True, text=True).stderr == "alpha 1.2.3\n"
