"""The command: a table or a document on standard output, progress on the other, and the exit status."""

import json

import pytest

from rayeks.__main__ import main
from rayeks.preflight import Stack
from tests.rayeks.preflight.conftest import ACCOUNT


@pytest.fixture
def pointed(monkeypatch, planned, endpoint, aws) -> None:
    """The command finds the tests' stack, and the environment points at the local AWS."""
    monkeypatch.setattr("rayeks.preflight.read", lambda _name, _root: planned)
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)


def test_what_passes_ends_with_0_and_says_ready(pointed, capsys) -> None:
    assert main(["preflight", "test", "--only", "identity", "--only", "kubernetes"]) == 0
    told = capsys.readouterr()
    assert "test is ready: 2 pass" in told.out
    assert "2 checks of account" in told.err
    assert "2/2" in told.err


def test_the_document_is_all_that_stands_on_standard_output(pointed, capsys) -> None:
    assert main(["preflight", "test", "--json", "--only", "identity"]) == 0
    assert json.loads(capsys.readouterr().out)["account"] == ACCOUNT


def test_what_fails_ends_with_1_and_tells_the_fix(pointed, aws, capsys) -> None:
    iam = aws("iam")
    (role,) = iam.list_roles(PathPrefix="/aws-service-role/spot.amazonaws.com/")["Roles"]
    iam.delete_service_linked_role(RoleName=role["RoleName"])
    assert main(["preflight", "test", "--only", "spot-role"]) == 1
    told = capsys.readouterr().out
    assert "not ready" in told
    assert "fix: aws iam create-service-linked-role" in told


def test_a_warning_ends_with_0_and_with_1_when_strict(pointed, capsys) -> None:
    assert main(["preflight", "test", "--only", "cost-tags"]) == 0
    assert "warn  cost-tags" in capsys.readouterr().out
    assert main(["preflight", "test", "--only", "cost-tags", "--strict"]) == 1


def test_an_unknown_check_is_refused_before_anything_is_asked(pointed, capsys) -> None:
    assert main(["preflight", "test", "--only", "nonesuch"]) == 1
    assert "no check 'nonesuch'" in capsys.readouterr().err


def test_a_profile_that_does_not_exist_is_told_plainly(pointed, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nonesuch")
    assert main(["preflight", "test"]) == 1
    told = capsys.readouterr().err
    assert "nonesuch" in told
    assert "AWS_PROFILE" in told
    assert "Traceback" not in told


def test_an_empty_profile_counts_as_none(pointed, monkeypatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "")
    assert main(["preflight", "test", "--only", "identity"]) == 0


def test_an_endpoint_where_nobody_listens_is_told_and_does_not_crash(pointed, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["preflight", "test"]) == 1
    told = capsys.readouterr().out
    assert "http://127.0.0.1:9 does not answer" in told
    assert "not ready" in told


def test_the_local_stack_is_checked_against_this_machine_which_must_be_up(
    pointed, monkeypatch, home, planned, capsys
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    local = planned.platform.model_copy(update={"environment": "local"})
    monkeypatch.setattr("rayeks.preflight.read", lambda _name, _root: Stack("local", local, planned.plan))
    assert main(["preflight", "local"]) == 1
    assert "rayeks up local starts it" in capsys.readouterr().err
