"""Service quotas against the configured maximum, with what is in use already."""

from typing import Any

import pytest

from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import TAGS, only

OURS = [{"Key": key, "Value": value} for key, value in TAGS.items()]


def test_a_quota_of_nothing_fails_with_who_wants_it_and_the_request(aws, find, answers) -> None:
    answers.quota("L-417A185B", 0)
    finding = only(find("vcpu-quotas"))
    assert finding.status is Status.FAIL
    assert "Running On-Demand P instances" in finding.subject
    assert "pools.ray-gpu-train (384)" in finding.message
    assert "--quota-code L-417A185B --desired-value 576" in finding.fix
    assert "pools.ray-gpu-train.limits" in finding.fix


def test_spot_and_on_demand_that_together_are_too_small_fail(aws, find, answers) -> None:
    answers.quota("L-3819A6DF", 10)
    answers.quota("L-DB2E81BA", 10)
    finding = only(find("vcpu-quotas"))
    assert finding.status is Status.FAIL
    assert "L-3819A6DF" in finding.subject
    assert "L-DB2E81BA" in finding.subject


def test_spot_that_is_too_small_beside_enough_on_demand_is_warned_of(aws, find, answers) -> None:
    answers.quota("L-34B43A08", 10)
    finding = only(find("vcpu-quotas"))
    assert finding.status is Status.WARN
    assert "dearer" in finding.message
    assert "--desired-value 64" in finding.fix


def test_running_instances_of_others_leave_less(aws, find, answers) -> None:
    ec2 = aws("ec2")
    answers.quota("L-1216C47A", 102)
    assert {finding.status for finding in find("vcpu-quotas")} == {Status.PASS}
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, InstanceType="m5.4xlarge", MinCount=5, MaxCount=5)
    finding = only(find("vcpu-quotas"))
    assert "22 are free of 102" in finding.message


def test_the_account_s_default_counts_where_nobody_asked_for_more(aws, find, answers) -> None:
    answers.refuse("service-quotas", "GetServiceQuota", "NoSuchResourceException")
    answers.give("service-quotas", "GetAWSDefaultServiceQuota", {"Quota": {"Value": 0.0}})
    assert Status.FAIL in {finding.status for finding in find("vcpu-quotas")}


def test_a_quota_that_service_quotas_does_not_know_is_unknown(aws, find, answers) -> None:
    answers.refuse("service-quotas", "GetServiceQuota", "NoSuchResourceException")
    answers.refuse("service-quotas", "GetAWSDefaultServiceQuota", "NoSuchResourceException")
    assert {finding.status for finding in find("vcpu-quotas")} == {Status.UNKNOWN}


@pytest.mark.parametrize(
    ("code", "value", "says"),
    [
        ("L-0263D0A3", 2, "3 are needed, 0 are in use, and the quota is 2"),
        ("L-F678F1CE", 1, "1 are needed, 1 are in use, and the quota is 1"),
        ("L-FE5A380F", 0, "1 are needed, 0 are in use, and the quota is 0"),
        ("L-407747CB", 5, "6 are needed"),
        ("L-1194D53C", 0, "1 are needed"),
        ("L-6D54EA21", 1, "2 are needed"),
        ("L-BD136A63", 2, "3 are needed"),
        ("L-FD6F2F22", 0, "1 are needed"),
        ("L-8F1B9C74", 1200, "2,400 are needed"),
        ("L-FE177D64", 1, "the quota is 1"),
    ],
)
def test_each_quota_that_is_too_small_fails_with_the_request_for_more(aws, find, answers, code, value, says) -> None:
    answers.quota(code, value)
    finding = only(find("quotas"))
    assert finding.status is Status.FAIL
    assert code in finding.subject
    assert says in finding.message
    assert f"--quota-code {code}" in finding.fix


def test_volumes_at_the_limits_are_a_warning_because_they_may_never_be(aws, find, answers) -> None:
    answers.quota("L-7A658B76", 1)
    assert only(find("quotas")).status is Status.WARN


def test_global_quotas_are_asked_for_where_they_are_kept(aws, find, answers) -> None:
    answers.quota("L-FE177D64", 1)
    assert "--region us-east-1 --service-code iam" in only(find("quotas")).fix


def test_what_the_stack_has_already_is_not_in_its_own_way(aws, find, answers) -> None:
    ec2 = aws("ec2")
    answers.quota("L-0263D0A3", 3)
    for _ in range(3):
        tags: Any = [{"ResourceType": "elastic-ip", "Tags": OURS}]
        ec2.allocate_address(Domain="vpc", TagSpecifications=tags)
    assert {finding.status for finding in find("quotas")} == {Status.PASS}
    ec2.allocate_address(Domain="vpc")
    assert "3 are needed, 1 are in use" in only(find("quotas")).message


def test_one_quota_that_cannot_be_read_leaves_the_others(aws, find, answers) -> None:
    answers.refuse("fsx", "DescribeFileSystems", "AccessDeniedException")
    found = find("quotas")
    finding = only(found)
    assert finding.status is Status.UNKNOWN
    assert "L-FD6F2F22" in finding.subject
    assert "L-8F1B9C74" in finding.subject
    assert "fsx:DescribeFileSystems" in finding.fix
    assert len([item for item in found if item.status is Status.PASS]) >= 9
