"""EKS access entries and policies of the local AWS."""

import pytest

ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def entry(aws, principal: str, **given) -> dict:
    return aws("eks").create_access_entry(clusterName="ray", principalArn=principal, **given)["accessEntry"]


def test_a_standard_entry_is_made_found_changed_and_removed(aws) -> None:
    aws.cluster()
    admin = aws.role("admin", "ec2.amazonaws.com")
    made = entry(aws, admin, kubernetesGroups=["platform"], tags={"a": "1"})
    assert made["type"] == "STANDARD"
    assert made["username"] == "arn:aws:sts::123456789012:assumed-role/admin/{{SessionName}}"
    assert made["accessEntryArn"].startswith(
        "arn:aws:eks:us-west-2:123456789012:access-entry/ray/role/123456789012/admin/"
    )
    aws("eks").update_access_entry(clusterName="ray", principalArn=admin, kubernetesGroups=["b"], username="x")
    seen = aws("eks").describe_access_entry(clusterName="ray", principalArn=admin)["accessEntry"]
    assert (seen["kubernetesGroups"], seen["username"], seen["tags"]) == (["b"], "x", {"a": "1"})
    assert aws("eks").list_access_entries(clusterName="ray")["accessEntries"] == [admin]
    aws("eks").delete_access_entry(clusterName="ray", principalArn=admin)
    with aws.refused("ResourceNotFoundException", 404):
        aws("eks").describe_access_entry(clusterName="ray", principalArn=admin)


def test_node_entries_get_their_names_from_eks(aws) -> None:
    aws.cluster()
    made = entry(aws, aws.role("node", "ec2.amazonaws.com"), type="EC2_LINUX")
    assert made["username"] == "system:node:{{EC2PrivateDNSName}}"
    assert made["kubernetesGroups"] == ["system:nodes"]


def test_a_managed_node_group_brings_the_entry_of_its_role(aws) -> None:
    aws.cluster()
    role = aws.nodes()["nodeRole"]
    seen = aws("eks").describe_access_entry(clusterName="ray", principalArn=role)["accessEntry"]
    assert seen["type"] == "EC2_LINUX"
    with aws.refused("ResourceInUseException", 409):
        entry(aws, role, type="EC2_LINUX")


def test_the_creator_gets_an_admin_entry_unless_told_otherwise(aws) -> None:
    aws.cluster(accessConfig={"authenticationMode": "API"})
    entries = aws("eks").list_access_entries(clusterName="ray", associatedPolicyArn=ADMIN)["accessEntries"]
    assert len(entries) == 1


@pytest.mark.parametrize(
    ("principal", "given", "says"),
    [
        ("arn:aws:iam::123456789012:role/none", {}, "invalid principal"),
        ("not-an-arn", {}, "invalid principal"),
        ("", {"kubernetesGroups": ["system:masters"]}, "cannot start with system:"),
        ("", {"type": "EC2_LINUX", "kubernetesGroups": ["a"]}, "does not support"),
        ("", {"type": "EC3"}, "EC3"),
    ],
)
def test_what_aws_refuses_is_refused(aws, principal: str, given: dict, says: str) -> None:
    aws.cluster()
    with aws.refused("InvalidParameterException", says=says):
        entry(aws, principal or aws.role("r", "ec2.amazonaws.com"), **given)


def test_a_cluster_with_the_config_map_mode_takes_no_entries(aws) -> None:
    aws.cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})
    with aws.refused("InvalidRequestException", says="authentication mode"):
        entry(aws, aws.role("r", "ec2.amazonaws.com"))


def test_a_policy_is_given_rescoped_and_taken(aws) -> None:
    aws.cluster()
    principal = aws.role("tenant", "ec2.amazonaws.com")
    entry(aws, principal)
    where = {"clusterName": "ray", "principalArn": principal}
    given = aws("eks").associate_access_policy(**where, policyArn=VIEW, accessScope={"type": "cluster"})
    assert given["associatedAccessPolicy"]["accessScope"] == {"type": "cluster", "namespaces": []}
    scope = {"type": "namespace", "namespaces": ["team-a"]}
    aws("eks").associate_access_policy(**where, policyArn=VIEW, accessScope=scope)
    held = aws("eks").list_associated_access_policies(**where)["associatedAccessPolicies"]
    assert [(item["policyArn"], item["accessScope"]) for item in held] == [(VIEW, scope)]
    aws("eks").disassociate_access_policy(**where, policyArn=VIEW)
    assert aws("eks").list_associated_access_policies(**where)["associatedAccessPolicies"] == []
    with aws.refused("ResourceNotFoundException", 404):
        aws("eks").disassociate_access_policy(**where, policyArn=VIEW)


def test_unknown_policies_and_scopes_are_refused(aws) -> None:
    aws.cluster()
    principal = aws.role("tenant", "ec2.amazonaws.com")
    where = {"clusterName": "ray", "principalArn": principal}
    with aws.refused("ResourceNotFoundException", 404):
        aws("eks").associate_access_policy(**where, policyArn=VIEW, accessScope={"type": "cluster"})
    entry(aws, principal)
    with aws.refused("InvalidParameterException"):
        aws("eks").associate_access_policy(**where, policyArn=VIEW + "x", accessScope={"type": "cluster"})
    with aws.refused("InvalidParameterException"):
        aws("eks").associate_access_policy(**where, policyArn=VIEW, accessScope={"type": "namespace"})
    names = {policy["name"] for policy in aws("eks").list_access_policies()["accessPolicies"]}
    assert {"AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy"} <= names
