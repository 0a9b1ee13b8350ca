"""What is said of a difference: data first, who drags whom, money and rules."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from infra.policies import Severity, Verdict
from rayeks.plan import Plan, plan
from rayeks.plan.difference import Difference, difference
from rayeks.plan.judged import Judgement
from rayeks.plan.preview import preview
from rayeks.plan.steps import Op

BUCKET = """
    import pulumi
    from pulumi import ResourceOptions
    from pulumi_aws import s3, sqs
    bucket = s3.Bucket("data", bucket="{name}", force_destroy={force}, opts=ResourceOptions({opts}))
    s3.BucketVersioning("data", bucket=bucket.id, versioning_configuration={{"status": "Enabled"}})
    sqs.Queue("jobs", message_retention_seconds={seconds})
"""


@pytest.fixture
def changes(project: Callable[..., Path]) -> Callable[[str, str], Difference]:
    """The difference between two programs."""

    def compare(before: str, after: str) -> Difference:
        root = project(before)
        base = plan("dev", root=root)
        project(after)
        return difference(preview("dev", root=root, before=base))

    return compare


def program(*, name: str = "data-x", force: bool = False, opts: str = "", seconds: int = 60) -> str:
    """The program with some of its words."""
    return BUCKET.format(name=name, force=force, opts=opts, seconds=seconds)


def ops(found: Difference) -> dict[str, str]:
    """Type and name → op, of what does not stay."""
    return {
        f"{step.resource.type.rpartition(':')[2]} {step.resource.name}": str(step.op)
        for step in found.steps
        if step.op is not Op.SAME
    }


def test_the_same_program_changes_nothing(changes) -> None:
    found = changes(program(), program())
    assert found.counts == {"same": 3}
    assert found.to_json()["steps"] == []


def test_an_update_names_its_properties(changes) -> None:
    [step] = changes(program(), program(seconds=120)).of(Op.UPDATE)
    assert (step.resource.name, step.changed, step.replacing) == ("jobs", ("messageRetentionSeconds",), ())


def test_a_replacement_names_the_property_that_forces_it_and_takes_along_who_needs_its_id(changes) -> None:
    found = changes(program(), program(name="data-y"))
    assert ops(found) == {"Bucket data": "replace", "BucketVersioning data": "replace"}
    bucket, versioning = found.of(Op.REPLACE)
    assert bucket.replacing == ("bucket",) and versioning.replacing == ("bucket",)


def test_what_must_go_first_drags_along_who_would_be_replaced_without_it(changes) -> None:
    before = program(opts="delete_before_replace=True")
    bucket, versioning = changes(before, before.replace("data-x", "data-y")).of(Op.REPLACE)
    assert bucket.delete_first and bucket.dragged_by is None
    assert versioning.dragged_by == bucket.resource.urn


def test_a_bucket_that_would_be_replaced_is_told_in_words_and_with_what_stands_in_the_way(changes) -> None:
    def told(**options: object) -> str:
        [loss] = changes(program(**options), program(**(options | {"name": "data-y"}))).losses  # ty: ignore
        return str(loss)

    lost = "s3.Bucket data would be replaced because bucket changes: every object in it would be lost"
    assert told(force=True) == lost
    assert told() == f"{lost}, but AWS refuses while there is an object in it"
    assert told(opts="protect=True") == f"{lost}, but it is protected, and Pulumi refuses"
    assert told(opts="retain_on_delete=True") == f"{lost}, but it stays in the account, and Pulumi forgets it"


def test_a_resource_that_is_gone_is_deleted_and_its_data_told(changes) -> None:
    found = changes(program(force=True), "import pulumi")
    assert {str(step.op) for step in found.steps} == {"delete"}
    assert [str(loss) for loss in found.losses] == ["s3.Bucket data would be deleted: every object in it would be lost"]


def test_a_type_whose_rules_nobody_here_knows_is_an_update_that_says_so(changes) -> None:
    cache = """
        from pulumi_aws import elasticache
        elasticache.User(
            "u", user_id="u", user_name="{}", engine="redis", access_string="on", no_password_required=True
        )
    """
    [step] = changes(cache.format("one"), cache.format("two")).of(Op.UPDATE)
    assert not step.known and step.changed == ("userName",)


def test_everything_of_a_stack_that_was_not_there_is_created(project) -> None:
    root = project(program())
    head = plan("dev", root=root)
    found = difference(preview("dev", root=root, before=Plan("dev", "toy", (), {}, head.config)))
    assert found.counts == {"create": 3}


def test_costs_are_subtracted_and_an_unknown_one_is_not_taken_for_nothing() -> None:
    assert difference([], usd=(Decimal("10.00"), Decimal("12.50"))).to_json()["monthlyUsd"] == {
        "base": "10.00",
        "head": "12.50",
        "difference": "2.50",
    }
    assert difference([], usd=(None, Decimal("12.50"))).usd is None


def test_policies_that_newly_fail_and_those_that_no_longer_do_are_told_apart() -> None:
    one, two, three = (Verdict(name, Severity.ERROR, "is wrong", "mend it") for name in ("one", "two", "three"))
    found = difference([], judged=(Judgement((one, two), 3), Judgement((two, replace(three, urn="x")), 3)))
    assert [verdict.policy for verdict in found.broken] == ["three"]
    assert [verdict.policy for verdict in found.fixed] == ["one"]
    assert json.dumps(found.to_json())


def test_what_is_replaced_with_another_goes_along_and_takes_nobody_with_it(changes) -> None:
    program = """
        from pulumi import ResourceOptions
        from pulumi_aws import sqs
        first = sqs.Queue("first", name="{}", opts=ResourceOptions(delete_before_replace=True))
        second = sqs.Queue("second", name="second", opts=ResourceOptions(replace_with=[first]))
        sqs.QueuePolicy("policy", queue_url=second.name, policy="{{}}")
    """
    found = changes(program.format("one"), program.format("two"))
    assert ops(found) == {"Queue first": "replace", "Queue second": "replace"}
    assert found.of(Op.REPLACE)[1].dragged_by == found.of(Op.REPLACE)[0].resource.urn
