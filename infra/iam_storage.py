"""What the storage drivers may do in AWS, narrower than AWS's own policies for them. Pure functions.

Action and condition names: service authorization reference, 2026-11.
"""

from infra import iam
from infra.iam import Aws, Document, allow, document

MADE_BY_EFS_DRIVER = "efs.csi.aws.com/cluster"
"""The one tag that the EFS driver puts on what it makes; the add-on takes no other (containers-roadmap#2755)."""


def owned(cluster: str) -> dict[str, str]:
    """The tag of Lustre file systems that claims of the cluster made."""
    return {f"kubernetes.io/cluster/{cluster}": "owned"}


def files(aws: Aws, file_system: str) -> Document:
    """Mounts what is there, and makes and deletes access points of the one file system whose ARN this is.

    AmazonEFSCSIDriverPolicy allows it on every file system of the account. An access point does not tell IAM whose it
    is, so those that drivers of other clusters made can be deleted; no file goes with an access point.
    """
    points = aws.arn("elasticfilesystem", "access-point/*")
    ours = {
        "StringEquals": {f"aws:RequestTag/{MADE_BY_EFS_DRIVER}": "true"},
        "ForAllValues:StringEquals": {"aws:TagKeys": [MADE_BY_EFS_DRIVER]},
    }
    new = {**ours, "StringEquals": ours["StringEquals"] | {"elasticfilesystem:CreateAction": "CreateAccessPoint"}}
    return document(
        allow(
            "Describe",
            [
                "elasticfilesystem:DescribeAccessPoints",
                "elasticfilesystem:DescribeFileSystems",
                "elasticfilesystem:DescribeMountTargets",
            ],
            [aws.arn("elasticfilesystem", "file-system/*"), points],
        ),
        allow("Zones", ["ec2:DescribeAvailabilityZones"], ["*"]),
        allow("CreateAccessPoints", ["elasticfilesystem:CreateAccessPoint"], [file_system], ours),
        allow("TagNewAccessPoints", ["elasticfilesystem:TagResource"], [file_system, points], new),
        allow(
            "DeleteAccessPoints",
            ["elasticfilesystem:DeleteAccessPoint"],
            [points],
            {"StringEquals": {f"aws:ResourceTag/{MADE_BY_EFS_DRIVER}": "true"}},
        ),
    )


def mount_lustre() -> Document:
    """Static volumes on the stack's own file system: AWS's managed policy could delete it."""
    # FSx knows no resource for this action: on an ARN it would be denied.
    return document(allow("Describe", ["fsx:DescribeFileSystems"], ["*"]))


def make_lustre(aws: Aws, cluster: str) -> Document:
    """Beside that, makes file systems with the cluster's tag, and deletes those; never one that it did not make.

    The driver's own documentation grants it every file system of the account.
    """
    systems = [aws.arn("fsx", "file-system/*")]
    ((key, value),) = owned(cluster).items()
    tagged = {"StringEquals": {f"aws:RequestTag/{key}": value}}
    through_fsx = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["fsx.amazonaws.com"]}}
    data_key = {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": iam.data_key_alias(cluster)},
        "StringEquals": {"kms:ViaService": f"fsx.{aws.region}.amazonaws.com"},
    }
    return document(
        *mount_lustre()["Statement"],
        allow("CreateFileSystems", ["fsx:CreateFileSystem"], systems, tagged),
        # FSx has no key for the action that tags. One that is there has a name; its tag would be leave to delete it.
        allow("TagNewFileSystems", ["fsx:TagResource"], systems, tagged | {"Null": {"aws:ResourceTag/Name": "true"}}),
        allow(
            "DeleteFileSystems", ["fsx:DeleteFileSystem"], systems, {"StringEquals": {f"aws:ResourceTag/{key}": value}}
        ),
        allow(
            "LinkedRole",
            ["iam:CreateServiceLinkedRole"],
            [aws.role("aws-service-role/fsx.amazonaws.com/*")],
            {"StringEquals": {"iam:AWSServiceName": "fsx.amazonaws.com"}},
        ),
        # FSx looks at the subnet and the group in the name of who asks for a file system.
        allow("LookAtTheNetwork", ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"], ["*"], through_fsx),
        allow("LookAtTheGroup", ["ec2:GetSecurityGroupsForVpc"], [aws.arn("ec2", "vpc/*")], through_fsx),
        allow(
            "EncryptFileSystems",
            ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"],
            [aws.arn("kms", "key/*")],
            data_key,
        ),
    )


def mount_buckets(aws: Aws, cluster: str, buckets: list[str]) -> Document:
    """The stack's buckets, read and appended to by Mountpoint; AWS's managed policy reaches every bucket."""
    arns = [aws.bucket(bucket) for bucket in buckets]
    return document(
        allow("List", ["s3:ListBucket"], arns),
        allow(
            "Objects",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
            [f"{arn}/*" for arn in arns],
        ),
        iam.use_data_key(aws, cluster),
    )
