"""The data key opens to those who write a stack's data, and to no others."""

from pathlib import Path

import pytest

from infra import iam
from infra.iam import Aws
from local.aws.policy import lets
from rayeks.plan import plan

ROOT = Path(__file__).parents[2]
AWS = Aws("111111111111", "us-west-2")
KEY = AWS.arn("kms", "key/1")
LOGS = "logs.us-west-2.amazonaws.com"
BILLING = "bcm-data-exports.amazonaws.com"


def opens(service: str, context: dict[str, str], *, bill: bool = False, action: str = "kms:GenerateDataKey") -> bool:
    policy = iam.data_key(AWS, "ray-test", bill=bill)
    return lets(policy, service, action, KEY, {key: [value] for key, value in context.items()})


def log_group(name: str) -> dict[str, str]:
    return {"kms:EncryptionContext:aws:logs:arn": AWS.arn("logs", f"log-group:{name}")}


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_every_log_group_of_a_stack_is_encrypted_with_the_data_key_which_lets_logs_in(stack):
    made = plan(stack, root=ROOT)
    (key,) = [one for one in made.of_type("aws:kms/key:Key") if one.name.endswith("-data")]
    groups = list(made.of_type("aws:cloudwatch/logGroup:LogGroup"))
    assert {group.inputs["name"] for group in groups} >= {f"/aws/eks/ray-{stack}/cluster", f"/aws/vpc/ray-{stack}"}
    for group in groups:
        assert group.inputs["retentionInDays"]
        _, _, _, region, account, _ = group.inputs["kmsKeyId"].split(":")
        assert group.inputs["kmsKeyId"] == key.outputs["arn"]
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group.inputs['name']}"
        context = {"kms:EncryptionContext:aws:logs:arn": [arn]}
        assert lets(key.inputs["policy"], LOGS, "kms:GenerateDataKey", key.outputs["arn"], context)


def test_logs_use_the_key_for_the_stacks_own_groups_alone():
    assert opens(LOGS, log_group("/aws/eks/ray-test/cluster"))
    assert opens(LOGS, log_group("/aws/vpc/ray-test"))
    assert not opens(LOGS, log_group("/aws/eks/ray-other/cluster"))
    assert not opens(LOGS, {})
    assert not opens("logs.eu-west-1.amazonaws.com", log_group("/aws/vpc/ray-test"))


def test_billing_uses_the_key_where_the_bill_is_exported_and_for_this_account_alone():
    own = {"aws:SourceAccount": "111111111111"}
    assert opens(BILLING, own, bill=True)
    assert not opens(BILLING, own)
    assert not opens(BILLING, {"aws:SourceAccount": "999999999999"}, bill=True)


def test_no_service_may_change_or_delete_the_key():
    for service in (LOGS, BILLING):
        for action in ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CreateGrant"):
            context = log_group("/aws/vpc/ray-test") | {"aws:SourceAccount": "111111111111"}
            assert not opens(service, context, bill=True, action=action)


def test_principals_follow_the_partition():
    china = iam.data_key(Aws("111111111111", "cn-north-1", "aws-cn"), "ray-test", bill=False)
    assert china["Statement"][1]["Principal"] == {"Service": "logs.cn-north-1.amazonaws.com.cn"}
