"""The notebook: a document of its format, and a program that runs from the first cell to the last on Ray."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workloads import registry
from workloads.notebook.connect import outputs, place
from workloads.storage import open_storage

FILE = Path(__file__).resolve().parents[3] / "workloads" / "notebook" / "digits.ipynb"
STACK: dict[str, Any] = {
    "namespaces": {"research": "ray-research"},
    "buckets": {"artifacts": "some-artifacts"},
    "workloads": {"train": {"launch": "rayeks launch train --stack local"}},
}


@pytest.fixture
def notebook() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def test_it_is_a_notebook_without_anybodys_results(notebook: dict[str, Any]) -> None:
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    for cell in notebook["cells"]:
        assert isinstance(cell["source"], list)
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            compile("".join(cell["source"]), cell["id"], "exec")


@pytest.mark.ray
@pytest.mark.slow
def test_its_cells_run_on_ray_and_leave_a_model_that_is_served(notebook: dict[str, Any], tmp_path: Path) -> None:
    program = tmp_path / "cells.py"
    program.write_text("\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"))
    stack, models = tmp_path / "outputs.json", tmp_path / "models"
    stack.write_text(json.dumps(STACK))
    own = {"STACK_OUTPUTS": str(stack), "MODELS": str(models), "EPOCHS": "2", "RAY_AUTH_MODE": "disabled"}
    env = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | own
    # Workers find the samples as in the image; a notebook's kernel is started in the repository.
    env["PYTHONPATH"] = str(FILE.parents[2])
    ran = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "cluster of this machine" in ran.stdout
    assert ran.stdout.count("learning rate") == 5
    assert ran.stdout.count("told: ") == 3
    best = registry.load(open_storage(str(models)), "digits@production")
    assert best.metrics["accuracy"] > 0.8


def test_a_cluster_is_reached_by_its_name_and_models_by_the_teams_bucket() -> None:
    found = place(STACK, "research", "mine")
    assert found.address == "ray://mine-head-svc.ray-research.svc.cluster.local:10001"
    assert found.models == "s3://some-artifacts/ray-research/models"
    assert place(STACK, "research").address is None


def test_what_the_stack_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no team 'vision'; it has: research"):
        place(STACK, "vision")
    with pytest.raises(LookupError, match="no bucket 'artifacts'"):
        place({**STACK, "buckets": {}}, "research")
    refusing = tmp_path / "rayeks"
    refusing.write_text("#!/bin/sh\necho 'error: the stack dev is not up' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(LookupError, match="the stack dev is not up"):
        outputs("dev")
