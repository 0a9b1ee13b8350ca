"""A change plans the stacks that it may change, read from a real git history."""

import subprocess
import sys
from pathlib import Path

import pytest

from rayeks.pipelines.touched import changed, stacks, touched

STACKS = ["dev", "local", "prod", "staging"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["infra/network.py"], STACKS),
        (["stacks/__main__.py"], STACKS),
        (["workloads/manifests.py"], STACKS),
        (["requirements/platform.txt"], STACKS),
        (["Pulumi.yaml"], STACKS),
        (["stacks/Pulumi.dev.yaml"], ["dev"]),
        (["stacks/Pulumi.prod.yaml", "stacks/Pulumi.dev.yaml", "README.md"], ["dev", "prod"]),
        (["docs/first-deploy.md", "README.md", "tests/infra/test_iam.py", ".github/workflows/plan.yml"], []),
        (["account/Pulumi.dev.yaml"], []),
        (["stacks/Pulumi.gone.yaml"], []),
        ([], []),
    ],
)
def test_files_touch_the_stacks_that_are_made_of_them(files: list[str], expected: list[str]) -> None:
    assert touched(files, STACKS) == expected


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository with two stacks on `main`, and a branch that has moved one file of them."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=somebody", "-c", "user.email=some@body"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "stacks").mkdir()
    (tmp_path / "rayeks").mkdir()
    for stack in ("dev", "prod"):
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text(f"config:\n  name: {stack}\n")
    (tmp_path / "rayeks" / "notes.md").write_text("notes\n")
    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    git("checkout", "--quiet", "-b", "topic")
    git("mv", "stacks/Pulumi.dev.yaml", "stacks/Pulumi.test.yaml")
    (tmp_path / "rayeks" / "a file\nwith a line.md").write_text("odd\n")
    git("add", ".")
    git("commit", "--quiet", "--message=topic")
    git("checkout", "--quiet", "main")
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text("config: {}\n")
    git("commit", "--quiet", "--all", "--message=main moved on")
    git("checkout", "--quiet", "topic")
    return tmp_path


def test_a_branch_is_compared_with_where_it_left_the_base(history: Path) -> None:
    found = changed("main", history)
    assert found == ["rayeks/a file\nwith a line.md", "stacks/Pulumi.dev.yaml", "stacks/Pulumi.test.yaml"]
    assert stacks(history) == ["prod", "test"]
    assert touched(found, stacks(history)) == ["test"], "prod changed on main alone, dev is no more"


def test_the_command_prints_a_stack_a_line(history: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    argv = [sys.executable, "-m", "rayeks.pipelines.touched", "main"]
    ran = subprocess.run(argv, cwd=history, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}, capture_output=True)
    assert ran.stdout == b"test\n"


@pytest.mark.parametrize("base", ["origin/nowhere", "--output=owned"])
def test_a_base_that_is_no_commit_ends_with_git_s_words(history: Path, base: str) -> None:
    with pytest.raises(SystemExit) as told:
        changed(base, history)
    assert "cannot compare" in str(told.value)
    assert not (history / "owned...HEAD").exists(), "a base is never taken for an option"
