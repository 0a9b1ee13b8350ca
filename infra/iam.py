"""IAM documents as pure functions on plain data, so that each can be read, linted and tested without Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Statement = dict[str, Any]

BILL_WRITERS = ("bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com")
"""What delivers the bill, as principals of bucket and key policies."""


@dataclass(frozen=True)
class Aws:
    """Where ARNs point: one account in one region of one partition."""

    account: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """An ARN of this account; global services leave region (and S3 the account) empty."""
        where = f"{self.region if region else ''}:{self.account if account else ''}"
        return f"arn:{self.partition}:{service}:{where}:{resource}"

    def role(self, name: str) -> str:
        """The ARN of a role of this account."""
        return self.arn("iam", f"role/{name}", region=False)

    def policy(self, name: str) -> str:
        """The ARN of a policy of this account, by its name and path."""
        return self.arn("iam", f"policy/{name}", region=False)

    def bucket(self, name: str) -> str:
        """The ARN of a bucket."""
        return self.arn("s3", name, region=False, account=False)

    @property
    def domain(self) -> str:
        """What the addresses of the partition's services end with."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def managed(self, policy: str) -> str:
        """The ARN of one of AWS's own managed policies."""
        return f"arn:{self.partition}:iam::aws:policy/{policy}"


def document(*statements: Statement) -> Document:
    """A policy document of the given statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> Statement:
    """An Allow statement."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }
    return statement | ({"Condition": dict(conditions)} if conditions else {})


def trust(service: str) -> Document:
    """Who may assume the role: an AWS service."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def pod_identity_trust(aws: Aws, cluster: str, namespace: str, service_account: str) -> Document:
    """Only pods of one service account of one cluster may assume the role, by EKS Pod Identity's session tags.

    Rule: EKS user guide, "EKS Pod Identity role trust policy"; the session tags are `kubernetes-namespace`,
    `kubernetes-service-account` and `eks-cluster-name`.
    """
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": aws.account,
                    "aws:RequestTag/eks-cluster-name": cluster,
                    "aws:RequestTag/kubernetes-namespace": namespace,
                    "aws:RequestTag/kubernetes-service-account": service_account,
                }
            },
        }
    )


def tls_only(aws: Aws, bucket: str) -> Statement:
    """Denies every request to the bucket that does not come over TLS."""
    arn = aws.bucket(bucket)
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def bill_delivery(aws: Aws, bucket: str) -> Statement:
    """Lets AWS's billing write the exports of this account, and of no other, into the bucket, and check that it may.

    Source: AWS Data Exports user guide, "Setting up an Amazon S3 bucket for data exports".
    """
    arn = aws.bucket(bucket)
    return {
        "Sid": "EnableAWSDataExportsToWriteToS3AndCheckPolicy",
        "Effect": "Allow",
        "Principal": {"Service": list(BILL_WRITERS)},
        "Action": ["s3:PutObject", "s3:GetBucketPolicy"],
        "Resource": [arn, f"{arn}/*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": aws.account},
            # Billing lives in one region of each partition, wherever the stack is.
            "ArnLike": {
                "aws:SourceArn": [
                    f"arn:{aws.partition}:bcm-data-exports:*:{aws.account}:export/*",
                    f"arn:{aws.partition}:cur:*:{aws.account}:definition/*",
                ]
            },
        },
    }


def flow_logs(aws: Aws, log_group: str) -> Document:
    """Lets VPC flow logs write to their log group, which the stack has made."""
    arn = aws.arn("logs", f"log-group:{log_group}")
    return document(
        allow("DescribeStreams", ["logs:DescribeLogStreams"], [arn, f"{arn}:*"]),
        allow("WriteStreams", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{arn}:*"]),
    )


def topic(aws: Aws, arn: str, services: Sequence[str]) -> Document:
    """Lets AWS services publish to a topic on behalf of this account, and of no other."""
    return document(
        {
            "Sid": "AllowServices",
            "Effect": "Allow",
            "Principal": {"Service": list(services)},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": aws.account}},
        }
    )


def account_key(aws: Aws) -> Document:
    """A key policy by which the account's own IAM policies decide who uses the key."""
    return document(_account_decides(aws))


def data_key(aws: Aws, cluster: str, *, bill: bool) -> Document:
    """The policy of the stack's data key: the account decides, and services may use it for what is the stack's.

    CloudWatch Logs for the stack's own log groups, and for the bill AWS's delivery. Source: CloudWatch Logs user
    guide, "Encrypt log data in CloudWatch Logs using AWS KMS"; the actions stand in for its `ReEncrypt*` and such.
    """
    groups = [aws.arn("logs", f"log-group:{group}") for group in (f"/aws/eks/{cluster}/*", f"/aws/vpc/{cluster}")]
    logs = {
        "Sid": "EncryptLogGroups",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{aws.region}.{aws.domain}"},
        "Action": [
            "kms:DescribeKey",
            "kms:Decrypt",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    }
    delivery = {
        "Sid": "EncryptTheBill",
        "Effect": "Allow",
        "Principal": {"Service": list(BILL_WRITERS)},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": aws.account}},
    }
    return document(_account_decides(aws), logs, *([delivery] if bill else []))


def data_key_alias(cluster: str) -> str:
    """The alias of the key that encrypts a stack's data."""
    return f"alias/{cluster}-data"


def use_data_key(aws: Aws, cluster: str, *, write: bool = True) -> Statement:
    """Decrypt, and encrypt, with the stack's data key, named by its alias because its id is AWS's to choose."""
    return allow(
        "UseDataKey",
        ["kms:Decrypt", *(["kms:GenerateDataKey"] if write else [])],
        [aws.arn("kms", "key/*")],
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": data_key_alias(cluster)}},
    )


def _account_decides(aws: Aws) -> Statement:
    # In a key policy `*` is the key itself, and without kms:* for the account nobody could mend the policy.
    return {
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": aws.arn("iam", "root", region=False)},
        "Action": "kms:*",
        "Resource": "*",
    }
