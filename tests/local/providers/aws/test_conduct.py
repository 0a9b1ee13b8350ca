"""How the provider behaves towards a person: mistakes, other accounts, secrets, questions, imports."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation

from local.providers.aws.provider import AwsProvider
from rayeks.errors import UserError

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class Raw(pulumi.CustomResource):
    """A resource of any type and properties, as a program without types could ask for."""

    def __init__(self, token: str, name: str, **properties: Any) -> None:
        super().__init__(token, name, properties)


def test_a_type_that_is_not_known_is_told_before_anything_is_made(engine):
    stack = engine(lambda: Raw("aws:rds/cluster:Cluster", "thing") and None)
    with pytest.raises(automation.CommandError):
        stack.preview()
    log = "\n".join(stack.log)
    assert "aws:rds/cluster:Cluster" in log and "add a row to local/providers/aws/types/rds.py" in log


def test_what_aws_refuses_is_told_with_its_code_and_nothing_else_is_lost(account, engine):
    def program(queue="good"):
        def run():
            aws.sqs.Queue("queue", name=queue)
            aws.ec2.Subnet("subnet", vpc_id="vpc-0123456789abcdef0", cidr_block="10.0.0.0/24")

        return run

    stack = engine(program())
    with pytest.raises(automation.CommandError):
        stack.up()
    told = "\n".join(stack.log)
    assert 'creating aws:ec2/subnet:Subnet "subnet": CreateSubnet: InvalidVpcID.NotFound: ' in told
    assert "queue" in stack.resources() and "subnet" not in stack.resources()
    assert stack.destroy()["delete"] == 2
    assert "QueueUrls" not in account("sqs").list_queues()


def test_another_account_is_refused(account, monkeypatch):
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="are of account 123456789012, which this stack does not allow"):
        AwsProvider().configure({"region": "us-west-2", "allowedAccountIds": '["999999999999"]'})
    AwsProvider().configure({"region": "us-west-2", "allowedAccountIds": '["123456789012"]'})


def test_provider_settings_that_would_be_ignored_are_refused():
    assert AwsProvider().check_config({"region": "us-west-2", "defaultTags": "{}"}) == []
    [(setting, reason)] = AwsProvider().check_config({"assumeRoles": "[]"})
    assert setting == "assumeRoles" and "aws:assumeRoles is not supported by the local provider" in reason


def test_secrets_stay_secret_in_the_state_and_questions_are_answered(account, engine, tmp_path):
    def program():
        aws.sqs.Queue("queue", name="plain", tags=pulumi.Output.secret({"token": "hidden-in-tags"}))
        aws.secretsmanager.Secret("secret", description=pulumi.Output.secret("hidden-in-text"))
        pulumi.export("account", aws.get_caller_identity().account_id)
        pulumi.export("zones", aws.get_availability_zones(state="available").names)
        pulumi.export("region", aws.get_region().region)
        pulumi.export("suffix", aws.get_partition().dns_suffix)

    stack = engine(program)
    assert stack.up()["create"] == 3
    state = tmp_path / "state/.pulumi/stacks/trial/test.json"
    assert '"name":"plain"' in state.read_text() and "hidden" not in state.read_text()
    assert account("sqs").list_queues()["QueueUrls"][0].endswith("/plain")
    out = stack.outputs()
    assert out["account"] == "123456789012" and out["region"] == "us-west-2" and out["suffix"] == "amazonaws.com"
    assert {"us-west-2a", "us-west-2b", "us-west-2c"} <= set(out["zones"])
    assert stack.plan(refresh=True) == {}
    stack.refresh()
    assert "hidden" not in state.read_text()


def test_what_exists_can_be_imported_as_it_is(account, engine):
    vpc = account("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    account("s3").create_bucket(Bucket="found-here", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})

    def program():
        aws.ec2.Vpc("vpc", cidr_block="10.9.0.0/16", opts=pulumi.ResourceOptions(import_=vpc))
        aws.s3.Bucket("bucket", bucket="found-here", opts=pulumi.ResourceOptions(import_="found-here"))

    stack = engine(program, **{"aws:defaultTags": "{}"})
    assert stack.up() == {"create": 1, "import": 2}
    assert stack.plan(refresh=True) == {}
    assert stack.resources()["vpc"]["id"] == vpc
