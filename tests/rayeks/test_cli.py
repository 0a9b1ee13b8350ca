"""What a person gets from the command line: help, results, and one plain message when something is wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from rayeks.__main__ import main
from rayeks.cli.app import app
from rayeks.errors import UserError


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run one command in a home of its own."""

    def run(*arguments: str) -> Ended:
        status = main(arguments)
        return Ended(status, *capsys.readouterr())

    return run


COMMANDS = sorted(getattr(command.callback, "__name__", "") for command in app.registered_commands)


def test_help_names_every_command_and_where_to_begin() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert [command for command in COMMANDS if not re.search(rf"\b{command}\b", text)] == []
    assert "Begin with" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_teaches_by_example(command: str) -> None:
    answer = CliRunner().invoke(app, [command, "--help"])
    assert answer.exit_code == 0
    assert re.search(rf"Examples?:\s.*rayeks {command}", answer.output, re.S)


def test_the_version_is_told(run) -> None:
    assert re.fullmatch(r"rayeks \d+\.\d+\.\d+\n", run("--version").out)


def test_an_unknown_stack_is_refused_with_the_names_there_are(run) -> None:
    for command in ("plan", "up", "down", "outputs"):
        ended = run(command, "nonesuch")
        assert ended.status == 1
        assert "no stack 'nonesuch'" in ended.err
        assert "local" in ended.err and "prod" in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize(("command", "verb"), [("up", "up"), ("down", "destroy")])
def test_a_stack_of_a_real_account_is_left_to_pulumi_with_the_command_to_use(run, command: str, verb: str) -> None:
    ended = run(command, "dev")
    assert ended.status == 1
    assert f"pulumi {verb} -s dev" in ended.err


def test_wrong_usage_ends_with_2(run) -> None:
    assert run("up", "--nonsense").status == 2
    assert run("plan").status == 2
    assert run("fly").status == 2


def test_outputs_of_a_stack_that_is_not_up_say_how_to_bring_it_up(run) -> None:
    ended = run("outputs")
    assert ended.status == 1
    assert "fix: rayeks up local" in ended.err


def test_down_with_nothing_up_says_so_and_ends_well(run) -> None:
    ended = run("down")
    assert ended.status == 0
    assert "nothing is up" in ended.out


def test_doctor_tells_machines_the_same_as_people(run, home: Path) -> None:
    findings = json.loads(run("doctor", "--json").out)
    shown = run("doctor").out
    assert all(finding["name"] in shown for finding in findings)
    assert {"python", "pulumi", "kube-apiserver", "go", "state"} <= {finding["name"] for finding in findings}
    assert all(finding["fix"] for finding in findings if finding["missing"])


def test_doctor_fails_when_something_is_missing_and_says_how_to_get_it(
    run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ended = run("doctor", "--json")
    missing = {finding["name"]: finding["fix"] for finding in json.loads(ended.out) if finding["missing"]}
    assert ended.status == 1
    assert {"pulumi", "etcd"} <= missing.keys()
    assert "go.dev" in missing["pulumi"]


def fails_with(error: BaseException) -> Callable[..., None]:
    """A stand-in for what a command does."""

    def fail(**_: object) -> None:
        raise error

    return fail


def test_a_mistake_of_the_person_is_one_message_with_its_fix(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayeks.cli.doctor.examine", fails_with(UserError("the disk is full", "free some space")))
    ended = run("doctor")
    assert (ended.status, ended.err) == (1, "error: the disk is full\n  fix: free some space\n")


def test_a_fault_of_the_program_is_short_and_its_traceback_is_in_a_file(
    run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr("rayeks.cli.doctor.examine", fails_with(ZeroDivisionError("seconds per step")))
    ended = run("doctor")
    assert ended.status == 1
    assert "ZeroDivisionError: seconds per step" in ended.err
    assert "Traceback" not in ended.err
    assert "Traceback" in (home / "logs" / "fault.log").read_text()


def test_ctrl_c_ends_with_130(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayeks.cli.doctor.examine", fails_with(KeyboardInterrupt()))
    assert run("doctor").status == 130


def test_what_is_not_a_terminal_gets_no_colour(run) -> None:
    assert "\033" not in "".join(map(str, run("doctor")))
