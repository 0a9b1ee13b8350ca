"""Tags that bills are split by, and people who hear of budgets."""

from dataclasses import replace
from typing import Any

import pytest

from rayeks.plan.model import Plan
from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import ACCOUNT, PLATFORM, TAGS, only

TOPIC = f"arn:aws:sns:us-west-2:{ACCOUNT}:ray-test-cost"


def known(**tags: str) -> dict[str, Any]:
    """What billing says of tags; all of the stack's are active unless told otherwise."""
    status = dict.fromkeys([*TAGS, "rayeks/team"], "Active") | {k.replace("_", "-"): v for k, v in tags.items()}
    return {"CostAllocationTags": [{"TagKey": key, "Status": value} for key, value in status.items() if value]}


def test_a_tag_that_is_not_active_is_warned_of_with_the_command(find, answers) -> None:
    answers.give("ce", "ListCostAllocationTags", known(managed_by="Inactive"))
    finding = only(find("cost-tags"))
    assert (finding.status, finding.subject) == (Status.WARN, "managed-by")
    assert "TagKey=managed-by,Status=Active" in finding.fix


def test_tags_that_nobody_has_used_are_told_together(find, answers) -> None:
    answers.give("ce", "ListCostAllocationTags", {"CostAllocationTags": []})
    finding = only(find("cost-tags"))
    assert finding.subject == "environment, managed-by, rayeks/team"
    assert "until a day after its first use" in finding.message


def test_a_tag_that_the_stack_activates_before_anybody_used_it_fails(find, answers) -> None:
    answers.give("ce", "ListCostAllocationTags", known())
    finding = only(find("cost-tags", cost__activate_tags=["cost-center"]))
    assert (finding.status, finding.subject) == (Status.FAIL, "cost-center")
    assert "a day after" in finding.fix


def test_a_tag_that_the_stack_activates_passes(find, answers) -> None:
    answers.give("ce", "ListCostAllocationTags", known(cost_center="Inactive"))
    found = find("cost-tags", cost__activate_tags=["cost-center"])
    assert {finding.status for finding in found} == {Status.PASS}


def test_the_tags_of_budgets_are_looked_up_too(find) -> None:
    assert {finding.subject for finding in find("cost-tags")} == {"environment", "managed-by", "rayeks/team"}


def test_a_stack_without_budgets_is_warned_of(find) -> None:
    finding = only(find("budgets", cost=None))
    assert finding.status is Status.WARN
    assert "`cost` section" in finding.fix


def test_a_subscriber_that_has_not_confirmed_is_warned_of(aws, find, answers) -> None:
    pending = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "ml@example.com", "Protocol": "email"}
    answers.give("sns", "ListSubscriptionsByTopic", {"Subscriptions": [pending]})
    finding = only(find("budgets"))
    assert (finding.status, finding.subject) == (Status.WARN, "ml@example.com")
    assert "link" in finding.fix


def test_a_subscriber_that_has_confirmed_passes(aws, find) -> None:
    sns = aws("sns")
    topic = sns.create_topic(Name="ray-test-cost")["TopicArn"]
    assert topic == TOPIC
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ml@example.com")
    (finding,) = find("budgets")
    assert (finding.status, finding.message) == (Status.PASS, "hears of budgets")


def test_before_the_first_up_the_subscribers_are_named(aws, find) -> None:
    (finding,) = find("budgets")
    assert finding.status is Status.PASS
    assert PLATFORM["cost"]["subscribers"][0] in finding.message


@pytest.fixture
def mute(planned) -> Plan:
    """The plan with a budget that tells nobody."""
    (first, *_) = planned.plan.of_type("aws:budgets/budget:Budget")
    quiet = replace(first, inputs={**first.inputs, "notifications": []})
    rest = tuple(item for item in planned.plan.resources if item.urn != first.urn)
    return replace(planned.plan, resources=(*rest, quiet))


def test_a_budget_that_alerts_nobody_fails(aws, find, planned, mute) -> None:
    finding = only(find("budgets", stack=replace(planned, plan=mute)))
    assert finding.status is Status.FAIL
    assert "cost.subscribers" in finding.fix
