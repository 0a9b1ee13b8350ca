"""A stack against itself at another ref of a real git repository: what is said, and that nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.home import root as checkout
from rayeks.errors import UserError
from rayeks.plan.base import against

PROGRAM = """
    from infra import words
    from pulumi_aws import sqs
    sqs.Queue(words.NAME, name=words.NAME)
"""


def git(root: Path, *arguments: str) -> str:
    """What git prints in a repository."""
    told = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *told, *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, whose program says `jobs` from an `infra` of its own; temporary files beside it."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    root = project('from pulumi_aws import sqs\nsqs.Queue("jobs", name="jobs")')
    (root / ".gitignore").write_text("temporary/\nhome/\n__pycache__/\n")
    (root / "infra").mkdir()
    (root / "infra" / "__init__.py").write_text("")
    (root / "infra" / "words.py").write_text('NAME = "jobs"\n')
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root, "one")
    return root


def commit(root: Path, message: str) -> None:
    """Commits everything."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def left(root: Path) -> list[str]:
    """What is left of worktrees and temporary folders."""
    trees = git(root, "worktree", "list", "--porcelain").count("worktree ")
    return [str(path) for path in (root / "temporary").iterdir()] + ["a worktree"] * (trees - 1)


def test_the_base_is_planned_by_its_own_code(repository: Path, project) -> None:
    project(PROGRAM)
    commit(repository, "two")
    # This process has this checkout's infra; the base must have its own all the same.
    (repository / "stacks" / "__main__.py").write_text('from pulumi_aws import sqs\nsqs.Queue("more", name="more")\n')
    _, comparison = against("dev", "HEAD", root=repository)
    assert comparison.problem is None and comparison.difference
    steps = [(str(step.op), step.resource.name) for step in comparison.difference.steps]
    assert steps == [("create", "more"), ("delete", "jobs")]
    assert left(repository) == []


def test_a_dirty_worktree_is_allowed_and_said(repository: Path) -> None:
    _, clean = against("dev", "main", root=repository)
    (repository / "stacks" / "__main__.py").write_text("import pulumi\n")
    _, dirty = against("dev", "main", root=repository)
    assert (clean.dirty, dirty.dirty) == (0, 1)
    assert dirty.difference and dirty.difference.counts == {"delete": 1}
    assert dirty.commit == git(repository, "rev-parse", "--short=12", "HEAD").strip()


def test_a_ref_that_there_is_not_is_named(repository: Path) -> None:
    with pytest.raises(UserError, match="no commit 'nowhere'"):
        against("dev", "nowhere", root=repository)
    assert left(repository) == []


def test_an_option_in_place_of_a_ref_is_no_option(repository: Path) -> None:
    with pytest.raises(UserError, match="no commit"):
        against("dev", "--all", root=repository)


def test_outside_of_a_repository_it_says_so(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")
    with pytest.raises(UserError, match="not a git repository"):
        against("dev", "HEAD", root=project("import pulumi"))


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("stacks/__main__.py", "import nowhere\n", "ModuleNotFoundError: No module named 'nowhere'"),
        ("stacks/__main__.py", "import sys\nsys.exit(3)\n", "the program ended itself with exit status 3"),
        ("stacks/__main__.py", "import os\nos._exit(3)\n", "planning it ended with exit status 3"),
        ("stacks/Pulumi.dev.yaml", "config: [\n", "stacks/Pulumi.dev.yaml is not YAML"),
        ("stacks/Pulumi.dev.yaml", "config: nothing\n", "stacks/Pulumi.dev.yaml: config is 'nothing'"),
    ],
)
def test_a_base_that_cannot_be_planned_is_told_with_its_own_error_and_the_head_is_planned(
    path: str, text: str, told: str, repository: Path
) -> None:
    right = (repository / path).read_text()
    (repository / path).write_text(text)
    commit(repository, "broken")
    (repository / path).write_text(right)
    head, comparison = against("dev", "HEAD", root=repository)
    assert [resource.name for resource in head.of_type("aws:sqs/queue:Queue")] == ["jobs"]
    assert comparison.difference is None
    assert comparison.problem and told in comparison.problem
    assert comparison.problem.startswith("dev cannot be planned as it is at HEAD")
    assert "temporary" not in comparison.problem, "the worktree is nobody's business"
    assert left(repository) == []


def test_a_stack_that_the_base_does_not_have_is_created_whole(repository: Path) -> None:
    file = repository / "stacks" / "Pulumi.dev.yaml"
    (repository / "stacks" / "Pulumi.new.yaml").write_text(file.read_text())
    _, comparison = against("new", "HEAD", root=repository)
    assert comparison.absent and comparison.difference
    assert comparison.difference.counts == {"create": 1}


def test_a_project_below_the_top_of_its_repository_is_found_there_in_the_base_too(repository: Path) -> None:
    (repository / "below").mkdir()
    for name in ("Pulumi.yaml", "stacks", "infra"):
        (repository / name).rename(repository / "below" / name)
    commit(repository, "moved")
    _, comparison = against("dev", "HEAD", root=repository / "below")
    assert comparison.difference and comparison.difference.counts == {"same": 1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_worktree_and_no_process(number: int, repository: Path) -> None:
    program = repository / "stacks" / "__main__.py"
    fast = program.read_text()
    program.write_text("import time\ntime.sleep(60)\n")
    commit(repository, "slow")
    program.write_text(fast)
    code = (
        "import sys, tempfile; from pathlib import Path; from rayeks.plan.base import against\n"
        f"tempfile.tempdir = {str(repository / 'temporary')!r}\n"
        f"against('dev', 'HEAD', root=Path({str(repository)!r}))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(checkout())}
    with subprocess.Popen([sys.executable, "-P", "-c", code], env=env, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not list((repository / "temporary").glob("rayeks-plan-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(8.0)  # until it has planned the head, and waits for the base
        process.send_signal(number)
        assert process.wait(timeout=30) != 0
    assert left(repository) == []


def test_the_hooks_of_the_repository_stay_asleep(repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository}/rang\n")
    hook.chmod(0o755)
    against("dev", "HEAD", root=repository)
    assert not (repository / "rang").exists()
