"""A comparison with a base in all three renderings, and the order in which a reviewer reads what breaks."""

import io
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from infra.policies import Severity, Verdict
from rayeks.plan import Resource
from rayeks.plan.alarms import Kind
from rayeks.plan.base import Comparison
from rayeks.plan.constraints import Finding
from rayeks.plan.difference import Difference
from rayeks.plan.judged import Judgement
from rayeks.plan.report import Report
from rayeks.plan.steps import Op, Step
from rayeks.report.html import page
from rayeks.report.markdown import comment
from rayeks.report.terminal import render

BUCKET = Resource("urn:pulumi:s::p::aws:s3/bucket:Bucket::data", "aws:s3/bucket:Bucket", "data", {"forceDestroy": True})
QUEUE = Resource("urn:pulumi:s::p::aws:sqs/queue:Queue::jobs", "aws:sqs/queue:Queue", "jobs", {})
VERDICT = Verdict("data-is-encrypted", Severity.ERROR, "is not encrypted", "set a key", QUEUE.urn, "sqs.Queue jobs")


@pytest.fixture
def report(prod: Report) -> Report:
    """A report in which everything is wrong that can be."""
    steps = (
        Step(Op.CREATE, QUEUE),
        Step(Op.REPLACE, BUCKET, BUCKET, changed=("bucket", "tags"), replacing=("bucket",)),
    )
    found = Difference(steps, Decimal("100.00"), Decimal("130.50"), broken=(VERDICT,))
    assert prod.bill
    bill = replace(prod.bill, floor=(replace(prod.bill.floor[0], price=None), *prod.bill.floor[1:]))
    return replace(
        prod,
        findings=(Finding(QUEUE.urn, "delaySeconds", 1000, "must be from 0 to 900"),),
        policies=Judgement((VERDICT,), 1),
        comparison=Comparison("main", "abc123", 2, found),
        bill=bill,
    )


def on_a_terminal(report: Report) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=160).print(render(report))
    return buffer.getvalue()


def words(text: str) -> str:
    """The text without markup and escapes."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>|[\\*`]", "", text))


RENDERINGS = pytest.mark.parametrize("rendered", [on_a_terminal, comment, page])


def test_lost_data_comes_before_what_aws_refuses_before_policies_before_prices(report: Report):
    assert [alarm.kind for alarm in report.alarms] == [Kind.DATA, Kind.REFUSED, Kind.POLICY, Kind.PRICE]


def test_a_reviewer_decides_about_lost_data_and_unknown_prices_the_rest_stops(report: Report):
    assert [alarm.stops for alarm in report.alarms] == [False, True, True, False]


@RENDERINGS
def test_every_rendering_says_what_breaks(report: Report, rendered):
    text = words(rendered(report))
    assert "s3.Bucket data would be replaced because bucket changes: every object in it would be lost" in text
    assert "delaySeconds is 1000" in text or "delaySeconds is 1000".replace("'", "") in text
    assert "data-is-encrypted" in text
    assert "has no price: the total is too low by it" in text


@RENDERINGS
def test_every_rendering_says_what_changes_and_what_it_costs(report: Report, rendered):
    text = words(rendered(report))
    assert "main" in text and "abc123" in text
    assert "2 files not committed" in text
    assert "$100.00 → $130.50" in text
    assert "+$30.50" in text
    assert text.index("replace") < text.rindex("sqs.Queue jobs")


@RENDERINGS
def test_what_breaks_is_read_before_the_cost_and_the_cost_before_the_changes(report: Report, rendered):
    text = words(rendered(report)).partition("</style>")[2] or words(rendered(report))
    first, cost = text.index("would be lost"), text.index("Control plane")
    changes = text.index("$100.00 → $130.50")
    assert first < cost < changes


@RENDERINGS
def test_a_base_that_cannot_be_planned_is_said(prod: Report, rendered):
    broken = replace(prod, comparison=Comparison("main", "abc123", 0, None, "prod cannot be planned at main: oh"))
    assert "prod cannot be planned at main: oh" in words(rendered(broken))


@RENDERINGS
def test_an_unknown_price_is_unknown_and_never_nothing(report: Report, rendered):
    assert "unknown" in words(rendered(report))
    assert not re.search(r"\$0\.00(?!\d)", words(rendered(report)))
