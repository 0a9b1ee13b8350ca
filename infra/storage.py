"""What outlives the nodes: S3 buckets, versioned, encrypted, private and TLS only."""

import json

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import s3

from infra import iam
from infra.config.storage import Bucket
from infra.config.storage import Storage as Settings
from infra.iam import Aws


def bucket_name(cluster: str, purpose: str, aws: Aws) -> str:
    """The name of a bucket: unique in the world by account and region, and known before it exists."""
    return f"{cluster}-{purpose}-{aws.account}-{aws.region}"


class Storage(pulumi.ComponentResource):
    """The buckets of a stack."""

    buckets: dict[str, s3.Bucket]

    def __init__(self, name: str, settings: Settings, *, aws: Aws) -> None:
        super().__init__("rayeks:infra:Storage", name)
        self.buckets = {
            key: self._bucket(bucket_name(name, key, aws), bucket, aws) for key, bucket in settings.buckets.items()
        }
        self.register_outputs({key: bucket.bucket for key, bucket in self.buckets.items()})

    def _bucket(self, name: str, settings: Bucket, aws: Aws) -> s3.Bucket:
        bucket = s3.Bucket(
            name,
            bucket=name,
            force_destroy=not settings.keep,
            opts=ResourceOptions(parent=self, protect=settings.keep),
        )
        child = ResourceOptions(parent=bucket)
        s3.BucketOwnershipControls(name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child)
        s3.BucketVersioning(name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=child)
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"},
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
            policy=json.dumps(iam.bucket_tls_only(aws, name)),
            # S3 refuses two changes of one bucket's access at once (OperationAborted).
            opts=ResourceOptions(parent=bucket, depends_on=[closed]),
        )
        s3.BucketLifecycleConfiguration(name, bucket=bucket.id, rules=lifecycle_rules(settings), opts=child)
        return bucket


def lifecycle_rules(settings: Bucket) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
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
