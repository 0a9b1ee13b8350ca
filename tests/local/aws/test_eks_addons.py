"""EKS add-ons and Pod Identity associations of the local AWS."""

import json

import pytest
from botocore.exceptions import WaiterError

from infra.versions import ADDONS


def addon(aws, name: str = "vpc-cni", **given) -> dict:
    return aws("eks").create_addon(clusterName="ray", addonName=name, **given)["addon"]


def test_an_add_on_keeps_everything_it_was_created_with(aws) -> None:
    aws.cluster()
    values = json.dumps({"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}})
    made = addon(aws, addonVersion="v1.21.1-eksbuild.7", configurationValues=values, tags={"a": "1"})
    assert made["status"] == "CREATING"
    aws("eks").get_waiter("addon_active").wait(clusterName="ray", addonName="vpc-cni")
    seen = aws("eks").describe_addon(clusterName="ray", addonName="vpc-cni")["addon"]
    assert seen["addonVersion"] == "v1.21.1-eksbuild.7"
    assert seen["configurationValues"] == values
    assert seen["tags"] == {"a": "1"}
    assert seen["addonArn"].startswith("arn:aws:eks:us-west-2:123456789012:addon/ray/vpc-cni/")
    assert seen["owner"] == "aws"
    assert seen["health"] == {"issues": []}


def test_coredns_is_degraded_until_there_are_nodes(aws) -> None:
    aws.cluster()
    addon(aws, "coredns")
    seen = aws("eks").describe_addon(clusterName="ray", addonName="coredns")["addon"]
    assert seen["status"] == "DEGRADED"
    assert seen["health"]["issues"][0]["code"] == "InsufficientNumberOfReplicas"
    with pytest.raises(WaiterError):
        aws("eks").get_waiter("addon_active").wait(clusterName="ray", addonName="coredns")
    aws.nodes()
    aws("eks").get_waiter("addon_active").wait(clusterName="ray", addonName="coredns")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "no-such-addon"}, "not supported"),
        ({"addonVersion": "v0.0.1-eksbuild.1"}, "not supported"),
        ({"configurationValues": '{"enableNetworkPolicy": true}'}, "Json schema validation failed"),
        ({"configurationValues": '{"enableNetworkPolicies": "true"}'}, "Json schema validation failed"),
        ({"configurationValues": '{"env": {"ENABLE_PREFIX": "true"}}'}, "Json schema validation failed"),
        ({"serviceAccountRoleArn": "arn:aws:iam::123456789012:role/none"}, "does not exist"),
    ],
)
def test_what_aws_refuses_is_refused(aws, given: dict, says: str) -> None:
    aws.cluster()
    with aws.refused("InvalidParameterException", says=says):
        addon(aws, **given)


def test_a_second_create_is_refused_and_an_absent_add_on_not_found(aws) -> None:
    aws.cluster()
    addon(aws)
    with aws.refused("ResourceInUseException", 409):
        addon(aws)
    for operation in ("describe_addon", "delete_addon", "update_addon"):
        with aws.refused("ResourceNotFoundException", 404):
            getattr(aws("eks"), operation)(clusterName="ray", addonName="coredns")


def test_an_update_keeps_what_it_does_not_name(aws) -> None:
    aws.cluster()
    addon(aws, addonVersion="v1.21.1-eksbuild.3", configurationValues='{"enableNetworkPolicy": "true"}')
    update = aws("eks").update_addon(
        clusterName="ray", addonName="vpc-cni", addonVersion="v1.21.1-eksbuild.7", resolveConflicts="OVERWRITE"
    )["update"]
    followed = aws("eks").describe_update(name="ray", addonName="vpc-cni", updateId=update["id"])["update"]
    assert (followed["type"], followed["status"]) == ("AddonUpdate", "Successful")
    seen = aws("eks").describe_addon(clusterName="ray", addonName="vpc-cni")["addon"]
    assert seen["addonVersion"] == "v1.21.1-eksbuild.7"
    assert seen["configurationValues"] == '{"enableNetworkPolicy": "true"}'
    with aws.refused("InvalidParameterException", says="Json schema"):
        aws("eks").update_addon(clusterName="ray", addonName="vpc-cni", configurationValues='{"x": 1}')


def test_a_deleted_add_on_is_gone(aws) -> None:
    aws.cluster()
    addon(aws)
    assert aws("eks").list_addons(clusterName="ray")["addons"] == ["vpc-cni"]
    assert aws("eks").delete_addon(clusterName="ray", addonName="vpc-cni")["addon"]["status"] == "DELETING"
    aws("eks").get_waiter("addon_deleted").wait(clusterName="ray", addonName="vpc-cni")
    assert aws("eks").list_addons(clusterName="ray")["addons"] == []


@pytest.mark.parametrize("minor", sorted(ADDONS))
def test_every_pinned_add_on_is_offered_for_its_kubernetes(aws, minor: str) -> None:
    pages = aws("eks").get_paginator("describe_addon_versions").paginate(kubernetesVersion=minor)
    offered = {
        info["addonName"]: [version["addonVersion"] for version in info["addonVersions"]]
        for page in pages
        for info in page["addons"]
    }
    for name, version in ADDONS[minor].items():
        assert version in offered[name]


def test_an_add_on_says_which_values_and_identities_it_takes(aws) -> None:
    about = aws("eks").describe_addon_configuration(addonName="aws-ebs-csi-driver", addonVersion="v1.60.0-eksbuild.1")
    assert "controller" in json.loads(about["configurationSchema"])["properties"]
    assert about["podIdentityConfiguration"] == [
        {
            "serviceAccount": "ebs-csi-controller-sa",
            "recommendedManagedPolicies": ["arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"],
        }
    ]
    with aws.refused("ResourceNotFoundException", 404):
        aws("eks").describe_addon_configuration(addonName="aws-ebs-csi-driver", addonVersion="v0")


def test_an_add_on_owns_the_associations_it_was_given(aws) -> None:
    aws.cluster()
    role = aws.role("ebs", "pods.eks.amazonaws.com")
    given = [{"serviceAccount": "ebs-csi-controller-sa", "roleArn": role}]
    made = addon(aws, "aws-ebs-csi-driver", podIdentityAssociations=given)
    arns = made["podIdentityAssociations"]
    listed = aws("eks").list_pod_identity_associations(clusterName="ray")["associations"]
    assert [item["associationArn"] for item in listed] == arns
    assert listed[0]["ownerArn"] == made["addonArn"]
    with aws.refused("InvalidRequestException"):
        aws("eks").delete_pod_identity_association(clusterName="ray", associationId=listed[0]["associationId"])
    aws("eks").delete_addon(clusterName="ray", addonName="aws-ebs-csi-driver")
    assert aws("eks").list_pod_identity_associations(clusterName="ray")["associations"] == []


def associate(aws, **given) -> dict:
    request = {"clusterName": "ray", "namespace": "team-a", "serviceAccount": "ray-worker"} | given
    if "roleArn" not in request:
        request["roleArn"] = aws.role("worker", "pods.eks.amazonaws.com")
    return aws("eks").create_pod_identity_association(**request)["association"]


def test_an_association_is_made_found_changed_and_removed(aws) -> None:
    aws.cluster()
    made = associate(aws, tags={"a": "1"}, disableSessionTags=True)
    key = made["associationId"]
    assert made["associationArn"] == f"arn:aws:eks:us-west-2:123456789012:podidentityassociation/ray/{key}"
    seen = aws("eks").describe_pod_identity_association(clusterName="ray", associationId=key)["association"]
    assert seen["disableSessionTags"] is True
    assert seen["tags"] == {"a": "1"}
    other = aws.role("other", "pods.eks.amazonaws.com")
    changed = aws("eks").update_pod_identity_association(clusterName="ray", associationId=key, roleArn=other)
    assert changed["association"]["roleArn"] == other
    listed = aws("eks").list_pod_identity_associations(clusterName="ray", namespace="team-a")["associations"]
    assert [item["associationId"] for item in listed] == [key]
    assert aws("eks").list_pod_identity_associations(clusterName="ray", namespace="b")["associations"] == []
    aws("eks").delete_pod_identity_association(clusterName="ray", associationId=key)
    with aws.refused("ResourceNotFoundException", 404):
        aws("eks").describe_pod_identity_association(clusterName="ray", associationId=key)


def test_a_service_account_has_one_association(aws) -> None:
    aws.cluster()
    role = associate(aws)["roleArn"]
    with aws.refused("ResourceInUseException", 409):
        associate(aws, roleArn=role)


def test_a_role_that_pods_cannot_assume_is_refused(aws) -> None:
    aws.cluster()
    with aws.refused("InvalidParameterException", says=r"pods.eks.amazonaws.com"):
        associate(aws, roleArn=aws.role("wrong", "ec2.amazonaws.com"))
    with aws.refused("InvalidParameterException", says="does not exist"):
        associate(aws, roleArn="arn:aws:iam::123456789012:role/none")
