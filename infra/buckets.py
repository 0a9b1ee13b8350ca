"""S3 buckets: versioned, encrypted with the stack's key, private and TLS only."""

import json
from collections.abc import Sequence

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import s3

from infra import iam
from infra.config.storage import Bucket as Settings
from infra.iam import Aws, Statement


def bucket_name(cluster: str, purpose: str, aws: Aws) -> str:
    """The name of a bucket: unique in the world by account and region, and known before it exists."""
    return f"{cluster}-{purpose}-{aws.account}-{aws.region}"


class Bucket(pulumi.ComponentResource):
    """One bucket and all that makes it safe. `name` is the bucket's own."""

    name: Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        key_arn: Output[str],
        aws: Aws,
        grants: Sequence[Statement] = (),
        opts: ResourceOptions,
    ) -> None:
        """`grants` are statements of its policy that let others in."""
        super().__init__("rayeks:infra:Bucket", name, None, opts)
        bucket = s3.Bucket(
            name,
            bucket=name,
            force_destroy=not settings.keep,
            opts=ResourceOptions(parent=self, protect=settings.keep),
        )
        child = ResourceOptions(parent=self)
        s3.BucketOwnershipControls(name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child)
        s3.BucketVersioning(name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=child)
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key_arn,
                    },
                    # One data key per bucket and hour instead of one KMS request per object.
                    "bucket_key_enabled": True,
                }
            ],
            opts=child,
        )
        closed = s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=json.dumps(iam.document(iam.tls_only(aws, name), *grants)),
            # S3 refuses two changes of one bucket's access at once (OperationAborted).
            opts=ResourceOptions(parent=self, depends_on=[closed]),
        )
        s3.BucketLifecycleConfiguration(name, bucket=bucket.id, rules=lifecycle_rules(settings), opts=child)
        self.name = bucket.bucket
        self.register_outputs({"name": self.name})


def lifecycle_rules(settings: Settings) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
    """Abort what was never finished, drop old versions, and expire objects where the bucket says so."""
    rules: list[s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "tidy",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            "noncurrent_version_expiration": {"noncurrent_days": settings.noncurrent_days},
        }
    ]
    if settings.tier_days is not None:
        rules.append(
            {
                "id": "tier",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "transitions": [{"days": settings.tier_days, "storage_class": "INTELLIGENT_TIERING"}],
            }
        )
    if settings.expire_days:
        rules.append(
            {
                "id": "expire",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": settings.expire_days},
            }
        )
    return rules
