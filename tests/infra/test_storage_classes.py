"""What claims may make, and what the drivers that make it may do in AWS, decided as IAM decides it."""

import json
from typing import Any

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from infra import iam_storage, storage_classes
from infra.account_iam import boundary
from infra.config.storage import Bucket, Files, ScratchClaims, Storage
from infra.config.tenants import Quota, Tenant
from infra.iam import Aws
from local.aws.policy import decide

AWS = Aws("111111111111", "us-west-2")
OURS = "arn:aws:elasticfilesystem:us-west-2:111111111111:file-system/fs-ours"
OTHERS = "arn:aws:elasticfilesystem:us-west-2:111111111111:file-system/fs-others"
POINT = "arn:aws:elasticfilesystem:us-west-2:111111111111:access-point/fsap-1"
LUSTRE = "arn:aws:fsx:us-west-2:111111111111:file-system/fs-1"
EFS_TAG = {"aws:RequestTag/efs.csi.aws.com/cluster": ["true"], "aws:TagKeys": ["efs.csi.aws.com/cluster"]}
ON_CREATION = {"elasticfilesystem:CreateAction": ["CreateAccessPoint"]}
TAG = {"aws:RequestTag/kubernetes.io/cluster/ray-test": ["owned"]}
KEY = {"kms:ResourceAliases": ["alias/ray-test-data"], "kms:ViaService": ["fsx.us-west-2.amazonaws.com"]}
TENANT = Tenant(cost_center="r", quota=Quota(storage="2Ti"), scratch_claims_gib=2400)
BUCKETS = {"checkpoints": Bucket()}


def may(document: dict[str, Any], action: str, resource: str, **context: list[str]) -> bool:
    """Within the boundary that the pipelines put around every role of a stack."""
    found = {"aws:RequestedRegion": ["us-west-2"], **context}
    documents = ({"own": document}, {"boundary": boundary(AWS, "ray-test")})
    return all(decide(each, action, resource, found).result == "allowed" for each in documents)


EFS_RIGHTS = [
    ("elasticfilesystem:CreateAccessPoint", OURS, EFS_TAG, True),
    ("elasticfilesystem:CreateAccessPoint", OTHERS, EFS_TAG, False),
    ("elasticfilesystem:CreateAccessPoint", OURS, {}, False),
    ("elasticfilesystem:CreateAccessPoint", OURS, EFS_TAG | {"aws:TagKeys": ["team"]}, False),
    ("elasticfilesystem:TagResource", POINT, EFS_TAG | ON_CREATION, True),
    ("elasticfilesystem:TagResource", POINT, EFS_TAG, False),
    ("elasticfilesystem:DeleteAccessPoint", POINT, {"aws:ResourceTag/efs.csi.aws.com/cluster": ["true"]}, True),
    ("elasticfilesystem:DeleteAccessPoint", POINT, {"aws:ResourceTag/Name": ["ray-research"]}, False),
    ("elasticfilesystem:DeleteFileSystem", OURS, EFS_TAG, False),
    ("elasticfilesystem:DescribeAccessPoints", POINT, {}, True),
]


@pytest.mark.parametrize(("action", "resource", "context", "allowed"), EFS_RIGHTS)
def test_the_efs_driver_makes_folders_of_the_stack_s_own_file_system_alone(action, resource, context, allowed):
    assert may(iam_storage.files(AWS, OURS), action, resource, **context) is allowed


@pytest.mark.parametrize(("action", "resource", "context", "allowed"), EFS_RIGHTS)
def test_what_the_efs_driver_may_do_aws_s_own_policy_allows_it_too(action, resource, context, allowed):
    aws_s_own = json.loads(aws_managed_policies_data)["AmazonEFSCSIDriverPolicy"]["Document"]
    assert may(aws_s_own, action, resource, **context) or not allowed


LUSTRE_RIGHTS = [
    ("fsx:CreateFileSystem", LUSTRE, TAG, True),
    ("fsx:CreateFileSystem", LUSTRE, {}, False),
    ("fsx:CreateFileSystem", LUSTRE, {"aws:RequestTag/kubernetes.io/cluster/other": ["owned"]}, False),
    ("fsx:TagResource", LUSTRE, TAG, True),
    ("fsx:TagResource", LUSTRE, TAG | {"aws:ResourceTag/Name": ["ray-test"]}, False),
    ("fsx:DeleteFileSystem", LUSTRE, {"aws:ResourceTag/kubernetes.io/cluster/ray-test": ["owned"]}, True),
    ("fsx:DeleteFileSystem", LUSTRE, {"aws:ResourceTag/Name": ["ray-test"]}, False),
    ("fsx:UntagResource", LUSTRE, {}, False),
    ("fsx:UpdateFileSystem", LUSTRE, {"aws:ResourceTag/kubernetes.io/cluster/ray-test": ["owned"]}, False),
    ("fsx:DescribeFileSystems", LUSTRE, {}, True),
    (
        "iam:CreateServiceLinkedRole",
        "arn:aws:iam::111111111111:role/aws-service-role/fsx.amazonaws.com/AWSServiceRoleForAmazonFSx",
        {"iam:AWSServiceName": ["fsx.amazonaws.com"]},
        True,
    ),
    ("kms:CreateGrant", "arn:aws:kms:us-west-2:111111111111:key/1", KEY, True),
    ("kms:CreateGrant", "arn:aws:kms:us-west-2:111111111111:key/1", KEY | {"kms:ViaService": ["ec2"]}, False),
]


@pytest.mark.parametrize(("action", "resource", "context", "allowed"), LUSTRE_RIGHTS)
def test_the_lustre_driver_deletes_only_what_claims_of_the_cluster_made(action, resource, context, allowed):
    assert may(iam_storage.make_lustre(AWS, "ray-test"), action, resource, **context) is allowed


def test_without_the_class_the_lustre_driver_only_looks():
    for action, resource, context, _ in LUSTRE_RIGHTS:
        assert may(iam_storage.mount_lustre(), action, resource, **context) is (action == "fsx:DescribeFileSystems")


@pytest.mark.parametrize("document", [iam_storage.files(AWS, OURS), iam_storage.make_lustre(AWS, "ray-test")])
def test_the_drivers_rights_name_their_actions_and_fit_inline(document):
    assert not any("*" in action for statement in document["Statement"] for action in statement["Action"])
    assert len(json.dumps(document, separators=(",", ":"))) <= 10_240


def test_the_quota_counts_each_class_that_the_stack_has():
    assert storage_classes.hard(TENANT, Storage(buckets=BUCKETS)) == {
        "requests.storage": "4448Gi",
        "gp3.storageclass.storage.k8s.io/requests.storage": "2Ti",
    }
    claims = ScratchClaims(zone="us-west-2b")
    found = storage_classes.hard(TENANT, Storage(buckets=BUCKETS, files=Files(), scratch_claims=claims))
    assert found["efs.storageclass.storage.k8s.io/persistentvolumeclaims"] == "50"
    assert found["lustre.storageclass.storage.k8s.io/requests.storage"] == "2400Gi"
    poor = storage_classes.hard(Tenant(cost_center="r"), Storage(buckets=BUCKETS, scratch_claims=claims))
    assert poor["lustre.storageclass.storage.k8s.io/requests.storage"] == "0Gi"
    assert poor["requests.storage"] == "1Ti"


def test_a_claimed_folder_s_path_is_as_short_as_efs_wants_it():
    parameters = storage_classes.folders("fs-1")
    namespace, uuid = "ray-" + "a" * 30, "-" + "0" * 36
    path = str(parameters["basePath"]) + "/" + str(parameters["subPathPattern"]).replace("${.PVC.namespace}", namespace)
    assert "$" not in path
    assert len(path + uuid) <= 100
    assert not path.startswith("/ray-"), "the teams' static folders"


@pytest.mark.parametrize(
    ("settings", "there", "absent"),
    [
        (
            ScratchClaims(zone="us-west-2b"),
            {"deploymentType": "SCRATCH_2", "extraTags": "a=b,kubernetes.io/cluster/ray-test=owned"},
            {"kmsKeyId", "perUnitStorageThroughput", "metadataConfigurationMode"},
        ),
        (
            ScratchClaims(zone="us-west-2b", deployment="PERSISTENT_2", throughput=250),
            {"deploymentType": "PERSISTENT_2", "perUnitStorageThroughput": "250", "kmsKeyId": "key"},
            set(),
        ),
    ],
)
def test_a_lustre_class_says_all_that_the_driver_would_guess(settings, there, absent):
    tags = {"a": "b"} | iam_storage.owned("ray-test")
    made = storage_classes.file_systems(settings, subnet="subnet-1", group="sg-1", key_arn="key", tags=tags)
    assert there.items() <= made.items()
    assert not absent & made.keys()
    assert all(isinstance(value, str) for value in made.values()), "Kubernetes takes no numbers as parameters"
