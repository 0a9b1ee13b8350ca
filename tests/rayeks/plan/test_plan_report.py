"""The assessment of a plan as a whole, and of this project's own stacks."""

import json

import pytest

from local.home import root
from rayeks.errors import UserError
from rayeks.plan import plan
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
    assert {"stack", "resources", "outputs", "findings", "criticalPath", "unchecked"} == set(document)
    assert [finding["path"] for finding in document["findings"]] == ["delaySeconds", "name"]


def test_every_value_that_aws_would_refuse_is_in_one_error(planned):
    with pytest.raises(UserError) as failure:
        assess(planned(BAD)).raise_for_findings()
    assert "1. aws:sqs/queue:Queue jobs: delaySeconds is 1000" in str(failure.value)
    assert "2. aws:sqs/queue:Queue more: name is 'jobs': is taken by jobs" in str(failure.value)


def test_every_stack_of_this_project_passes_awss_constraints(own):
    assert {stack: [str(finding) for finding in report.findings] for stack, report in own.items()} == {
        stack: [] for stack in own
    }


def test_every_aws_type_of_this_project_has_rules(own):
    assert {kind for report in own.values() for kind in report.unchecked} == set()


def test_the_first_ray_pod_runs_within_a_tenth_of_the_unavoidable_chain(own):
    ratios = {stack: report.path.ratio for stack, report in own.items()}
    assert all(ratio is not None and ratio <= 1.1 for ratio in ratios.values()), ratios


def test_a_stack_is_planned_and_assessed_the_same_way_every_time(own):
    assert assess(plan("dev", root=root())).document() == own["dev"].document()
