"""Exceptions: they excuse what they name until their day, and then they are told."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from infra.config import InvalidPlatform, parse
from infra.policies import Finding, Policy, Severity, Stack
from infra.policies.core import ENVIRONMENTS
from rayeks.plan import Plan
from rayeks.plan.judged import policies
from tests.infra.policies.conftest import changed, configured

TODAY = date(2026, 11, 23)
EXCEPTION = {
    "policy": "keys-rotate",
    "resource": "ray-prod-*",
    "reason": "the key was imported and cannot rotate",
    "owner": "security@example.com",
    "expires": "2026-11-23",
}


@pytest.fixture
def excused(prod: Plan) -> Callable[..., Plan]:
    """Prod with a key that does not rotate, and an exception (with some keys changed)."""
    broken = changed(prod, "aws:kms/key:Key", lambda inputs: inputs.update(enableKeyRotation=False))
    platform = json.loads(prod.config[f"{prod.project}:platform"])
    ceiling = platform["policies"]["monthly_ceiling_usd"]

    def write(**other: Any) -> Plan:
        section = {"monthly_ceiling_usd": ceiling, "exceptions": [EXCEPTION | other]}
        return configured(broken, json.dumps(platform | {"policies": section}))

    return write


def test_an_excused_finding_stops_nothing_and_is_still_shown_with_who_answers_for_it(excused) -> None:
    judgement = policies(excused(), today=TODAY)
    [verdict] = judgement.verdicts
    assert not judgement.stopping
    assert judgement.excepted == (verdict,)
    assert "excepted until 2026-11-23 by security@example.com: the key was imported" in str(verdict)
    assert judgement.to_json()["findings"][0]["excepted"]["owner"] == "security@example.com"


def test_an_exception_may_name_a_urn(excused, prod: Plan) -> None:
    key = next(prod.of_type("aws:kms/key:Key")).urn
    assert not policies(excused(resource=key), today=TODAY).stopping
    assert policies(excused(resource="*other*"), today=TODAY).stopping


def test_the_day_after_its_last_an_exception_excuses_nothing_and_is_itself_an_error(excused) -> None:
    judgement = policies(excused(), today=date(2026, 11, 24))
    assert {verdict.policy for verdict in judgement.stopping} == {"keys-rotate", "policy-exceptions"}
    expired = next(str(verdict) for verdict in judgement.stopping if verdict.policy == "policy-exceptions")
    assert "policies.exceptions[0] (keys-rotate) expired on 2026-11-23" in expired
    assert "security@example.com" in expired


def test_an_exception_that_excepts_nothing_any_more_is_told_and_stops_nothing(excused) -> None:
    judgement = policies(excused(policy="queues-are-encrypted", resource="*"), today=TODAY)
    [told] = [verdict for verdict in judgement.verdicts if verdict.policy == "policy-exceptions"]
    assert told.severity is Severity.ADVICE and "excepts nothing any more" in told.message


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"owner": None}, "policies.exceptions[0].owner: is missing"),
        ({"owner": ""}, "policies.exceptions[0].owner: string should have at least 1 character"),
        ({"expires": None}, "policies.exceptions[0].expires: is missing"),
        ({"expires": "soon"}, "policies.exceptions[0].expires"),
        ({"reason": "because"}, "policies.exceptions[0].reason"),
        (
            {"policy": "keys-rotates"},
            "policies.exceptions[0].policy: no policy keys-rotates (did you mean keys-rotate?)",
        ),
    ],
)
def test_an_exception_without_owner_reason_day_or_policy_is_refused(wrong, told, values: dict[str, Any]) -> None:
    entry = {key: value for key, value in (EXCEPTION | wrong).items() if value is not None}
    with pytest.raises(InvalidPlatform) as refused:
        parse(values | {"policies": {"exceptions": [entry]}})
    assert told in str(refused.value)


def test_the_same_exception_twice_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidPlatform) as refused:
        parse(values | {"policies": {"exceptions": [EXCEPTION, EXCEPTION]}})
    assert "policies.exceptions[1]: says the same as policies.exceptions[0]" in str(refused.value)


def test_a_policy_that_raises_is_an_error_under_its_own_name_and_the_others_are_judged(prod: Plan) -> None:
    def fails(stack: Stack) -> list[Finding]:
        raise KeyError("spec")

    def finds(stack: Stack) -> list[Finding]:
        return [Finding("is wrong")]

    everywhere = dict.fromkeys(ENVIRONMENTS, Severity.WARNING)
    one = Policy("one", "test", "demand", "reason", "fix", everywhere, fails, alone=False)
    two = Policy("two", "test", "demand", "reason", "fix", everywhere, finds, alone=False)
    judgement = policies(prod, among=[one, two])
    assert [verdict.policy for verdict in judgement.verdicts] == ["one", "two"]
    assert [verdict.policy for verdict in judgement.stopping] == ["one"]
    assert "KeyError: 'spec'" in judgement.verdicts[0].message


def test_a_finding_weighs_what_its_environment_says(prod: Plan) -> None:
    platform = json.loads(prod.config[f"{prod.project}:platform"])

    def severity(environment: str) -> list[Severity]:
        opened = changed(
            prod, "aws:eks/cluster:Cluster", lambda inputs: inputs["vpcConfig"].update(publicAccessCidrs=["0.0.0.0/0"])
        )
        judged = policies(configured(opened, json.dumps(platform | {"environment": environment})))
        return [verdict.severity for verdict in judged.verdicts if verdict.policy == "api-server-is-not-open"]

    assert {environment: severity(environment) for environment in ENVIRONMENTS} == {
        "local": [Severity.ADVICE],
        "dev": [Severity.WARNING],
        "staging": [Severity.ERROR],
        "prod": [Severity.ERROR],
    }
