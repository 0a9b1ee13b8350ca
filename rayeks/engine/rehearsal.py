"""What a rehearsed stack must find in the local account, as it would in its own: the people that its file names."""

from collections.abc import Iterator

import boto3

from infra.config import Platform
from rayeks.engine.servers import Servers

NOBODY = '{"Version": "2012-10-17", "Statement": []}'
"""A trust policy: EKS asks only whether a principal exists."""


def populate(servers: Servers, platform: Platform) -> None:
    """Make the IAM roles and users of the stack's access entries, where they are not there yet."""
    session = boto3.Session("test", "test", region_name=servers.aws.region)
    iam = session.client("iam", endpoint_url=servers.aws.endpoint)
    for arn in principals(platform):
        kind, *path, name = arn.rpartition(":")[2].split("/")
        where = "/".join(["", *path, ""])
        if kind == "role":
            try:
                iam.create_role(RoleName=name, Path=where, AssumeRolePolicyDocument=NOBODY)
            except iam.exceptions.EntityAlreadyExistsException:
                continue
        elif kind == "user":
            try:
                iam.create_user(UserName=name, Path=where)
            except iam.exceptions.EntityAlreadyExistsException:
                continue


def principals(platform: Platform) -> Iterator[str]:
    """Every IAM principal that the stack file lets in."""
    yield from (access.principal for access in platform.cluster.access.values())
    for tenant in platform.tenants.values():
        yield from (arn for people in tenant.people.by_role().values() for arn in people)
