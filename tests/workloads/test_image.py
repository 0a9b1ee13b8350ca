"""The image's recipe: pinned, without secrets, as the user of the manifests, and with all that the samples import."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from infra import contract
from local.toolchain import module_dir
from workloads.manifests import RESTRICTED

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "workloads" / "Dockerfile").read_text()
LOCK = (ROOT / "requirements" / "image.txt").read_text()


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", RECIPE, re.M)


def locked() -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", LOCK, re.M))


def test_the_base_is_pinned_by_its_digest_and_nothing_else_is_a_base() -> None:
    (base,) = instructions("ARG")
    assert re.fullmatch(r"BASE=python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert instructions("FROM") == ["${BASE}"]
    assert not any("--from" in copied for copied in instructions("COPY"))


def test_it_runs_as_the_user_that_the_manifests_ask_for() -> None:
    assert instructions("USER")[-1] == str(RESTRICTED["runAsUser"])
    assert RECIPE.rindex("\nUSER") > max(RECIPE.rindex("\nRUN"), RECIPE.rindex("\nCOPY"))


def test_it_has_what_kuberay_asks_a_serve_worker_s_health_with() -> None:
    operator = module_dir("github.com/ray-project/kuberay/ray-operator")
    constants = (operator / "controllers/ray/utils/constant.go").read_text()
    (tool,) = re.findall(r'BaseWgetHealthCommand = "(\w+) ', constants)
    assert re.search(rf"apt-get install .*\b{tool}\b", RECIPE)


def test_no_secret_is_asked_for_or_written_down() -> None:
    settings = " ".join(instructions("ARG") + instructions("ENV"))
    assert not re.search(r"token|secret|password|credential|_key", settings, re.I)
    assert "ADD" not in RECIPE.split()
    assert all("--mount" not in ran for ran in instructions("RUN"))


def test_packages_come_by_hash_and_are_those_of_the_other_locks() -> None:
    assert "--require-hashes" in RECIPE
    everything = (ROOT / "requirements" / "all.txt").read_text()
    versions = dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", everything, re.M))
    assert {name: version for name, version in locked().items() if versions.get(name) != version} == {}
    assert locked()["ray"] == contract.RAY_VERSION
    assert not {"pulumi", "moto", "pytest"} & locked().keys()


def test_everything_that_the_samples_import_is_installed() -> None:
    imported = set()
    for file in (ROOT / "workloads").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"workloads", "infra"}
    assert {"ray", "torch", "numpy"} <= foreign
    sources = packages_distributions()
    missing = {
        name for name in foreign if not {source.lower().replace("_", "-") for source in sources[name]} & locked().keys()
    }
    assert missing == set()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The tree that the recipe copies, and nothing of the repository beside it."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in instructions("COPY"):
        *sources, target = line.split()
        for source in sources:
            assert source in allowed, f"{source} is not let into the build by .dockerignore"
            place = tmp_path / target.removeprefix("/opt/ray-on-eks/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place = place / Path(source).name if target.endswith("/") else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    return tmp_path


@pytest.mark.parametrize("sample", ["train", "serve", "data", "hybrid", "loop"])
def test_the_copied_files_are_enough_for_each_sample(copied: Path, sample: str) -> None:
    argv = [sys.executable, "-P", "-m", f"workloads.{sample}", "--help"]
    env = {"PYTHONPATH": str(copied), "PATH": os.environ["PATH"]}
    ran = subprocess.run(argv, cwd=copied.parent, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "usage: python -m workloads." in ran.stdout
