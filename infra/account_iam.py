"""Who may deploy: IAM documents of GitHub's two roles, and of the boundary that none of a stack's roles can pass.

The names here do not begin with a stack's name, so that no right "on everything of the stack" reaches what guards it.
Action and condition names: service authorization reference, 2026-11.
"""

from collections.abc import Sequence
from typing import Literal

from infra.iam import Aws, Document, Statement, allow, document

GITHUB = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
PROJECT = "ray-on-eks"
"""The project whose state the roles reach; that of the account's own project lies beside it and stays out of reach."""
KEY_ALIAS = "alias/pulumi-state"
PURPOSES = ("preview", "deploy")
Purpose = Literal["preview", "deploy"]

BOUNDED = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
)
"""What changes the rights of a role, and knows the condition key `iam:PermissionsBoundary`."""
PASSED_TO = (
    "ec2.amazonaws.com",
    "eks.amazonaws.com",
    "pods.eks.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
LINKED = (
    "eks.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "spot.amazonaws.com",
    "elasticfilesystem.amazonaws.com",
    "fsx.amazonaws.com",
    "s3.data-source.lustre.fsx.amazonaws.com",
    "pullthroughcache.ecr.amazonaws.com",
)


def state_bucket(aws: Aws) -> str:
    """The bucket that holds the state of every stack in the account and region."""
    return f"pulumi-state-{aws.account}-{aws.region}"


def role(name: str, purpose: str) -> str:
    """The name of the role that GitHub holds for a stack, by the stack's first part of every name."""
    return f"pulumi-{name}-{purpose}"


def boundary_name(name: str) -> str:
    """The name of the policy that bounds every role of a stack."""
    return f"pulumi-{name}-boundary"


def secrets_provider(region: str) -> str:
    """Where Pulumi has a stack's secrets encrypted, as `pulumi stack init --secrets-provider` takes it."""
    return f"awskms:///{KEY_ALIAS}?region={region}"


def subjects(repository: str, environment: str, purpose: Purpose) -> list[str]:
    """The `sub` claims that GitHub signs for a job: reviewed deployments of one environment, or looks at a stack.

    Rule: GitHub docs, "OpenID Connect reference": a job with an environment says that, one without says
    `pull_request` (never granted to forks) or its branch.
    """
    if purpose == "deploy":
        return [f"repo:{repository}:environment:{environment}"]
    return [f"repo:{repository}:pull_request", f"repo:{repository}:ref:refs/heads/main"]


def github_trust(aws: Aws, claims: Sequence[str]) -> Document:
    """Only jobs with exactly these `sub` claims may assume the role; no wildcard, or another repository's may too."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": aws.arn("iam", f"oidc-provider/{GITHUB}", region=False)},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{GITHUB}:aud": AUDIENCE, f"{GITHUB}:sub": list(claims)}},
        }
    )


def state(aws: Aws, stack: str, *, write: bool) -> Document:
    """Reads, and with `write` changes, one stack's state in the bucket and its secrets; of no other stack or project.

    Rule: Pulumi 3.259 pkg/backend/diy: checkpoints, history, backups by project and stack, locks below organization/.
    """
    arn = aws.bucket(state_bucket(aws))
    own = [
        f"{arn}/.pulumi/stacks/{PROJECT}/{stack}.*",
        f"{arn}/.pulumi/history/{PROJECT}/{stack}/*",
        f"{arn}/.pulumi/backups/{PROJECT}/{stack}/*",
        f"{arn}/.pulumi/locks/organization/{PROJECT}/{stack}/*",
    ]
    key = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": KEY_ALIAS}}
    statements = [
        allow("FindState", ["s3:ListBucket", "s3:GetBucketLocation"], [arn]),
        allow("ReadState", ["s3:GetObject"], [f"{arn}/.pulumi/meta.yaml", *own]),
        allow("OpenState", ["kms:Decrypt", "kms:DescribeKey"], [aws.arn("kms", "key/*")], key),
    ]
    if write:
        statements += [
            # Without versions in reach a deletion leaves a marker, and every checkpoint can be brought back.
            allow("WriteState", ["s3:PutObject", "s3:DeleteObject"], own),
            allow("SealState", ["kms:Encrypt", "kms:GenerateDataKey"], [aws.arn("kms", "key/*")], key),
        ]
    return document(*statements)


def roles(aws: Aws, name: str) -> Document:
    """Makes and changes the stack's own roles, all of them within the boundary, and hands them to AWS services only."""
    own, fence = [aws.role(f"{name}-*")], aws.policy(boundary_name(name))
    profiles = [aws.arn("iam", f"instance-profile/{name}*", region=False)]
    policies = [aws.policy(f"{name}-*")]
    return document(
        allow("BoundedRoles", BOUNDED, own, {"StringEquals": {"iam:PermissionsBoundary": fence}}),
        allow(
            "ManageRoles",
            [
                "iam:DeleteRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfilesForRole",
                "iam:ListRolePolicies",
                "iam:ListRoleTags",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            own,
        ),
        allow("PassRoles", ["iam:PassRole"], own, {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}}),
        allow("OwnPolicies", ["iam:*Policy", "iam:*PolicyVersion", "iam:ListPolicy*"], policies),
        allow("OwnProfiles", ["iam:*InstanceProfile", "iam:ListInstanceProfileTags"], profiles),
        allow("ReadFence", ["iam:GetPolicy", "iam:GetPolicyVersion"], [fence]),
        linked(aws),
        allow(
            "LustreBucketRole",
            ["iam:AttachRolePolicy", "iam:PutRolePolicy"],
            [aws.role("aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/*")],
        ),
        allow("List", ["iam:ListInstanceProfiles", "iam:ListOpenIDConnectProviders", "iam:ListRoles"], ["*"]),
    )


def linked(aws: Aws) -> Statement:
    """Lets AWS make its own roles, for the services that a stack uses."""
    return allow(
        "LinkedRoles",
        ["iam:CreateServiceLinkedRole"],
        [aws.role("aws-service-role/*")],
        {"StringEquals": {"iam:AWSServiceName": list(LINKED)}},
    )


def guard(aws: Aws) -> Document:
    """What a deployment may never do, whatever else allows it: reach for what guards it, or for its own past."""
    bucket = aws.bucket(state_bucket(aws))
    return document(
        _deny(
            "LeaveTheGuards",
            ["iam:*"],
            [
                aws.role("pulumi-*"),
                aws.policy("pulumi-*"),
                aws.arn("iam", f"oidc-provider/{GITHUB}", region=False),
            ],
            but=["iam:Get*", "iam:List*"],
        ),
        _deny("KeepTheFence", ["iam:DeleteRolePermissionsBoundary"], ["*"]),
        _deny("NoOtherIdentity", ["sts:AssumeRole", "iam:CreateUser", "iam:CreateAccessKey"], ["*"]),
        _deny("LeaveTheBucket", ["s3:*"], [bucket], but=["s3:Get*", "s3:List*"]),
        _deny("KeepThePast", ["s3:DeleteObjectVersion", "s3:PutObjectRetention"], [f"{bucket}/*"]),
        _deny("LeaveTheAlias", ["kms:*Alias"], [aws.arn("kms", KEY_ALIAS)]),
        {
            "Sid": "LeaveTheKey",
            "Effect": "Deny",
            "NotAction": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:Get*",
                "kms:List*",
            ],
            "Resource": [aws.arn("kms", "key/*")],
            "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": KEY_ALIAS}},
        },
    )


def boundary(aws: Aws, name: str) -> Document:
    """The most that any role of the stack may do: nothing of identities but what Karpenter needs, nothing of the state.

    A boundary grants nothing by itself: what a role may do is what both it and its own policies allow.
    """
    bucket = aws.bucket(state_bucket(aws))
    return document(
        {
            "Sid": "AllButIdentities",
            "Effect": "Allow",
            "NotAction": ["iam:*", "sts:*", "organizations:*", "account:*", "sso:*", "identitystore:*"],
            "Resource": "*",
        },
        allow("InstanceProfiles", ["iam:*InstanceProfile", "iam:ListInstanceProfiles"], ["*"]),
        allow(
            "PassNodeRoles",
            ["iam:PassRole"],
            [aws.role(f"{name}-*")],
            {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}},
        ),
        linked(aws),
        _deny("NoState", ["s3:*"], [bucket, f"{bucket}/*"]),
        _deny(
            "NoStateKey",
            ["kms:*"],
            [aws.arn("kms", "key/*")],
            {"ForAnyValue:StringEquals": {"kms:ResourceAliases": KEY_ALIAS}},
        ),
    )


def _deny(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: dict | None = None,
    *,
    but: Sequence[str] = (),
) -> Statement:
    """A Deny statement; `but` excepts actions of the one service, whose others are all denied."""
    statement = allow(sid, actions, resources, conditions) | {"Effect": "Deny"}
    if but:
        del statement["Action"]
        statement["NotAction"] = list(but)
    return statement
