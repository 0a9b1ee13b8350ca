"""A project of one's own for each test: Pulumi.yaml, one stack file and a program."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from rayeks.plan import Plan, plan

STACK_FILE = """
config:
  aws:region: eu-central-1
  aws:allowedAccountIds: ["111122223333"]
  aws:defaultTags:
    tags: {team: ml}
  toy:size: 3
  toy:cpu: 1.50
  toy:on: yes
  toy:shape: {zones: [a, b], deep: {x: 1}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Writes a project around a program and returns its folder."""

    def write(program: str, stack_file: str = STACK_FILE) -> Path:
        (tmp_path / "stacks").mkdir(exist_ok=True)
        (tmp_path / "Pulumi.yaml").write_text(
            "name: toy\nruntime: python\nmain: stacks/\nstackConfigDir: stacks\n"
            "config:\n  toy:colour: blue\n  toy:depth: {type: integer, default: 7}\n"
        )
        (tmp_path / "stacks/Pulumi.dev.yaml").write_text(stack_file)
        (tmp_path / "stacks/__main__.py").write_text(textwrap.dedent(program))
        return tmp_path

    return write


@pytest.fixture
def planned(project: Callable[..., Path]) -> Callable[[str], Plan]:
    """The plan of a program."""
    return lambda program: plan("dev", root=project(program))
