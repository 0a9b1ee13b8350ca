"""What holds for the whole repository, whoever edits it next."""

import itertools
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
LAYERS = ("platform", "local", "all")


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows, or will know."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def pins(lock: Path) -> dict[str, set[str]]:
    """The versions of each package in a lock; there may be one for each platform."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text().splitlines():
        if match := re.match(r"([a-z0-9._-]+)(?:\[.*\])?==(\S+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_in_a_lock_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_layers_are_nested_and_agree_on_every_version() -> None:
    whole = pins(ROOT / "requirements" / "all.txt")
    for smaller, larger in itertools.pairwise(LAYERS):
        within, around = (pins(ROOT / "requirements" / f"{name}.txt") for name in (smaller, larger))
        assert within.keys() <= around.keys()
    for name in LAYERS:
        for package, versions in pins(ROOT / "requirements" / f"{name}.txt").items():
            assert versions <= whole[package], package


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *(d for g in project["dependency-groups"].values() for d in g)]
    exact = {part[0].split("[")[0]: part[2] for text in asked if (part := text.partition("=="))[1]}
    locked = pins(ROOT / "requirements" / "all.txt")
    assert {name: locked[name] for name in exact} == {name: {version} for name, version in exact.items()}


def test_a_plan_and_the_infrastructure_tests_never_pull_ray_or_pytorch() -> None:
    for name in ("platform", "local"):
        assert not {"ray", "torch"} & pins(ROOT / "requirements" / f"{name}.txt").keys()


def test_no_file_names_a_machine() -> None:
    paths = re.compile(r"/(?:home|Users)/[a-z]|/root/|/tmp/(?!\$)[a-z]+/[a-z]+/|\bregistry-mirror\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("*.py", "*.yaml", "*.yml", "*.toml", "*.md", "Makefile", ".ci/*")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if paths.search(line)
    ]
    assert found == []


def test_every_module_says_why_it_exists() -> None:
    def opens_with_a_sentence(path: Path) -> bool:
        text = path.read_text()
        return not text or text.removeprefix("#!/usr/bin/env python3\n").startswith('"""')

    assert [str(path.relative_to(ROOT)) for path in tracked("*.py") if not opens_with_a_sentence(path)] == []


def test_files_stay_readable_in_one_sitting() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in tracked("*.py")}
    assert {str(path): length for path, length in lengths.items() if length > 400} == {}


def test_the_program_stays_an_overview() -> None:
    assert len((ROOT / "stacks" / "__main__.py").read_text().splitlines()) < 80


def test_infrastructure_does_not_know_how_it_is_run() -> None:
    wrong = re.compile(r"^\s*(?:from|import) (?:local|rayeks)\b", re.M)
    assert [
        str(p.relative_to(ROOT)) for p in tracked("infra/**/*.py", "infra/*.py") if wrong.search(p.read_text())
    ] == []


def test_workloads_do_not_know_pulumi() -> None:
    wrong = re.compile(r"^\s*(?:from|import) pulumi\b", re.M)
    assert [str(path.relative_to(ROOT)) for path in tracked("workloads/*.py") if wrong.search(path.read_text())] == []


def test_what_ci_runs_is_what_make_test_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"


def test_every_target_of_make_is_explained() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    names = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert names
    assert {line.split()[1] for line in listed.splitlines()} == set(names[1].split())
