"""What a rehearsed stack must find in the local account, as it would in its own: who and what its file names in IAM."""

import json
from collections.abc import Iterator
from dataclasses import replace

import boto3

from infra.account_iam import boundary
from infra.config import Platform
from rayeks.engine.servers import Servers

NOBODY = '{"Version": "2012-10-17", "Statement": []}'
"""A trust policy: EKS asks only whether a principal exists."""


def populate(servers: Servers, platform: Platform) -> None:
    """Make the roles and users of the stack's access entries and the boundary of its roles, where they are missing."""
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

    if platform.permissions_boundary:
        *path, name = platform.permissions_boundary.split("/")
        document = json.dumps(boundary(replace(platform.aws, account=servers.aws.account), platform.name))
        try:
            iam.create_policy(PolicyName=name, Path="/".join(["", *path, ""]), PolicyDocument=document)
        except iam.exceptions.EntityAlreadyExistsException:
            return


def principals(platform: Platform) -> Iterator[str]:
    """Every IAM principal that the stack file lets in."""
    yield from (access.principal for access in platform.cluster.access.values())
    for tenant in platform.tenants.values():
        yield from (arn for people in tenant.people.by_role().values() for arn in people)
