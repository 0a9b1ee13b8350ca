"""Queues, rules, logs and keys on the real engine: created, read back, repaired, changed, deleted."""

import json

import pulumi
import pulumi_aws as aws
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def policy(arn):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": ["sqs.amazonaws.com", "events.amazonaws.com"]},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                }
            ],
        }
    )


def program(visibility=30, team="ray", state="ENABLED", name="interruptions", rotate=True, retention=30):
    def run():
        key = aws.kms.Key("key", description="nodes", deletion_window_in_days=7, enable_key_rotation=rotate)
        aws.kms.Alias("alias", name="alias/nodes", target_key_id=key.arn)
        queue = aws.sqs.Queue(
            "queue",
            name=name,
            message_retention_seconds=300,
            visibility_timeout_seconds=visibility,
            tags={"team": team} if team else None,
        )
        aws.sqs.QueuePolicy("policy", queue_url=queue.url, policy=queue.arn.apply(policy))
        pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]}
        rule = aws.cloudwatch.EventRule("rule", event_pattern=json.dumps(pattern, indent=2), state=state)
        aws.cloudwatch.EventTarget("target", rule=rule.name, arn=queue.arn)
        aws.cloudwatch.LogGroup("logs", name="/aws/eks/ray/cluster", retention_in_days=retention)
        pulumi.export("queue", queue.url)
        pulumi.export("tags", queue.tags_all)
        pulumi.export("key", key.key_id)
        pulumi.export("rule", rule.name)

    return run


def test_messaging_goes_through_a_whole_life(account, engine):
    sqs, events, logs, kms = (account(name) for name in ("sqs", "events", "logs", "kms"))
    stack = engine(program())
    assert stack.up() == {"create": 8}
    out = stack.outputs()
    attributes = sqs.get_queue_attributes(QueueUrl=out["queue"], AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "300"
    assert "events.amazonaws.com" in attributes["Policy"]
    assert sqs.list_queue_tags(QueueUrl=out["queue"])["Tags"] == {"team": "ray", "project": "trial"} == out["tags"]
    assert kms.describe_key(KeyId="alias/nodes")["KeyMetadata"]["Description"] == "nodes"
    assert kms.get_key_rotation_status(KeyId=out["key"])["KeyRotationEnabled"]
    assert out["rule"].startswith("rule-") and len(out["rule"]) == len("rule-") + 7
    assert stack.plan(refresh=True) == {}

    attributes = {"VisibilityTimeout": "77", "Policy": attributes["Policy"]}
    sqs.set_queue_attributes(QueueUrl=out["queue"], Attributes=attributes)
    sqs.tag_queue(QueueUrl=out["queue"], Tags={"team": "other", "stranger": "yes"})
    events.disable_rule(Name=out["rule"])
    logs.delete_log_group(logGroupName="/aws/eks/ray/cluster")
    kms.disable_key_rotation(KeyId=out["key"])
    assert stack.up(refresh=True) == {"create": 1, "update": 3, "same": 4}
    attributes = sqs.get_queue_attributes(QueueUrl=out["queue"], AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "30"
    assert sqs.list_queue_tags(QueueUrl=out["queue"])["Tags"] == {"team": "ray", "project": "trial"}
    assert events.describe_rule(Name=out["rule"])["State"] == "ENABLED"
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 30
    assert kms.get_key_rotation_status(KeyId=out["key"])["KeyRotationEnabled"]

    other = program(visibility=60, team=None, state="DISABLED", name="others", rotate=False, retention=90)
    changes = stack.plan(other)
    assert changes == {
        "queue": "replace",
        "policy": "replace",
        "target": "update",
        "rule": "update",
        "logs": "update",
        "key": "update",
    }
    stack.up()
    assert sqs.list_queues()["QueueUrls"] == [stack.outputs()["queue"]]
    assert stack.outputs()["tags"] == {"project": "trial"}
    assert events.list_targets_by_rule(Rule=out["rule"])["Targets"][0]["Arn"].endswith(":others")
    assert stack.plan(refresh=True) == {}

    assert stack.destroy() == {"delete": 8}
    assert "QueueUrls" not in sqs.list_queues()
    assert events.list_rules()["Rules"] == [] == logs.describe_log_groups()["logGroups"]
    assert kms.describe_key(KeyId=out["key"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
