"""EKS clusters of the local AWS, held to boto3's parsing and waiters."""

import base64

import pytest

NO_KEY = "arn:aws:kms:us-west-2:123456789012:key/none"
ALL_LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


def test_a_cluster_keeps_everything_it_was_created_with(aws) -> None:
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    made = aws.cluster(
        version="1.35",
        deletionProtection=True,
        upgradePolicy={"supportType": "STANDARD"},
        zonalShiftConfig={"enabled": True},
        controlPlaneScalingConfig={"tier": "tier-xl"},
        encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": key}}],
        logging={"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]},
        kubernetesNetworkConfig={"serviceIpv4Cidr": "172.21.0.0/16", "ipFamily": "ipv4"},
        kubeSchedulerConfig={"nodeResourcesFit": {"scoringStrategy": {"type": "MostAllocated"}}},
        tags={"team": "ray"},
    )
    assert made["status"] == "CREATING"
    aws("eks").get_waiter("cluster_active").wait(name="ray")
    seen = aws("eks").describe_cluster(name="ray")["cluster"]
    assert seen["arn"] == "arn:aws:eks:us-west-2:123456789012:cluster/ray"
    assert seen["version"] == "1.35"
    assert seen["deletionProtection"] is True
    assert seen["upgradePolicy"] == {"supportType": "STANDARD"}
    assert seen["zonalShiftConfig"] == {"enabled": True}
    assert seen["controlPlaneScalingConfig"] == {"tier": "tier-xl"}
    assert seen["encryptionConfig"][0]["provider"]["keyArn"] == key
    assert seen["accessConfig"] == {"authenticationMode": "API"}
    assert seen["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.21.0.0/16"
    assert seen["kubeSchedulerConfig"]["nodeResourcesFit"]["scoringStrategy"]["type"] == "MostAllocated"
    assert seen["logging"]["clusterLogging"] == [
        {"types": ["api", "audit"], "enabled": True},
        {"types": ALL_LOGS[2:], "enabled": False},
    ]
    assert seen["identity"]["oidc"]["issuer"].startswith("https://oidc.eks.us-west-2.amazonaws.com/id/")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(seen["certificateAuthority"]["data"])
    assert seen["tags"] == {"team": "ray"}


def test_a_cluster_without_choices_gets_aws_defaults(aws) -> None:
    aws.cluster(accessConfig={})
    seen = aws("eks").describe_cluster(name="ray")["cluster"]
    assert seen["version"] == "1.35"
    assert seen["accessConfig"] == {"authenticationMode": "CONFIG_MAP"}
    assert seen["upgradePolicy"] == {"supportType": "EXTENDED"}
    assert seen["deletionProtection"] is False
    assert seen["resourcesVpcConfig"]["endpointPublicAccess"] is True
    assert seen["resourcesVpcConfig"]["publicAccessCidrs"] == ["0.0.0.0/0"]
    assert seen["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"


def test_the_cluster_security_group_is_real_and_goes_with_the_cluster(aws) -> None:
    aws.cluster()
    network_config = aws("eks").describe_cluster(name="ray")["cluster"]["resourcesVpcConfig"]
    group_id = network_config["clusterSecurityGroupId"]
    group = aws("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    assert group["VpcId"] == network_config["vpcId"]
    assert {"Key": "kubernetes.io/cluster/ray", "Value": "owned"} in group["Tags"]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group_id
    aws("eks").delete_cluster(name="ray")
    aws("eks").get_waiter("cluster_deleted").wait(name="ray")
    with aws.refused("InvalidGroup.NotFound"):
        aws("ec2").describe_security_groups(GroupIds=[group_id])
    assert aws("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_subnets_of_a_living_cluster_cannot_be_deleted(aws) -> None:
    aws.cluster()
    subnets = aws("eks").describe_cluster(name="ray")["cluster"]["resourcesVpcConfig"]["subnetIds"]
    with aws.refused("DependencyViolation"):
        aws("ec2").delete_subnet(SubnetId=subnets[0])


def test_a_second_create_of_the_same_cluster_is_refused(aws) -> None:
    aws.cluster()
    with aws.refused("ResourceInUseException", 409) as response:
        aws("eks").create_cluster(
            name="ray",
            roleArn="arn:aws:iam::123456789012:role/ray-cluster",
            resourcesVpcConfig={"subnetIds": []},
        )
    assert response["clusterName"] == "ray"


def test_a_cluster_that_is_not_there_is_not_found(aws) -> None:
    for ask in (
        lambda eks: eks.describe_cluster(name="none"),
        lambda eks: eks.delete_cluster(name="none"),
        lambda eks: eks.list_nodegroups(clusterName="none"),
        lambda eks: eks.update_cluster_version(name="none", version="1.35"),
    ):
        with aws.refused("ResourceNotFoundException", 404):
            ask(aws("eks"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": "1.29"}, "unsupported Kubernetes version"),
        ({"roleArn": "arn:aws:iam::123456789012:role/none"}, "could not be assumed"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-0123456789abcdef0", "subnet-1"]}}, "does not exist"),
        ({"controlPlaneScalingConfig": {"tier": "tier-3xl"}}, "enum value set"),
        ({"name": "no spaces"}, "regular expression pattern"),
        (
            {"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": NO_KEY}}]},
            "is invalid",
        ),
    ],
)
def test_what_aws_refuses_is_refused(aws, change: dict, says: str) -> None:
    with aws.refused("InvalidParameterException", says=says):
        aws.cluster(**change)


def test_subnets_in_one_zone_are_not_enough(aws) -> None:
    _, subnets = aws.network("aa")
    with aws.refused("InvalidParameterException", says="two different AZs"):
        aws.cluster(resourcesVpcConfig={"subnetIds": subnets})


def test_a_protected_cluster_is_deleted_only_after_protection_is_lifted(aws) -> None:
    aws.cluster(deletionProtection=True)
    with aws.refused("InvalidRequestException"):
        aws("eks").delete_cluster(name="ray")
    aws("eks").update_cluster_config(name="ray", deletionProtection=False)
    assert aws("eks").delete_cluster(name="ray")["cluster"]["status"] == "DELETING"


def test_a_cluster_with_node_groups_is_not_deleted(aws) -> None:
    aws.cluster()
    aws.nodes()
    with aws.refused("ResourceInUseException", 409):
        aws("eks").delete_cluster(name="ray")
    aws("eks").delete_nodegroup(clusterName="ray", nodegroupName="cpu")
    aws("eks").get_waiter("nodegroup_deleted").wait(clusterName="ray", nodegroupName="cpu")
    aws("eks").delete_cluster(name="ray")
    assert aws("eks").list_clusters()["clusters"] == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"logging": {"clusterLogging": [{"types": ["api"], "enabled": True}]}}, "LoggingUpdate"),
        ({"resourcesVpcConfig": {"endpointPrivateAccess": True}}, "EndpointAccessUpdate"),
        ({"upgradePolicy": {"supportType": "STANDARD"}}, "UpgradePolicyUpdate"),
        ({"zonalShiftConfig": {"enabled": True}}, "ZonalShiftConfigUpdate"),
        ({"deletionProtection": True}, "DeletionProtectionUpdate"),
        ({"controlPlaneScalingConfig": {"tier": "tier-xl"}}, "ControlPlaneScalingConfigUpdate"),
    ],
)
def test_one_part_of_a_cluster_is_updated_and_the_update_can_be_followed(aws, change: dict, kind: str) -> None:
    aws.cluster()
    update = aws("eks").update_cluster_config(name="ray", **change)["update"]
    assert (update["status"], update["type"]) == ("InProgress", kind)
    seen = aws("eks").describe_update(name="ray", updateId=update["id"])["update"]
    assert (seen["status"], seen["type"], seen["errors"]) == ("Successful", kind, [])
    assert aws("eks").list_updates(name="ray")["updateIds"] == [update["id"]]
    about = aws("eks").describe_cluster(name="ray")["cluster"]
    key, value = next(iter(change.items()))
    if key == "logging":
        assert about["logging"]["clusterLogging"][0] == {"types": ["api"], "enabled": True}
    elif isinstance(value, dict):
        assert about[key].items() >= value.items()
    else:
        assert about[key] == value
    with aws.refused("InvalidParameterException"):
        aws("eks").update_cluster_config(name="ray", **change)


def test_two_kinds_of_change_at_once_are_refused(aws) -> None:
    aws.cluster()
    with aws.refused("InvalidParameterException", says="Only one type of update"):
        aws("eks").update_cluster_config(name="ray", deletionProtection=True, zonalShiftConfig={"enabled": True})


def test_authentication_modes_only_go_forward_one_step(aws) -> None:
    aws.cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})
    for mode in ("API_AND_CONFIG_MAP", "API"):
        aws("eks").update_cluster_config(name="ray", accessConfig={"authenticationMode": mode})
    with aws.refused("InvalidParameterException", says="Unsupported authentication mode update"):
        aws("eks").update_cluster_config(name="ray", accessConfig={"authenticationMode": "CONFIG_MAP"})


def test_kubernetes_is_upgraded_one_minor_version_at_a_time(aws) -> None:
    aws.cluster(version="1.34")
    with aws.refused("InvalidParameterException", says="from 1.34 to 1.36"):
        aws("eks").update_cluster_version(name="ray", version="1.36")
    update = aws("eks").update_cluster_version(name="ray", version="1.35")["update"]
    assert update["type"] == "VersionUpdate"
    assert aws("eks").describe_cluster(name="ray")["cluster"]["version"] == "1.35"


def test_the_offered_versions_carry_their_support_status(aws) -> None:
    offered = aws("eks").describe_cluster_versions(versionStatus="STANDARD_SUPPORT")["clusterVersions"]
    assert [version["clusterVersion"] for version in offered] == ["1.36", "1.35", "1.34"]
    default = aws("eks").describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert [version["clusterVersion"] for version in default] == ["1.35"]
    assert default[0]["controlPlaneScalingTiers"][0]["apiRequestConcurrency"] == 1700
    assert default[0]["endOfStandardSupportDate"].year == 2027


def test_clusters_are_tagged_by_their_arn(aws) -> None:
    arn = aws.cluster(tags={"a": "1", "b": "2"})["arn"]
    aws("eks").tag_resource(resourceArn=arn, tags={"b": "3", "c": "4"})
    aws("eks").untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws("eks").list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "3", "c": "4"}
    assert aws("eks").describe_cluster(name="ray")["cluster"]["tags"] == {"b": "3", "c": "4"}
    with aws.refused("NotFoundException", 404):
        aws("eks").list_tags_for_resource(resourceArn=arn + "x")


def test_clusters_are_listed_in_pages(aws) -> None:
    first = aws.cluster()
    for name in ("ray-2", "ray-3"):
        aws("eks").create_cluster(
            name=name,
            roleArn=first["roleArn"],
            resourcesVpcConfig={"subnetIds": first["resourcesVpcConfig"]["subnetIds"]},
        )
    pages = aws("eks").get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2})
    assert [page["clusters"] for page in pages] == [["ray", "ray-2"], ["ray-3"]]
