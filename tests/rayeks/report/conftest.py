"""A small program's plan, and this project's own stacks as reports."""

import textwrap
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from local.home import root
from rayeks.plan import Plan, plan
from rayeks.plan.report import Report, assess

TODAY = date(2026, 11, 1)


@pytest.fixture
def planned(tmp_path: Path) -> Callable[[str], Plan]:
    """The plan of a program."""

    def make(program: str) -> Plan:
        (tmp_path / "Pulumi.yaml").write_text("name: toy\nruntime: python\nmain: program/\n")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {'aws:region': eu-central-1}\n")
        (tmp_path / "program").mkdir()
        (tmp_path / "program/__main__.py").write_text(textwrap.dedent(program))
        return plan("dev", root=tmp_path)

    return make


@pytest.fixture(scope="session")
def prod() -> Report:
    """The report of this project's largest stack."""
    return assess(plan("prod", root=root()), today=TODAY)
