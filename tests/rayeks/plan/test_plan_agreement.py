"""The comparison of a plan with an engine's state sees every kind of difference, and nothing else."""

import copy
import json

import pytest

from rayeks.plan.agreement import disagreements
from rayeks.plan.values import known, reveal

PROGRAM = """
    import pulumi
    from pulumi_aws import sqs
    queue = sqs.Queue("q", name="jobs", delay_seconds=3, opts=pulumi.ResourceOptions(protect=True))
    sqs.QueuePolicy("p", queue_url=queue.url, policy='{"a": 1, "b": 2}')
"""
QUEUE = "urn:pulumi:dev::toy::aws:sqs/queue:Queue::q"


@pytest.fixture
def pair(planned):
    """A plan, and the state of an engine that made just that."""
    plan = planned(PROGRAM)
    entries = [
        {
            "urn": one.urn,
            "type": one.type,
            "id": one.id,
            "inputs": reveal(one.inputs),
            "outputs": {key: value for key, value in reveal(one.outputs).items() if known(value)},
            "dependencies": list(one.dependencies),
            "parent": one.parent,
            "provider": f"{one.provider}::some-id" if one.provider else "",
            "protect": one.protect,
        }
        for one in plan.resources
    ]
    return plan, {"resources": entries}


def changed(deployment, which=QUEUE, /, **values):
    result = copy.deepcopy(deployment)
    next(entry for entry in result["resources"] if entry["urn"] == which).update(values)
    return result


def test_what_was_made_as_planned_agrees(pair):
    assert disagreements(*pair) == []


def test_documents_agree_by_what_they_say(pair):
    plan, made = pair
    inputs = {"queueUrl": plan.by_urn[QUEUE].outputs["url"], "policy": '{"b":2,"a":1}'}
    assert (
        disagreements(plan, changed(made, QUEUE.replace("queue:Queue::q", "queuePolicy:QueuePolicy::p"), inputs=inputs))
        == []
    )


def test_a_secret_agrees_by_its_value(pair):
    plan, made = pair
    sealed = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps("jobs")}
    assert disagreements(plan, changed(made, inputs={"name": sealed, "delaySeconds": 3})) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"inputs": {"name": "jobs", "delaySeconds": 4}}, "inputs.delaySeconds: 3, made 4"),
        ({"inputs": {"name": "jobs"}}, "inputs.delaySeconds: 3, made nothing"),
        ({"protect": False}, "protect True, made False"),
        ({"parent": None}, "parent"),
        ({"provider": "other::id"}, "provider"),
        ({"dependencies": ["urn:x"]}, "dependencies"),
        ({"outputs": {"arn": "arn:aws:sqs:::other"}}, "outputs.arn"),
        ({"urn": "urn:pulumi:dev::toy::aws:sqs/queue:Queue::r"}, "only planned"),
    ],
)
def test_each_difference_is_told(pair, values, words):
    plan, made = pair
    assert any(words in line for line in disagreements(plan, changed(made, **values)))
