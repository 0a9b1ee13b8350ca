"""Names that are too long where they become parts of others are refused with the key that to shorten helps."""

from typing import Any

import pytest

from infra import contract
from infra.buckets import bucket_name
from infra.config import InvalidPlatform, parse
from infra.iam import Aws


def mistakes(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidPlatform) as caught:
        parse(values)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_a_bucket_is_judged_by_the_name_that_it_gets(values):
    room = 63 - len(bucket_name("", "checkpoints", Aws("111111111111", "us-west-2")))
    assert parse(values | {"name": "r" * room})
    told = mistakes(values | {"name": "r" * (room + 1)})
    assert "S3 takes names of 63" in told["storage.buckets.checkpoints"]


def test_a_node_group_is_judged_by_the_name_that_it_gets(values):
    values["node_groups"]["a-group-whose-name-is-rather-long-as-is"] = values["node_groups"]["system"]
    told = mistakes(values | {"name": "a-rather-long-name-of-some-stack"})
    path = "node_groups.a-group-whose-name-is-rather-long-as-is"
    assert "EKS takes names of 63" in told[path] and "shorten it, or `name`" in told[path]


def test_a_tenant_is_judged_by_its_longest_role(values):
    team = "t" * 30
    values["tenants"][team] = {"cost_center": "x"}
    room = 64 - len(f"--{team}{max(contract.SERVICE_ACCOUNTS, key=len)}")
    assert parse(values | {"name": "r" * room})
    assert "IAM takes names of 64" in mistakes(values | {"name": "r" * (room + 1)})[f"tenants.{team}"]


def test_the_bill_has_a_bucket_of_its_own(values):
    values["storage"]["buckets"]["bill"] = {}
    values["cost"] = {"subscribers": ["a@example.com"], "export": {}}
    assert "cost.export makes" in mistakes(values)["storage.buckets.bill"]
