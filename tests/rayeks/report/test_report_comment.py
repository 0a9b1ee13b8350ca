"""The comment of a pull request: it folds, it fits, it is the same twice, and nothing in it is taken for markup."""

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from rayeks.plan import Resource
from rayeks.plan.constraints import Finding
from rayeks.plan.report import Report
from rayeks.report.markdown import MOST_BYTES, comment

MARKDOWN = MarkdownIt("commonmark").enable("table")


def test_the_comment_begins_with_the_mark_by_which_it_is_found_again(prod: Report):
    assert comment(prod).splitlines()[0] == "<!-- rayeks plan prod -->"


def test_the_comment_is_the_same_twice(prod: Report):
    assert comment(prod) == comment(replace(prod))


def test_every_table_of_the_comment_is_one(prod: Report):
    text = comment(prod)
    tables = sum(token.type == "table_open" for token in MARKDOWN.parse(text))
    assert tables == len(re.findall(r"^\|( -+:? \|)+$", text, re.MULTILINE)) >= 5
    assert text.count("<details>") == text.count("</details>") >= 4


def test_what_is_folded_says_what_it_is_about(prod: Report):
    assert "<summary><b>Cost</b>: $" in comment(prod)
    assert "<summary><b>Critical path</b>: everything after " in comment(prod)


def test_what_breaks_stands_in_the_open_and_counts_as_grave(prod: Report):
    finding = Finding("urn:pulumi:s::p::aws:sqs/queue:Queue::jobs", "delaySeconds", 1000, "must be from 0 to 900")
    text = comment(replace(prod, findings=(finding,)))
    before_the_folds = text.split("<details>")[0]
    assert "> [!CAUTION]" in before_the_folds
    assert "**AWS would refuse**: aws:sqs/queue:Queue jobs: delaySeconds is 1000: must be from 0 to 900" in text


@pytest.mark.parametrize("nasty", ["<script>x</script>", "a | b", "@everyone", "[x](http://y)", "**x**", "![i](z)"])
def test_a_value_of_the_stack_is_never_markup(prod: Report, nasty: str):
    plan = replace(prod.plan, outputs={"odd": nasty}, resources=())
    text = comment(replace(prod, plan=plan))
    rendered = MARKDOWN.render(text.split("<b>Outputs</b></summary>")[1])
    assert not any(tag in rendered for tag in ("<script", "<a ", "<img", "<strong"))
    assert "@everyone" not in text
    row = next(line for line in text.splitlines() if line.startswith("| `odd`"))
    assert row.count("|") == 3


def test_a_plan_of_thousands_of_resources_fits_a_comment_and_says_what_is_left_out(prod: Report):
    stack = next(one for one in prod.plan.resources if one.type == "pulumi:pulumi:Stack")
    many = tuple(
        Resource(f"urn:{at}", "toy:infra:Part" + "x" * 40, f"part-{at}", {}, parent=stack.urn, custom=False)
        for at in range(1500)
    )
    text = comment(replace(prod, plan=replace(prod.plan, resources=(*prod.plan.resources, *many))))
    assert len(text.encode()) < MOST_BYTES
    assert "Left out, for length: <b>Resources</b>" in text
    assert "<b>Outputs</b></summary>" in text
