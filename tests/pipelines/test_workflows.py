"""The workflows say what GitHub understands, hold no more rights than they need, and run nothing of a stranger."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.toolchain import TOOLS, tool
from rayeks.pipelines import engine, target

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
MAY_WRITE = {("comment", "comment"): {"issues", "pull-requests"}, ("drift", "tell"): {"issues"}}
"""(workflow, job) → what it may write to GitHub; `id-token` is the identity that AWS trusts."""
WITH_IDENTITY = {"preview", "deploy", "drift", "engine"}


def read(file: Path) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def jobs() -> list[Any]:
    return [
        pytest.param(file.stem, name, job, id=f"{file.stem}-{name}")
        for file in FILES
        for name, job in read(file)["jobs"].items()
    ]


@pytest.mark.engine
def test_actionlint_has_nothing_to_say() -> None:
    argv = [tool("actionlint"), "-no-color", *FILES]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout + ran.stderr, ran.returncode) == ("", 0)


@pytest.mark.engine
def test_actionlint_would_find_a_stranger_s_text_in_a_command(tmp_path: Path) -> None:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    file = tmp_path / ".github" / "workflows" / "bad.yml"
    text = "on: pull_request\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
    file.write_text(text + "      - run: echo ${{ github.event.pull_request.title }}\n")
    ran = subprocess.run([tool("actionlint"), "-no-color", file], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 1 and "potentially untrusted" in ran.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_a_whole_commit_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (.+)", file.read_text())
    wrong = [
        use
        for use in used
        if not use.startswith("./") and not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)
    ]
    assert wrong == []


def test_an_action_has_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for file in FILES:
        for name, pin in re.findall(r"uses: ([\w.-]+/[\w.-]+)@(.+)", file.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize(("workflow", "name", "job"), jobs())
def test_a_job_has_the_rights_that_it_needs_and_a_limit(workflow: str, name: str, job: dict) -> None:
    assert read(FOLDER / f"{workflow}.yml")["permissions"] == {}, "without a word a job has no rights"
    written = {right for right, level in job["permissions"].items() if level == "write"}
    assert written - {"id-token"} == MAY_WRITE.get((workflow, name), set())
    assert "id-token" not in written or workflow in WITH_IDENTITY
    if "uses" not in job:
        assert job["timeout-minutes"] <= 120


@pytest.mark.parametrize(("workflow", "name", "job"), jobs())
def test_no_command_holds_an_expression(workflow: str, name: str, job: dict) -> None:
    assert [step["run"] for step in job.get("steps", []) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize(("workflow", "name", "job"), jobs())
def test_no_token_stays_in_a_checkout(workflow: str, name: str, job: dict) -> None:
    for step in job.get("steps", []):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_no_workflow_knows_a_secret_or_runs_a_stranger_s_code_with_rights() -> None:
    for file in FILES:
        text = file.read_text()
        assert "pull_request_target" not in text and "secrets." not in text, file.name
    comment = read(FOLDER / "comment.yml")["jobs"]["comment"]
    checkout = next(step for step in comment["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    plan = read(FOLDER / "plan.yml")
    assert [job["permissions"] for job in plan["jobs"].values()] == [{"contents": "read"}]


def test_an_update_is_never_cut_short_and_environments_come_in_turn() -> None:
    run = read(FOLDER / "engine.yml")["jobs"]["run"]
    assert run["concurrency"]["cancel-in-progress"] is False
    assert "stack-{0}" in run["concurrency"]["group"]
    deploy = read(FOLDER / "deploy.yml")["jobs"]
    assert [(name, job.get("needs"), job["with"]["environment"]) for name, job in deploy.items()] == [
        ("dev", None, "dev"),
        ("staging", "dev", "staging"),
        ("prod", "staging", "prod"),
    ]


def test_previews_are_of_branches_of_this_repository() -> None:
    touched = read(FOLDER / "preview.yml")["jobs"]["touched"]
    assert touched["if"] == "${{ github.event.pull_request.head.repo.full_name == github.repository }}"


def test_the_engine_is_the_pinned_one_and_policies_go_with_it() -> None:
    steps = read(FOLDER / "engine.yml")["jobs"]["run"]["steps"]
    (installed,) = [step["with"]["pulumi-version"] for step in steps if "pulumi/actions" in step.get("uses", "")]
    assert installed == TOOLS["pulumi"].version
    for command in ("preview", "up"):
        assert "--policy-pack" in engine.commands(command, "dev")[-1]
    assert (ROOT / engine.POLICIES / "PulumiPolicy.yaml").is_file()
    assert engine.commands("up", "dev")[0][-2:] == ["preflight", "dev"]


def test_every_module_that_a_workflow_runs_is_there_and_the_commands_are_its_own() -> None:
    text = "\n".join(file.read_text() for file in FILES)
    for module in re.findall(r"-m (rayeks\.\S+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    asked = {
        job["with"]["command"] for _, _, job in (each.values for each in jobs()) if "command" in job.get("with", {})
    }
    assert asked == set(engine.COMMANDS)


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_a_pipeline_goes_to_the_account_and_the_role_of_its_stack(stack: str) -> None:
    account = yaml.safe_load((ROOT / "account" / f"Pulumi.{stack}.yaml").read_text())["config"]
    name = account["ray-on-eks-account:account"]["stacks"][stack]
    found = target.target(stack, "deploy", ROOT)
    (number,) = account["aws:allowedAccountIds"]
    assert found["role"] == f"arn:aws:iam::{number}:role/pulumi-{name}-deploy"
    assert found["backend"] == f"s3://pulumi-state-{number}-{account['aws:region']}?region={account['aws:region']}"
    assert (found["account"], found["region"]) == (number, account["aws:region"])


def test_every_slow_test_is_run_by_one_job_of_the_drills_and_every_job_has_one() -> None:
    groups = [what.split() for what in read(FOLDER / "test.yml")["jobs"]["drills"]["strategy"]["matrix"]["what"]]
    slow = [file for file in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.slow" in file.read_text()]
    slow.remove(Path(__file__))
    by_group = {
        " ".join(paths): [file for file in slow if any(file.is_relative_to(ROOT / path) for path in paths)]
        for paths in groups
    }
    assert all(by_group.values()), by_group
    assert sorted(file for files in by_group.values() for file in files) == sorted(slow)
