"""Queues, rules, logs and keys on the real engine: created, read back, repaired, changed, deleted."""

import json

import pulumi_aws as aws
import pytest

pytestmark = pytest.mark.engine


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


def program(visibility=30, tags=None, state="ENABLED", queue_name="interruptions", window=7):
    def run():
        key = aws.kms.Key("key", description="nodes", deletion_window_in_days=window, enable_key_rotation=True)
        aws.kms.Alias("alias", name="alias/nodes", target_key_id=key.arn)
        queue = aws.sqs.Queue(
            "queue", name=queue_name, message_retention_seconds=300, visibility_timeout_seconds=visibility, tags=tags
        )
        aws.sqs.QueuePolicy("policy", queue_url=queue.url, policy=queue.arn.apply(policy))
        pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]}
        rule = aws.cloudwatch.EventRule("rule", event_pattern=json.dumps(pattern, indent=2), state=state)
        aws.cloudwatch.EventTarget("target", rule=rule.name, arn=queue.arn)
        aws.cloudwatch.LogGroup("logs", name="/aws/eks/ray/cluster", retention_in_days=30)

    return run


def test_messaging_goes_through_a_whole_life(account, engine):
    stack = engine(program(tags={"team": "ray"}))
    print(stack.up())
    sqs = account("sqs")
    url = sqs.get_queue_url(QueueName="interruptions")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "300"
    assert "events.amazonaws.com" in attributes["Policy"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "ray", "project": "trial"}
    print(stack.preview(), stack.refresh())
    print("".join(stack.log))
