"""Names that are taken: by others, by nobody known, by the stack itself."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.config import parse
from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import ACCOUNT, TAGS, only, values

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
BUCKET = f"ray-test-checkpoints-{ACCOUNT}-us-west-2"
OURS = [{"Key": key, "Value": value} for key, value in TAGS.items()]


def occupy(kind: str, aws: Any, tags: dict[str, str]) -> str:
    """Make something that bears a name of the stack's, with these tags; gives the name."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    if kind == "bucket":
        s3 = aws("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        if tags:
            s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": pairs})
        return BUCKET
    if kind == "IAM role":
        aws("iam").create_role(RoleName="ray-test-node", AssumeRolePolicyDocument=TRUST, Tags=pairs)
        return "ray-test-node"
    if kind == "log group":
        aws("logs").create_log_group(logGroupName="/aws/eks/ray-test/cluster", tags=tags)
        return "/aws/eks/ray-test/cluster"
    if kind == "SQS queue":
        aws("sqs").create_queue(QueueName="ray-test", tags=tags)
        return "ray-test"
    if kind == "launch template":
        data = {"ImageId": "ami-0123456789abcdef0"}
        specification = [{"ResourceType": "launch-template", "Tags": pairs}] if pairs else []
        aws("ec2").create_launch_template(
            LaunchTemplateName="ray-test-gpu", LaunchTemplateData=data, TagSpecifications=specification
        )
        return "ray-test-gpu"
    if kind == "placement group":
        specification = [{"ResourceType": "placement-group", "Tags": pairs}] if pairs else []
        aws("ec2").create_placement_group(
            GroupName="ray-test-train", Strategy="cluster", TagSpecifications=specification
        )
        return "ray-test-train"
    if kind == "ECR repository":
        name = "ray-test/ray-on-eks/workloads"
        aws("ecr").create_repository(repositoryName=name, tags=pairs)
        return name
    if kind == "KMS alias":
        kms = aws("kms")
        key = kms.create_key(Tags=[{"TagKey": k, "TagValue": v} for k, v in tags.items()])["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/ray-test-data", TargetKeyId=key)
        return "alias/ray-test-data"
    raise AssertionError(kind)


KINDS = [
    "bucket",
    "IAM role",
    "log group",
    "SQS queue",
    "launch template",
    "placement group",
    "ECR repository",
    "KMS alias",
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_bears_our_name_and_not_our_tags_fails(aws, find, kind) -> None:
    name = occupy(kind, aws, {"team": "others"})
    finding = only(find("names"))
    assert (finding.status, finding.subject) == (Status.FAIL, f"{kind} {name}")
    assert "environment=(none)" in finding.message
    assert "choose another `name`" in finding.fix


@pytest.mark.parametrize("kind", KINDS)
def test_what_carries_the_stacks_tags_is_its_own(aws, find, kind) -> None:
    occupy(kind, aws, TAGS)
    found = {finding.subject: finding for finding in find("names")}
    assert {finding.status for finding in found.values()} == {Status.PASS}
    assert "1 there already with this stack's tags" in found[kind].message


def test_a_cluster_of_that_name_fails(find, answers) -> None:
    answers.give("eks", "DescribeCluster", {"cluster": {"name": "ray-test", "tags": {"environment": "prod"}}})
    finding = next(finding for finding in find("names") if finding.subject == "EKS cluster ray-test")
    assert finding.status is Status.FAIL
    assert "environment=prod" in finding.message


def test_a_bucket_of_another_account_fails(aws, find, answers) -> None:
    answers.refuse("s3", "GetBucketLocation", "AccessDenied", status=403)
    finding = only(find("names"))
    assert (finding.status, finding.subject) == (Status.FAIL, f"bucket {BUCKET}")
    assert "another account" in finding.message


def test_without_default_tags_nobody_can_say_whose_it_is(aws, find, planned) -> None:
    occupy("SQS queue", aws, {})
    untagged = replace(planned, platform=parse(values(tags={})))
    finding = only(find("names", stack=untagged))
    assert finding.status is Status.WARN
    assert "aws:defaultTags" in finding.fix


def test_one_kind_that_cannot_be_read_leaves_the_others(aws, find, answers) -> None:
    occupy("SQS queue", aws, {"team": "others"})
    answers.refuse("iam", "GetRole", "AccessDenied", status=403)
    wrong = {finding.subject: finding.status for finding in find("names") if finding.status is not Status.PASS}
    assert wrong == {"SQS queue ray-test": Status.FAIL, "IAM role": Status.UNKNOWN}
