"""The assessment of a plan as a whole, and of this project's own stacks."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from infra.policies import Severity, Verdict
from local.home import root
from rayeks.errors import UserError
from rayeks.plan import plan
from rayeks.plan.judged import Judgement
from rayeks.plan.report import Report, assess
from rayeks.plan.stackfile import stacks

BAD = """
    from pulumi_aws import sqs
    sqs.Queue("jobs", name="jobs", delay_seconds=1000)
    sqs.Queue("more", name="jobs")
"""


@pytest.fixture(scope="module")
def own() -> dict[str, Report]:
    """This project's stacks, each assessed."""
    return {stack: assess(plan(stack, root=root())) for stack in stacks(root())}


def test_the_document_is_the_plans_with_findings_and_critical_path(planned):
    report = assess(planned(BAD))
    document = json.loads(report.document())
    assert {"stack", "resources", "outputs", "alarms", "findings", "criticalPath", "unchecked"} == set(document)
    assert [finding["path"] for finding in document["findings"]] == ["delaySeconds", "name"]


def test_every_value_that_aws_would_refuse_is_in_one_error(planned):
    with pytest.raises(UserError) as failure:
        assess(planned(BAD)).raise_for_alarms()
    assert "1. AWS would refuse: aws:sqs/queue:Queue jobs: delaySeconds is 1000" in str(failure.value)
    assert "2. AWS would refuse: aws:sqs/queue:Queue more: name is 'jobs': is taken by jobs" in str(failure.value)


def test_a_stack_of_this_project_comes_with_its_bill_and_its_policies(own):
    document = own["prod"].to_json()
    assert Decimal(document["bill"]["usdPerMonth"]) == sum(Decimal(line["usd"]) for line in document["bill"]["lines"])
    assert document["policies"]["judged"] > 0


def test_nothing_of_this_project_breaks(own):
    assert {stack: report.alarms for stack, report in own.items()} == dict.fromkeys(own, ())


def test_a_price_that_nobody_knows_fails_a_strict_plan_alone(own):
    bill = own["dev"].bill
    lines = (replace(bill.floor[0], price=None), *bill.floor[1:])
    report = replace(own["dev"], bill=replace(bill, floor=lines))
    report.raise_for_alarms()
    with pytest.raises(UserError, match="price unknown: EKS control plane"):
        report.raise_for_alarms(strict=True)


def test_a_policy_that_must_hold_stops_a_plan(own):
    verdict = Verdict("budget-is-present", Severity.ERROR, "has no budget", "add one")
    report = replace(own["dev"], policies=Judgement((verdict,), 1))
    with pytest.raises(UserError, match=r"policy: budget-is-present: the stack has no budget \(add one\)"):
        report.raise_for_alarms()


def test_every_stack_of_this_project_passes_awss_constraints(own):
    assert {stack: [str(finding) for finding in report.findings] for stack, report in own.items()} == {
        stack: [] for stack in own
    }


def test_every_aws_type_of_this_project_has_rules(own):
    assert {kind for report in own.values() for kind in report.unchecked} == set()


def test_the_first_ray_pod_runs_within_a_tenth_of_the_unavoidable_chain(own):
    ratios = {stack: report.path.ratio for stack, report in own.items() if report.bill}
    assert all(ratio is not None and ratio <= 1.1 for ratio in ratios.values()), ratios


def test_a_stack_is_planned_and_assessed_the_same_way_every_time(own):
    assert assess(plan("dev", root=root())).document() == own["dev"].document()
