"""S3, KMS, and log groups of the local AWS, as an infrastructure client creates and reads them back."""

import json

import pytest

from infra import iam
from infra.iam import Aws

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::ray-data", "arn:aws:s3:::ray-data/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


NO_KEY = "arn:aws:kms:us-west-2:123456789012:key/none"


def key_policy(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def bucket(aws, name: str = "ray-data"):
    s3 = aws("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return s3


def test_a_new_bucket_answers_every_question_as_aws_does(aws) -> None:
    s3 = bucket(aws)
    s3.get_waiter("bucket_exists").wait(Bucket="ray-data")
    assert s3.get_bucket_location(Bucket="ray-data")["LocationConstraint"] == "us-west-2"
    assert "Status" not in s3.get_bucket_versioning(Bucket="ray-data")
    assert s3.get_bucket_acl(Bucket="ray-data")["Grants"][0]["Permission"] == "FULL_CONTROL"
    rules = s3.get_bucket_encryption(Bucket="ray-data")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_request_payment(Bucket="ray-data")["Payer"] == "BucketOwner"
    block = s3.get_public_access_block(Bucket="ray-data")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    controls = s3.get_bucket_ownership_controls(Bucket="ray-data")["OwnershipControls"]["Rules"]
    assert controls == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    for operation, code in (
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ):
        with aws.refused(code, 404):
            getattr(s3, operation)(Bucket="ray-data")
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="ray-data")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket="ray-data")


def test_what_is_set_on_a_bucket_is_read_back_and_taken_off_again(aws) -> None:
    s3 = bucket(aws)
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    encryption = {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
                "BucketKeyEnabled": True,
            }
        ]
    }
    lifecycle = [
        {
            "ID": "abort",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
        },
        {
            "ID": "checkpoints",
            "Status": "Enabled",
            "Filter": {"Prefix": "checkpoints/"},
            "Expiration": {"Days": 30},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        },
        {
            "ID": "tier",
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": "data/", "Tags": [{"Key": "tier", "Value": "cold"}]}},
            "Transitions": [{"Days": 0, "StorageClass": "INTELLIGENT_TIERING"}],
        },
    ]
    s3.put_bucket_versioning(Bucket="ray-data", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(Bucket="ray-data", ServerSideEncryptionConfiguration=encryption)
    s3.put_bucket_policy(Bucket="ray-data", Policy=json.dumps(POLICY))
    s3.put_bucket_lifecycle_configuration(Bucket="ray-data", LifecycleConfiguration={"Rules": lifecycle})
    s3.put_bucket_tagging(Bucket="ray-data", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3.get_bucket_versioning(Bucket="ray-data")["Status"] == "Enabled"
    seen = s3.get_bucket_encryption(Bucket="ray-data")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert seen["ApplyServerSideEncryptionByDefault"] == encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert seen["BucketKeyEnabled"] is True
    assert json.loads(s3.get_bucket_policy(Bucket="ray-data")["Policy"]) == POLICY
    assert s3.get_bucket_lifecycle_configuration(Bucket="ray-data")["Rules"] == lifecycle
    assert s3.get_bucket_tagging(Bucket="ray-data")["TagSet"] == [{"Key": "a", "Value": "1"}]
    s3.delete_bucket_policy(Bucket="ray-data")
    s3.delete_bucket_lifecycle(Bucket="ray-data")
    s3.delete_bucket_tagging(Bucket="ray-data")
    s3.delete_bucket_encryption(Bucket="ray-data")
    s3.delete_public_access_block(Bucket="ray-data")
    s3.delete_bucket_ownership_controls(Bucket="ray-data")
    with aws.refused("NoSuchPublicAccessBlockConfiguration", 404):
        s3.get_public_access_block(Bucket="ray-data")
    with aws.refused("OwnershipControlsNotFoundError", 404):
        s3.get_bucket_ownership_controls(Bucket="ray-data")
    rules = s3.get_bucket_encryption(Bucket="ray-data")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_named_configurations_of_a_bucket_are_kept_apart(aws) -> None:
    s3 = bucket(aws)
    tiering = {"Id": "cold", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
    s3.put_bucket_intelligent_tiering_configuration(
        Bucket="ray-data", Id="cold", IntelligentTieringConfiguration=tiering
    )
    s3.put_bucket_metrics_configuration(Bucket="ray-data", Id="all", MetricsConfiguration={"Id": "all"})
    seen = s3.get_bucket_intelligent_tiering_configuration(Bucket="ray-data", Id="cold")
    assert seen["IntelligentTieringConfiguration"] == tiering
    listed = s3.list_bucket_metrics_configurations(Bucket="ray-data")["MetricsConfigurationList"]
    assert listed == [{"Id": "all"}]
    s3.delete_bucket_metrics_configuration(Bucket="ray-data", Id="all")
    with aws.refused("NoSuchConfiguration", 404):
        s3.get_bucket_metrics_configuration(Bucket="ray-data", Id="all")
    assert s3.list_objects_v2(Bucket="ray-data")["KeyCount"] == 0


def test_a_bucket_with_objects_is_not_deleted_and_an_absent_one_not_found(aws) -> None:
    s3 = bucket(aws)
    s3.put_object(Bucket="ray-data", Key="a/b", Body=b"x" * 10)
    assert s3.get_object(Bucket="ray-data", Key="a/b")["Body"].read() == b"x" * 10
    with aws.refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket="ray-data")
    with aws.refused("BucketAlreadyOwnedByYou", 409):
        bucket(aws)
    s3.delete_object(Bucket="ray-data", Key="a/b")
    s3.delete_bucket(Bucket="ray-data")
    with aws.refused("404", 404):
        s3.head_bucket(Bucket="ray-data")
    with aws.refused("NoSuchBucket", 404):
        s3.get_bucket_policy(Bucket="ray-data")


def test_a_key_is_rotated_described_and_deleted_after_a_window(aws) -> None:
    kms = aws("kms")
    made = kms.create_key(
        Description="secrets",
        Tags=[{"TagKey": "a", "TagValue": "1"}],
        Policy=json.dumps({"Version": "2012-10-17", "Statement": []}),
    )["KeyMetadata"]
    key = made["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 180)
    kms.create_alias(AliasName="alias/ray", TargetKeyId=key)
    assert kms.describe_key(KeyId="alias/ray")["KeyMetadata"]["Arn"] == made["Arn"]
    with aws.refused("AlreadyExistsException"):
        kms.create_alias(AliasName="alias/ray", TargetKeyId=key)
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "a", "TagValue": "1"}]
    kms.update_key_description(KeyId=key, Description="changed")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    about = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (about["KeyState"], about["Description"], about["Enabled"]) == ("PendingDeletion", "changed", False)
    assert about["DeletionDate"] > about["CreationDate"]
    kms.delete_alias(AliasName="alias/ray")
    assert kms.list_aliases(KeyId=key)["Aliases"] == []
    with aws.refused("KMSInvalidStateException"):
        kms.enable_key_rotation(KeyId=key)
    with aws.refused("ValidationException"):
        kms.schedule_key_deletion(KeyId=aws("kms").create_key()["KeyMetadata"]["KeyId"], PendingWindowInDays=3)
    with aws.refused("NotFoundException"):
        kms.describe_key(KeyId="alias/none")


def test_a_log_group_keeps_retention_key_and_tags(aws) -> None:
    logs = aws("logs")
    key = aws("kms").create_key(Policy=key_policy("logs.us-west-2.amazonaws.com"))["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName="/aws/eks/ray/cluster", tags={"a": "1"})
    logs.put_retention_policy(logGroupName="/aws/eks/ray/cluster", retentionInDays=30)
    logs.associate_kms_key(logGroupName="/aws/eks/ray/cluster", kmsKeyId=key)
    seen = logs.describe_log_groups(logGroupNamePrefix="/aws/eks/")["logGroups"][0]
    assert (seen["retentionInDays"], seen["kmsKeyId"]) == (30, key)
    assert seen["arn"] == "arn:aws:logs:us-west-2:123456789012:log-group:/aws/eks/ray/cluster:*"
    assert seen["logGroupClass"] == "STANDARD"
    arn = seen["logGroupArn"]
    assert arn == seen["arn"].removesuffix(":*")
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
    logs.tag_resource(resourceArn=arn, tags={"b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    logs.disassociate_kms_key(logGroupName="/aws/eks/ray/cluster")
    logs.delete_retention_policy(logGroupName="/aws/eks/ray/cluster")
    seen = logs.describe_log_groups(logGroupNamePrefix="/aws/eks/")["logGroups"][0]
    assert not {"retentionInDays", "kmsKeyId"} & set(seen)
    with aws.refused("ResourceAlreadyExistsException"):
        logs.create_log_group(logGroupName="/aws/eks/ray/cluster")
    with aws.refused("InvalidParameterException"):
        logs.put_retention_policy(logGroupName="/aws/eks/ray/cluster", retentionInDays=31)
    logs.delete_log_group(logGroupName="/aws/eks/ray/cluster")
    with aws.refused("ResourceNotFoundException"):
        logs.put_retention_policy(logGroupName="/aws/eks/ray/cluster", retentionInDays=30)


def test_a_log_group_takes_only_a_key_that_lets_the_service_in(aws) -> None:
    logs = aws("logs")
    closed = aws("kms").create_key()["KeyMetadata"]["Arn"]
    for key in (NO_KEY, closed):
        with aws.refused("AccessDeniedException", says="not allowed to be used"):
            logs.create_log_group(logGroupName="/x", kmsKeyId=key)
    assert logs.describe_log_groups()["logGroups"] == []


GROUPS = "arn:aws:logs:us-west-2:123456789012:log-group:"
CONTEXT = "kms:EncryptionContext:aws:logs:arn"


def for_groups(pattern: str, *, region: str = "us-west-2", actions: str | list[str] = "kms:*") -> str:
    """A key policy that lets CloudWatch Logs encrypt the groups of a pattern."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": actions,
        "Resource": "*",
        "Condition": {"ArnLike": {CONTEXT: GROUPS + pattern}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    ("policy", "accepted"),
    [
        (for_groups("/aws/eks/ray/*"), True),
        (for_groups("/aws/eks/other/*"), False),
        (for_groups("/aws/eks/ray/*", region="eu-west-1"), False),
        (for_groups("/aws/eks/ray/*", actions=["kms:Decrypt", "kms:DescribeKey"]), False),
        (key_policy("sqs.amazonaws.com"), False),
        (iam.data_key(Aws("123456789012", "us-west-2"), "ray", bill=False), True),
        (iam.data_key(Aws("123456789012", "us-west-2"), "other", bill=False), False),
        (iam.account_key(Aws("123456789012", "us-west-2")), False),
    ],
)
def test_a_key_encrypts_the_log_groups_that_its_policy_names(aws, policy, accepted) -> None:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    logs, key = aws("logs"), aws("kms").create_key(Policy=text)["KeyMetadata"]["Arn"]
    if accepted:
        logs.create_log_group(logGroupName="/aws/eks/ray/cluster", kmsKeyId=key)
        assert logs.describe_log_groups()["logGroups"][0]["kmsKeyId"] == key
        return
    with aws.refused("AccessDeniedException", says=f"{GROUPS}/aws/eks/ray/cluster"):
        logs.create_log_group(logGroupName="/aws/eks/ray/cluster", kmsKeyId=key)
    logs.create_log_group(logGroupName="/aws/eks/ray/cluster")
    with aws.refused("AccessDeniedException", says="not allowed to be used"):
        logs.associate_kms_key(logGroupName="/aws/eks/ray/cluster", kmsKeyId=key)
