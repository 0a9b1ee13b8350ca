"""An EKS cluster and what hangs on it on the real engine: created, read back, repaired, changed, deleted."""

import json

import pulumi
import pulumi_aws as aws
import pytest

from tests.local.providers.aws.test_storage_and_identity import trust

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def program(logs=("api", "audit"), size=2, labels=None, taints=True, addon="v1.20.5-eksbuild.1", zones="ab", hops=2):
    def run():
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        subnets = [
            aws.ec2.Subnet(
                f"{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=f"us-west-2{zone}"
            )
            for index, zone in enumerate("ab")
        ]
        role = aws.iam.Role("cluster", assume_role_policy=trust("eks.amazonaws.com"))
        node_role = aws.iam.Role("node", assume_role_policy=trust("ec2.amazonaws.com"))
        ray_role = aws.iam.Role("ray", assume_role_policy=trust("pods.eks.amazonaws.com"))
        key = aws.kms.Key("key")
        cluster = aws.eks.Cluster(
            "ray",
            name="ray",
            role_arn=role.arn,
            version="1.35",
            vpc_config={
                "subnet_ids": [subnet.id for subnet in subnets],
                "endpoint_private_access": True,
                "endpoint_public_access": True,
                "public_access_cidrs": ["10.0.0.0/8", "192.168.0.0/16"],
            },
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            enabled_cluster_log_types=list(logs),
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            upgrade_policy={"support_type": "STANDARD"},
            zonal_shift_config={"enabled": True},
            bootstrap_self_managed_addons=False,
        )
        template = aws.ec2.LaunchTemplate(
            "nodes", metadata_options={"http_tokens": "required", "http_put_response_hop_limit": hops}
        )
        group = aws.eks.NodeGroup(
            "cpu",
            cluster_name=cluster.name,
            node_role_arn=node_role.arn,
            subnet_ids=[subnet.id for subnet, zone in zip(subnets, "ab", strict=True) if zone in zones],
            scaling_config={"min_size": 1, "max_size": 4, "desired_size": size},
            ami_type="AL2023_x86_64_STANDARD",
            instance_types=["m7i.xlarge"],
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            labels=labels or {"pool": "cpu"},
            taints=[{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}] if taints else None,
            update_config={"max_unavailable": 1},
            opts=pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"]),
        )
        aws.eks.Addon(
            "cni",
            cluster_name=cluster.name,
            addon_name="vpc-cni",
            addon_version=addon,
            configuration_values=json.dumps({"env": {"ENABLE_PREFIX_DELEGATION": "true"}}),
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
        )
        entry = aws.eks.AccessEntry("admin", cluster_name=cluster.name, principal_arn=ray_role.arn)
        aws.eks.AccessPolicyAssociation(
            "admin",
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope={"type": "cluster"},
        )
        aws.eks.PodIdentityAssociation(
            "head", cluster_name=cluster.name, namespace="ray", service_account="head", role_arn=ray_role.arn
        )
        out = {
            "endpoint": cluster.endpoint,
            "ca": cluster.certificate_authority.data,
            "issuer": cluster.identities[0].oidcs[0].issuer,
            "group": cluster.vpc_config.cluster_security_group_id,
            "nodes": group.node_group_name,
        }
        for name, value in out.items():
            pulumi.export(name, value)

    return run


def test_a_cluster_goes_through_a_whole_life(account, engine):
    eks = account("eks")
    stack = engine(program())
    assert stack.up() == {"create": 15}
    out = stack.outputs()
    cluster = eks.describe_cluster(name="ray")["cluster"]
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    assert cluster["endpoint"] == out["endpoint"] and cluster["certificateAuthority"]["data"] == out["ca"]
    assert cluster["resourcesVpcConfig"]["clusterSecurityGroupId"] == out["group"]
    assert cluster["identity"]["oidc"]["issuer"] == out["issuer"]
    assert eks.describe_addon(clusterName="ray", addonName="vpc-cni")["addon"]["status"] == "ACTIVE"
    assert stack.plan(refresh=True) == {}

    nodes = {"clusterName": "ray", "nodegroupName": out["nodes"]}
    eks.update_nodegroup_config(**nodes, labels={"addOrUpdateLabels": {"pool": "other", "stranger": "yes"}})
    eks.update_nodegroup_config(**nodes, scalingConfig={"minSize": 1, "maxSize": 4, "desiredSize": 3})
    eks.update_cluster_config(name="ray", logging={"clusterLogging": [{"types": ["audit"], "enabled": False}]})
    association = eks.list_pod_identity_associations(clusterName="ray")["associations"][0]
    eks.delete_pod_identity_association(clusterName="ray", associationId=association["associationId"])
    policies = [eks.list_associated_access_policies(clusterName="ray", principalArn=arn) for arn in _principals(eks)]
    admin = next(each for each in policies if each["associatedAccessPolicies"])
    policy = admin["associatedAccessPolicies"][0]["policyArn"]
    eks.disassociate_access_policy(clusterName="ray", principalArn=admin["principalArn"], policyArn=policy)
    assert stack.up(refresh=True) == {"create": 2, "update": 2, "same": 11}
    group = eks.describe_nodegroup(**nodes)["nodegroup"]
    assert group["labels"] == {"pool": "cpu"}
    assert group["scalingConfig"]["desiredSize"] == 3, "the autoscaler's choice is left alone"

    changes = stack.plan(
        program(logs=("api",), labels={"pool": "new"}, taints=False, addon="v1.21.1-eksbuild.7", hops=1)
    )
    assert changes == {"ray": "update", "cpu": "update", "cni": "update", "nodes": "update"}
    stack.up()
    group = eks.describe_nodegroup(**nodes)["nodegroup"]
    assert "taints" not in group or group["taints"] == []
    assert group["launchTemplate"]["version"] == "2"
    assert eks.describe_addon(clusterName="ray", addonName="vpc-cni")["addon"]["addonVersion"] == "v1.21.1-eksbuild.7"
    assert stack.plan(refresh=True) == {}

    assert stack.plan(program(zones="a"))["cpu"] == "replace"
    assert stack.destroy() == {"delete": 15}
    assert eks.list_clusters()["clusters"] == []


def _principals(eks):
    return eks.list_access_entries(clusterName="ray")["accessEntries"]
