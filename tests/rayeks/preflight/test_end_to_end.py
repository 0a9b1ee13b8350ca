"""A new account, nothing replaced: every command that the report gives is run, and the next report says ready."""

import json
import re
import shlex
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from rayeks.preflight import Account, Report, Status, preflight
from tests.rayeks.preflight.conftest import REGION, TAGS


@dataclass
class Deployer:
    """An IAM user of an account that was empty a moment ago."""

    endpoint: str
    session: boto3.Session
    name: str

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client with the user's own keys."""
        return self.session.client(service, endpoint_url=self.endpoint, region_name=region)

    def may(self, **document: Any) -> None:
        """Replace the user's policy by one statement."""
        policy = {"Version": "2012-10-17", "Statement": [document]}
        self.client("iam").put_user_policy(UserName=self.name, PolicyName="all", PolicyDocument=json.dumps(policy))


@pytest.fixture
def deployer(endpoint: str) -> Deployer:
    """A user who may do anything."""
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).read()
    root = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    iam = root.client("iam", endpoint_url=endpoint)
    iam.create_user(UserName="dev")
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
    found = Deployer(endpoint, session, "dev")
    found.may(Effect="Allow", Action="*", Resource="*")
    return found


@pytest.fixture
def look(deployer, planned) -> Callable[..., Report]:
    """A report of what the user sees."""

    def run(*only: str) -> Report:
        account = Account(deployer.session, region=REGION, endpoint=deployer.endpoint)
        return preflight(planned, account, only=only, strict=True)

    return run


def obey(fix: str, deployer: Deployer) -> None:
    """Run the `aws …` command of a fix by boto3."""
    words = shlex.split(fix[fix.index("aws ") :].partition(";")[0])
    service, operation, rest = words[1], words[2].replace("-", "_"), words[3:]
    options: dict[str, Any] = {}
    while rest:
        name = re.sub(r"(^|-)([a-z])", lambda match: match[2].upper(), rest.pop(0).removeprefix("--"))
        values = []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        pairs = [dict(pair.split("=", 1) for pair in value.split(",")) for value in values if "=" in value]
        options[name] = pairs or values[0]
    region = options.pop("Region", REGION)
    if "AwsServiceName" in options:
        options["AWSServiceName"] = options.pop("AwsServiceName")
    if "DesiredValue" in options:
        options["DesiredValue"] = float(options["DesiredValue"])
    getattr(deployer.client(service, region), operation)(**options)


def test_every_fix_of_a_new_account_done_makes_it_ready(deployer, look) -> None:
    # Billing knows a tag once something carries it.
    tags = [{"Key": key, "Value": "x"} for key in [*TAGS, "rayeks/team"]]
    specification: Any = [{"ResourceType": "vpc", "Tags": tags}]
    deployer.client("ec2").create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=specification)
    before = look()
    assert not before.ok
    wrong = {finding.check for finding in before.findings if finding.status is not Status.PASS}
    assert wrong == {"vcpu-quotas", "spot-role", "cost-tags"}
    left = _mended(before, deployer)
    assert {finding.status for finding in look(*left).findings} == {Status.PASS, Status.WARN}
    # What is mended of a quota may leave room for a wish that was hidden behind the need.
    left = _mended(look(*left), deployer)
    assert [finding.to_json() for finding in look(*left).findings if finding.status is not Status.PASS] == []


def _mended(report: Report, deployer: Deployer) -> list[str]:
    """Run the fix of whatever did not pass; gives the checks that it belongs to."""
    wrong = [finding for finding in report.findings if finding.status is not Status.PASS]
    for finding in wrong:
        obey(finding.fix, deployer)
    return sorted({finding.check for finding in wrong})


def test_rights_that_a_policy_does_not_give_are_found_by_the_simulation(deployer, look) -> None:
    assert {finding.status for finding in look("rights").findings} == {Status.PASS}
    deployer.may(Effect="Allow", NotAction=["eks:*", "s3:PutBucketPolicy"], Resource="*")
    denied = {f.subject: f.message for f in look("rights").findings if f.status is Status.FAIL}
    assert any(subject.startswith("eks on ") and ":cluster/ray-test" in subject for subject in denied)
    assert denied["s3 on arn:aws:s3:::ray-test-*"] == "denied: PutBucketPolicy"
    assert not any(subject.startswith(("ec2", "iam", "kms")) for subject in denied)


def test_a_policy_that_names_the_stacks_resources_by_prefix_is_enough(deployer, look) -> None:
    everything_but_roles = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    roles = {
        "Effect": "Allow",
        "Action": "iam:*",
        "Resource": ["arn:aws:iam::*:role/ray-*", "arn:aws:iam::*:role/aws-service-role/*"],
    }
    looking = {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "iam:Simulate*"], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [everything_but_roles, roles, looking]}
    deployer.client("iam").put_user_policy(UserName="dev", PolicyName="all", PolicyDocument=json.dumps(policy))
    assert {finding.status for finding in look("rights").findings} == {Status.PASS}
