"""`eks.Cluster` as data: the children that pulumi_eks makes, and a clear word for what is not represented."""

import json

import pytest

from local.providers.eks.expand import expand
from local.providers.eks.graph import Child, Computed, Expansion, Ref, Whole, pick
from rayeks.errors import UserError

SMALL = {
    "name": "ray",
    "version": "1.35",
    "vpcId": "vpc-1",
    "publicSubnetIds": ["subnet-p"],
    "privateSubnetIds": ["subnet-a", "subnet-b"],
    "authenticationMode": "API",
    "skipDefaultNodeGroup": True,
    "skipDefaultSecurityGroups": True,
    "kubeProxyAddonOptions": {"version": "v1.35.0-eksbuild.2"},
    "vpcCniOptions": {"addonVersion": "v1.21.1-eksbuild.1"},
}


def names(expansion: Expansion) -> list[str]:
    return [f"{child.type.split(':')[-1]} {child.name}" for child in expansion.children]


def child(expansion: Expansion, name: str, kind: str = "") -> Child:
    found = [one for one in expansion.children if one.name == name and kind in one.type]
    assert len(found) == 1
    return found[0]


def test_a_cluster_without_default_groups_is_a_role_a_cluster_two_addons_and_a_provider():
    assert names(expand("c", SMALL)) == [
        "ServiceRole c-eksRole",
        "Role c-eksRole-role",
        "RolePolicyAttachment c-eksRole-4b490823",
        "Cluster c-eksCluster",
        "Addon c-kube-proxy",
        "kubernetes c-eks-k8s",
        "VpcCniAddon c-vpc-cni",
        "Addon c-vpc-cni",
    ]


def test_default_security_groups_bring_their_rules():
    made = names(expand("c", SMALL | {"skipDefaultSecurityGroups": False}))
    assert [name for name in made if "SecurityGroup" in name] == [
        "SecurityGroup c-eksClusterSecurityGroup",
        "SecurityGroupRule c-eksClusterInternetEgressRule",
        "SecurityGroup c-nodeSecurityGroup",
        "SecurityGroupRule c-eksNodeIngressRule",
        "SecurityGroupRule c-eksNodeClusterIngressRule",
        "SecurityGroupRule c-eksExtApiServerClusterIngressRule",
        "SecurityGroupRule c-eksNodeInternetEgressRule",
        "SecurityGroupRule c-eksClusterIngressRule",
    ]


def test_the_cluster_waits_for_its_role_and_the_policy_on_it():
    cluster = child(expand("c", SMALL), "c-eksCluster")
    assert [other.name for other in cluster.depends_on] == ["c-eksRole-role", "c-eksRole-4b490823"]


def test_public_subnets_come_first():
    assert child(expand("c", SMALL), "c-eksCluster").inputs["vpcConfig"]["subnetIds"] == [
        "subnet-p",
        "subnet-a",
        "subnet-b",
    ]


def test_the_clusters_inputs_follow_the_components():
    given = SMALL | {
        "encryptionConfigKeyArn": "arn:key",
        "endpointPublicAccess": True,
        "endpointPrivateAccess": True,
        "publicAccessCidrs": ["10.0.0.0/8"],
        "kubernetesServiceIpAddressRange": "172.20.0.0/16",
        "enabledClusterLogTypes": ["api"],
        "upgradePolicy": {"supportType": "STANDARD"},
        "deletionProtection": True,
        "bootstrapSelfManagedAddons": False,
        "clusterTags": {"a": "1", "b": "1"},
        "tags": {"b": "2"},
    }
    cluster = child(expand("c", given), "c-eksCluster").inputs
    assert cluster["encryptionConfig"] == {"provider": {"keyArn": "arn:key"}, "resources": ["secrets"]}
    assert cluster["vpcConfig"]["publicAccessCidrs"] == ["10.0.0.0/8"]
    assert cluster["kubernetesNetworkConfig"] == {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"}
    assert cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": True,
    }
    assert cluster["bootstrapSelfManagedAddons"] is False
    assert cluster["deletionProtection"] is True
    assert cluster["tags"] == {"Name": "c-eksCluster", "a": "1", "b": "2"}


def test_the_cnis_options_become_its_configuration_with_keys_in_order():
    options = {
        "addonVersion": "v1",
        "enablePrefixDelegation": True,
        "warmPrefixTarget": 1.0,
        "enableNetworkPolicy": True,
    }
    addon = child(expand("c", SMALL | {"vpcCniOptions": options}), "c-vpc-cni", "eks/addon")
    text = addon.inputs["configurationValues"]
    values = json.loads(text)
    assert values["enableNetworkPolicy"] == "true"
    assert values["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    assert values["env"]["WARM_PREFIX_TARGET"] == "1"
    assert values["env"]["WARM_ENI_TARGET"] == "1"
    assert values["env"]["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"] == "false"
    assert values["init"] == {"env": {"DISABLE_TCP_EARLY_DEMUX": "false"}}
    assert text == json.dumps(values, sort_keys=True, separators=(",", ":"))


def test_the_users_own_cni_values_win_over_options():
    options = {
        "addonVersion": "v1",
        "warmEniTarget": 2,
        "configurationValues": {
            "env": {"WARM_ENI_TARGET": "5"},
            "init": {"image": "x"},
            "enableNetworkPolicy": "false",
        },
        "enableNetworkPolicy": True,
    }
    addon = child(expand("c", SMALL | {"vpcCniOptions": options}), "c-vpc-cni", "eks/addon")
    values = json.loads(addon.inputs["configurationValues"])
    assert values["env"]["WARM_ENI_TARGET"] == "5"
    assert values["enableNetworkPolicy"] == "false"
    assert values["init"] == {"image": "x", "env": {"DISABLE_TCP_EARLY_DEMUX": "false"}}


def test_access_entries_bring_their_policies_below_them():
    entries = {
        "admin": {
            "principalArn": "arn:role",
            "username": "boss",
            "accessPolicies": {"all": {"policyArn": "arn:policy", "accessScope": {"type": "cluster"}}},
        }
    }
    made = expand("c", SMALL | {"accessEntries": entries})
    entry, policy = child(made, "c-admin"), child(made, "c-admin-all")
    assert entry.inputs["userName"] == "boss"
    assert policy.parent is entry
    assert policy.inputs["principalArn"] == "arn:role"
    assert child(made, "c-vpc-cni", "VpcCniAddon").depends_on == (entry,)


def test_an_instance_role_gets_its_profile_and_its_entry():
    made = expand("c", SMALL | {"createInstanceRole": True})
    entry = child(made, "c-defaultNodeGroupInstanceRole")
    assert entry.inputs["type"] == "EC2_LINUX"
    assert entry.inputs["principalArn"] == Ref(child(made, "c-instanceRole-role"), "arn")
    assert child(made, "c-instanceProfile").inputs == {"role": Ref(child(made, "c-instanceRole-role"), "id")}


def test_coredns_is_made_only_when_asked_for():
    assert not any("coredns" in name for name in names(expand("c", SMALL)))
    options = {"enabled": True, "version": "v1.13", "configurationValues": {"replicaCount": 3}}
    addon = child(expand("c", SMALL | {"corednsAddonOptions": options}), "c-coredns")
    assert addon.inputs["configurationValues"] == '{"replicaCount":3}'


def test_values_that_are_not_known_yet_are_passed_on_or_computed_later():
    later = object()
    made = expand("c", SMALL | {"vpcId": later, "privateSubnetIds": later, "skipDefaultSecurityGroups": False})
    assert child(made, "c-eksClusterSecurityGroup").inputs["vpcId"] is later
    subnets = child(made, "c-eksCluster").inputs["vpcConfig"]["subnetIds"]
    assert isinstance(subnets, Computed)
    assert subnets.function(["p"], ["a"]) == ["p", "a"]


def test_the_outputs_are_those_of_the_component():
    made = expand("c", SMALL)
    cluster = child(made, "c-eksCluster")
    assert made.outputs["eksCluster"] == Whole(cluster)
    assert made.outputs["clusterSecurityGroupId"] == Ref(cluster, "vpcConfig.clusterSecurityGroupId")
    assert made.outputs["nodeSecurityGroupId"] == made.outputs["clusterSecurityGroupId"]
    assert made.outputs["oidcProviderArn"] == ""
    assert made.outputs["core"]["endpoint"] == Ref(cluster, "endpoint")
    assert made.outputs["instanceRoles"] == []


def test_the_kubeconfig_asks_the_aws_cli_for_a_token():
    config = expand("c", SMALL | {"providerCredentialOpts": {"roleArn": "arn:r", "profileName": "p"}}).outputs[
        "kubeconfig"
    ]
    arguments = config["users"][0]["user"]["exec"]["args"]
    assert arguments[-2:] == ["--role", "arn:r"], "people bring their own profile"
    assert "get-token" in arguments


def test_another_user_can_take_the_tokens_place():
    config = expand("c", SMALL, {"client-certificate": "/x"}).outputs["kubeconfig"]
    assert config["users"][0]["user"] == {"client-certificate": "/x"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fargate": True}, "not represented: fargate"),
        ({"storageClasses": "gp2", "nodeAmiId": "x"}, "not represented: nodeAmiId, storageClasses"),
        ({"vpcCniOptions": {"addonVersion": "v1", "securityContextPrivileged": True}}, "securityContextPrivileged"),
        ({"authenticationMode": None}, "authenticationMode is unset"),
        ({"skipDefaultNodeGroup": False}, "default node group"),
        ({"vpcId": None}, "vpcId is not set"),
    ],
)
def test_what_is_not_represented_is_refused_with_the_file_to_extend(change, message):
    with pytest.raises(UserError, match=message) as failure:
        expand("c", SMALL | change)
    assert "local/providers/eks/expand.py" in (failure.value.fix or "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subnetIds": ["s"]}, "subnetIds excludes"),
        ({"endpointPublicAccess": False, "publicAccessCidrs": ["1.2.3.4/32"]}, "publicAccessCidrs is set while"),
        ({"kubeProxyAddonOptions": {}}, r"kubeProxyAddonOptions\.version not set"),
        ({"vpcCniOptions": None}, r"vpcCniOptions\.addonVersion not set"),
        ({"corednsAddonOptions": {"enabled": True}}, r"corednsAddonOptions\.version not set"),
    ],
)
def test_what_the_component_refuses_or_leaves_to_the_day_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        expand("c", SMALL | change)


def test_a_path_into_an_output_picks_mappings_and_lists():
    value = {"identities": [{"oidcs": [{"issuer": "https://x"}]}]}
    assert pick(value, "identities.0.oidcs.0.issuer") == "https://x"
    assert pick(value, "identities.3.oidcs") is None
    assert pick(None, "a.b") is None
