"""IAM documents give what is needed and nothing more."""

import pytest

from infra import iam, karpenter_iam
from infra.iam import Aws

AWS = Aws("111111111111", "us-west-2")
KARPENTER = karpenter_iam.controller_policies(
    AWS, "ray-test", node_role="ray-test-karpenter-node", queue_arn=AWS.arn("sqs", "ray-test")
)
WITHOUT_RESOURCE_LEVEL_PERMISSIONS = ("ec2:Describe", "pricing:", "iam:ListInstanceProfiles")


def statements(document):
    return document["Statement"]


@pytest.mark.parametrize("name", KARPENTER)
def test_karpenter_has_no_wildcard_action(name):
    for statement in statements(KARPENTER[name]):
        assert not any("*" in action for action in statement["Action"]), statement["Sid"]


@pytest.mark.parametrize("name", KARPENTER)
def test_karpenter_reaches_every_resource_only_where_aws_knows_no_resource(name):
    for statement in statements(KARPENTER[name]):
        if statement["Resource"] == ["*"]:
            assert all(action.startswith(WITHOUT_RESOURCE_LEVEL_PERMISSIONS) for action in statement["Action"])


def test_karpenter_may_delete_only_what_it_made_for_this_cluster():
    deletion = next(s for s in statements(KARPENTER["node-lifecycle"]) if s["Sid"] == "AllowScopedDeletion")
    assert deletion["Condition"]["StringEquals"] == {"aws:ResourceTag/kubernetes.io/cluster/ray-test": "owned"}


def test_a_controller_policy_fits_an_inline_policy():
    import json

    total = sum(len(json.dumps(document, separators=(",", ":"))) for document in KARPENTER.values())
    assert total <= 10_240, "IAM allows 10,240 characters of inline policy a role"


def test_a_pod_role_is_for_one_service_account_of_one_cluster():
    condition = statements(iam.pod_identity_trust(AWS, "ray-test", "ray-research", "ray"))[0]["Condition"]
    assert condition["StringEquals"] == {
        "aws:SourceAccount": "111111111111",
        "aws:RequestTag/eks-cluster-name": "ray-test",
        "aws:RequestTag/kubernetes-namespace": "ray-research",
        "aws:RequestTag/kubernetes-service-account": "ray",
    }


def test_arns_follow_the_partition_of_the_region():
    assert Aws("111111111111", "cn-north-1", "aws-cn").bucket("b") == "arn:aws-cn:s3:::b"
    assert AWS.role("r") == "arn:aws:iam::111111111111:role/r"
