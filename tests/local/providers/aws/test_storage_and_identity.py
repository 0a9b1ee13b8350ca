"""Roles, policies and buckets on the real engine: created, read back, repaired, changed, deleted."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def trust(service):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(action, resource="*"):
    statement = {"Sid": "A", "Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def rules(days) -> Any:
    return [
        {
            "id": "abort",
            "status": "Enabled",
            "filter": {},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        },
        {
            "id": "expire",
            "status": "Enabled",
            "filter": {"prefix": "checkpoints/"},
            "expiration": {"days": days},
            "noncurrent_version_expiration": {"noncurrent_days": 7},
        },
        {
            "id": "tier",
            "status": "Enabled",
            "filter": {"and": {"prefix": "datasets/", "tags": {"tier": "cold"}}},
            "transitions": [{"days": 30, "storage_class": "INTELLIGENT_TIERING"}],
        },
    ]


def program(action="s3:GetObject", description="Ray", path="/", days=30, versioned="Enabled", block=True, force=True):
    def run():
        role = aws.iam.Role(
            "role",
            assume_role_policy=trust("pods.eks.amazonaws.com"),
            description=description,
            path=path,
            max_session_duration=7200,
        )
        policy = aws.iam.Policy("policy", policy=allow(action))
        aws.iam.RolePolicyAttachment("own", role=role.name, policy_arn=policy.arn)
        aws.iam.RolePolicyAttachment(
            "worker", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
        )
        aws.iam.RolePolicy("inline", role=role.id, policy=allow(["ec2:DescribeInstances", "ec2:DescribeSubnets"]))
        aws.iam.InstanceProfile("profile", role=role.name)
        aws.iam.Role(
            "whole",
            assume_role_policy=trust("ec2.amazonaws.com"),
            managed_policy_arns=[policy.arn],
            inline_policies=[{"name": "logs", "policy": allow("logs:PutLogEvents")}],
        )
        aws.iam.OpenIdConnectProvider(
            "github",
            url="https://token.actions.githubusercontent.com",
            client_id_lists=["sts.amazonaws.com"],
            thumbprint_lists=["a" * 40],
        )
        bucket = aws.s3.Bucket("Checkpoints", force_destroy=force, tags={"data": "checkpoints"})
        aws.s3.BucketVersioning("versions", bucket=bucket.id, versioning_configuration={"status": versioned})
        aws.s3.BucketServerSideEncryptionConfiguration(
            "encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"},
                    "bucket_key_enabled": True,
                }
            ],
        )
        aws.s3.BucketPublicAccessBlock(
            "private", bucket=bucket.id, block_public_acls=True, block_public_policy=block, ignore_public_acls=True
        )
        tls = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        aws.s3.BucketPolicy(
            "tls",
            bucket=bucket.id,
            policy=bucket.arn.apply(
                lambda arn: json.dumps({"Version": "2012-10-17", "Statement": [{**tls, "Resource": [arn, f"{arn}/*"]}]})
            ),
        )
        aws.s3.BucketLifecycleConfiguration(
            "lifecycle",
            bucket=bucket.id,
            rules=rules(days),
        )
        aws.s3.BucketOwnershipControls("owner", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
        pulumi.export("bucket", bucket.bucket)
        pulumi.export("role", role.name)
        pulumi.export("policy", policy.arn)

    return run


def test_storage_and_identity_go_through_a_whole_life(account, engine):
    iam, s3 = account("iam"), account("s3")
    stack = engine(program())
    assert stack.up() == {"create": 16}
    out = stack.outputs()
    bucket, role = out["bucket"], out["role"]
    assert bucket.startswith("checkpoints-")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"] for rule in kept} == {"abort", "expire", "tier"}
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"data": "checkpoints", "project": "trial"}
    assert len(iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]) == 2
    assert iam.get_role(RoleName=role)["Role"]["MaxSessionDuration"] == 7200
    assert stack.plan(refresh=True) == {}

    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": kept[:1]})
    iam.update_role(RoleName=role, Description="stranger", MaxSessionDuration=3600)
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust("ec2.amazonaws.com"))
    iam.detach_role_policy(RoleName=role, PolicyArn=out["policy"])
    iam.create_policy_version(PolicyArn=out["policy"], PolicyDocument=allow("s3:*"), SetAsDefault=True)
    assert stack.up(refresh=True) == {"create": 3, "update": 4, "same": 9}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert len(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]) == 3
    assert iam.get_role(RoleName=role)["Role"]["Description"] == "Ray"

    changes = stack.plan(program(action="s3:ListBucket", description=None, path="/ray/", days=60, block=False))
    assert changes == {
        "policy": "update",
        "role": "replace",
        "own": "replace",
        "worker": "replace",
        "inline": "replace",
        "profile": "update",
        "lifecycle": "update",
        "private": "update",
    }
    stack.up()
    assert "Description" not in iam.get_role(RoleName=stack.outputs()["role"])["Role"]
    assert stack.plan(refresh=True) == {}

    s3.put_object(Bucket=bucket, Key="left", Body=b"over")
    assert stack.destroy() == {"delete": 16}
    assert s3.list_buckets()["Buckets"] == []
    assert iam.list_roles(PathPrefix="/ray/")["Roles"] == [] == iam.list_policies(Scope="Local")["Policies"]
