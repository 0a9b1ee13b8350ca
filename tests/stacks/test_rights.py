"""Every IAM document of a stack names its actions, and its resources where AWS knows any."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import iam_data
from infra.config.data import GlueSource, RdsSource, RedshiftSource, S3Source
from infra.iam import Aws, Statement
from rayeks.plan import plan
from rayeks.plan.values import reveal

ROOT = Path(__file__).parents[2]
AWS = Aws("111111111111", "us-west-2")
WITHOUT_RESOURCES = {
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
    "fsx:DescribeFileSystems",
    "iam:ListInstanceProfiles",
    "pricing:GetProducts",
    "redshift-data:DescribeStatement",
    "redshift-data:GetStatementResult",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""Actions for which AWS knows no resource: on `*` they are as narrow as they can be, and on an ARN they are denied.

Source: service authorization reference, "Actions, resources, and condition keys", 2026-10.
"""
SOURCES = {
    "lake": S3Source(
        kind="s3", bucket="raw", prefixes=("a/",), key_arn="arn:aws:kms:us-west-2:111111111111:key/0000-1111"
    ),
    "catalogue": GlueSource(kind="glue", database="events"),
    "warehouse": RedshiftSource(kind="redshift", cluster="dw", database="sales", user="ray"),
    "records": RdsSource(
        kind="rds",
        resource_id="db-ABCDEFGHIJ0123",
        user="ray",
        security_group="sg-0123456789abcdef0",
        secret_arn="arn:aws:secretsmanager:us-west-2:111111111111:secret:records-AbCdEf",
    ),
}


def planned(stack: str) -> Iterator[tuple[str, Statement]]:
    for resource in plan(stack, root=ROOT).of_type("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"):
        for statement in json.loads(reveal(resource.inputs["policy"]))["Statement"]:
            yield f"{resource.name} {statement['Sid']}", statement


def read() -> Iterator[tuple[str, Statement]]:
    for name, source in SOURCES.items():
        for statement in iam_data.read(AWS, name, source):
            yield statement["Sid"], statement


def texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.fixture(scope="module", params=["local", "prod", "data sources"])
def statements(request: pytest.FixtureRequest) -> dict[str, Statement]:
    found = dict(read() if request.param == "data sources" else planned(request.param))
    assert len(found) >= 8
    return found


def test_no_action_is_a_wildcard(statements):
    assert [name for name, each in statements.items() if any("*" in action for action in texts(each["Action"]))] == []


def test_every_resource_is_named_where_aws_knows_any(statements):
    wide = {
        name: sorted(set(texts(each["Action"])) - WITHOUT_RESOURCES)
        for name, each in statements.items()
        if "*" in texts(each["Resource"])
    }
    assert {name: actions for name, actions in wide.items() if actions} == {}


def test_no_right_is_lost_on_a_resource_that_its_action_does_not_know(statements):
    lost = {
        name: sorted(set(texts(each["Action"])) & WITHOUT_RESOURCES)
        for name, each in statements.items()
        if "*" not in texts(each["Resource"])
    }
    assert {name: actions for name, actions in lost.items() if actions} == {}
