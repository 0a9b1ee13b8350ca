"""What a stack is checked against: the AWS of the person's credentials, or of this machine; or its own cluster."""

import os
from collections.abc import Mapping

import boto3
from botocore.exceptions import ProfileNotFound

from rayeks.errors import UserError
from rayeks.preflight.account import Account
from rayeks.preflight.cluster import Cluster
from rayeks.preflight.stack import AnyStack, Stack

LOCAL = "local"


def target(stack: AnyStack) -> Account | Cluster:
    """The account or the cluster that the stack is to stand on. UserError where an account cannot be found."""
    if isinstance(stack, Stack):
        return account(stack)
    settings = stack.platform.cluster
    return Cluster(settings.kubeconfig, settings.context)


def account(stack: Stack) -> Account:
    """The account that the environment points at, in the stack's region; for the stack `local`, this machine's.

    UserError where the profile does not exist, or the local AWS is not up.
    """
    platform = stack.platform
    if not os.environ.get("AWS_PROFILE", "unset"):
        del os.environ["AWS_PROFILE"]  # botocore looks for a profile of no name where other clients see none
    given = _local() if platform.environment == LOCAL and not os.environ.get("AWS_ENDPOINT_URL") else {}
    try:
        session = boto3.Session(
            aws_access_key_id=given.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=given.get("AWS_SECRET_ACCESS_KEY"),
            region_name=platform.region,
        )
    except ProfileNotFound as error:
        raise UserError(str(error), "aws configure list-profiles names those that there are; set AWS_PROFILE") from None
    return Account(
        session, region=platform.region, partition=platform.partition, endpoint=given.get("AWS_ENDPOINT_URL")
    )


def _local() -> Mapping[str, str]:
    """What points an AWS client at the AWS of this machine. UserError where it is not up."""
    from local import aws

    running = aws.status()
    if running is None:
        raise UserError("the local AWS is not up", "rayeks up local starts it; or set AWS_ENDPOINT_URL")
    return aws.environment(running.endpoint)
