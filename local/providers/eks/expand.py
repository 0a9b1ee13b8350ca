"""What `eks.Cluster` of pulumi_eks 4.4 makes, as data, so that the plan and the local provider agree on it.

The children, their names, types, inputs and order are those of the component's public behaviour
(https://github.com/pulumi/pulumi-eks, v4). Only what this project uses is represented; the rest is refused.
"""

from collections.abc import Mapping
from typing import Any

from local.providers.eks import parts
from local.providers.eks.addons import ADDON_OPTIONS, CNI_OPTIONS
from local.providers.eks.graph import Child, Expansion, Ref, Whole, computed, plain, present
from local.providers.eks.kubeconfig import as_json, kubeconfig, token_user
from rayeks.errors import UserError

REPRESENTED = frozenset(
    {
        "accessEntries",
        "authenticationMode",
        "bootstrapSelfManagedAddons",
        "clusterSecurityGroupTags",
        "clusterTags",
        "corednsAddonOptions",
        "createInstanceRole",
        "createOidcProvider",
        "deletionProtection",
        "enabledClusterLogTypes",
        "encryptionConfigKeyArn",
        "endpointPrivateAccess",
        "endpointPublicAccess",
        "ipFamily",
        "kubeProxyAddonOptions",
        "kubernetesServiceIpAddressRange",
        "name",
        "nodeSecurityGroupTags",
        "privateSubnetIds",
        "providerCredentialOpts",
        "publicAccessCidrs",
        "publicSubnetIds",
        "skipDefaultNodeGroup",
        "skipDefaultSecurityGroups",
        "subnetIds",
        "tags",
        "upgradePolicy",
        "useDefaultVpcCni",
        "version",
        "vpcCniOptions",
        "vpcId",
    }
)


def expand(name: str, inputs: Mapping[str, Any], user: Mapping[str, Any] | None = None) -> Expansion:
    """The children and outputs of `eks.Cluster(name, ...)`, from its inputs by their camelCase names.

    Values that are not known yet may stand anywhere that pulumi_eks takes an Output. `user` replaces the
    kubeconfig's user (EKS tokens by default). Raises UserError for what pulumi_eks refuses and for what is
    not represented here.
    """
    inputs = {key: value for key, value in inputs.items() if value is not None}
    _check(name, inputs)
    expansion = Expansion()
    role, attachments = parts.service_role(
        expansion,
        f"{name}-eksRole",
        service="eks.amazonaws.com",
        description="Allows EKS to manage clusters on your behalf.",
        policies=("AmazonEKSClusterPolicy",),
        actions=("sts:AssumeRole", "sts:TagSession"),
        tags=inputs.get("tags"),
    )
    own_groups = not inputs.get("skipDefaultSecurityGroups")
    control_plane = parts.cluster_security_group(expansion, name, inputs) if own_groups else None
    cluster = Child(
        parts.CLUSTER,
        f"{name}-eksCluster",
        parts.cluster(name, inputs, role, control_plane),
        depends_on=(role, *attachments),
        ignore_changes=("accessConfig.bootstrapClusterCreatorAdminPermissions", "bootstrapSelfManagedAddons"),
    )
    expansion.add(cluster)
    kube_proxy = inputs.get("kubeProxyAddonOptions", {})
    if kube_proxy.get("enabled", True):
        parts.addon(expansion, f"{name}-kube-proxy", "kube-proxy", inputs, kube_proxy, cluster)

    credentials = inputs.get("providerCredentialOpts", {})
    own = kubeconfig(cluster, user or token_user(cluster, credentials, profile=True))
    handed_out = kubeconfig(cluster, user or token_user(cluster, credentials, profile=False))
    provider = Child("pulumi:providers:kubernetes", f"{name}-eks-k8s", {"kubeconfig": as_json(own)})
    expansion.add(provider)

    entries: list[Child] = []
    instance_role = None
    if inputs.get("createInstanceRole"):
        instance_role, _ = parts.instance_role(expansion, name, inputs)
        nodes = {"principalArn": Ref(instance_role, "arn"), "type": "EC2_LINUX"}
        entries += parts.access_entries(expansion, name, {"defaultNodeGroupInstanceRole": nodes}, cluster)
    entries += parts.access_entries(expansion, name, inputs.get("accessEntries", {}), cluster)

    cni = None
    if not inputs.get("useDefaultVpcCni", False):
        cni = parts.vpc_cni(expansion, f"{name}-vpc-cni", inputs, cluster, entries)
    coredns = inputs.get("corednsAddonOptions", {})
    if _wants_coredns(coredns):
        parts.addon(expansion, f"{name}-coredns", "coredns", inputs, coredns, cluster)
    oidc = parts.oidc_provider(expansion, name, cluster) if inputs.get("createOidcProvider") else None
    nodes_group = ingress = None
    if control_plane:
        nodes_group, ingress = parts.node_security_group(expansion, name, inputs, cluster, control_plane)

    made_by_eks = Ref(cluster, "vpcConfig.clusterSecurityGroupId")
    issuer = Ref(cluster, "identities.0.oidcs.0.issuer")
    roles = [Whole(instance_role)] if instance_role else []
    expansion.outputs = present(
        kubeconfig=handed_out,
        kubeconfigJson=as_json(handed_out),
        eksCluster=Whole(cluster),
        clusterSecurityGroup=_whole(control_plane),
        nodeSecurityGroup=_whole(nodes_group),
        eksClusterIngressRule=_whole(ingress),
        instanceRoles=roles,
        clusterSecurityGroupId=Ref(control_plane, "id") if control_plane else made_by_eks,
        nodeSecurityGroupId=Ref(nodes_group, "id") if nodes_group else made_by_eks,
        clusterIngressRuleId=Ref(ingress, "securityGroupRuleId") if ingress else "",
        defaultNodeGroupAsgName="",
        fargateProfileId="",
        fargateProfileStatus="",
        oidcProviderArn=Ref(oidc, "arn") if oidc else "",
        oidcProviderUrl=issuer,
        oidcIssuer=computed(lambda url: url.removeprefix("https://"), issuer),
        autoModeNodeRoleName="",
        core=present(
            cluster=Whole(cluster),
            clusterIamRole=Whole(role),
            clusterSecurityGroup=_whole(control_plane),
            endpoint=Ref(cluster, "endpoint"),
            instanceRoles=roles,
            kubeconfig=handed_out,
            nodeGroupOptions=present(version=inputs.get("version")),
            oidcProvider=_whole(oidc),
            privateSubnetIds=inputs.get("privateSubnetIds"),
            provider=Whole(provider),
            publicSubnetIds=inputs.get("publicSubnetIds"),
            subnetIds=parts.subnets(inputs),
            tags=inputs.get("tags"),
            vpcCni=_whole(cni),
            vpcId=inputs["vpcId"],
        ),
    )
    return expansion


def _whole(child: Child | None) -> Whole | None:
    return Whole(child) if child else None


def _wants_coredns(options: Mapping[str, Any]) -> bool:
    """Without a default node group to run on, CoreDNS is managed only when asked for in so many words."""
    return options.get("enabled") is True or bool(options.get("configurationValues"))


def _check(name: str, inputs: Mapping[str, Any]) -> None:
    """Refuses what pulumi_eks refuses, and what this file does not represent, with the way out."""
    _known(name, "inputs", inputs, REPRESENTED)
    _known(name, "vpcCniOptions", inputs.get("vpcCniOptions", {}), CNI_OPTIONS)
    for options in ("kubeProxyAddonOptions", "corednsAddonOptions"):
        _known(name, options, inputs.get(options, {}), ADDON_OPTIONS)
    if inputs.get("authenticationMode") != "API":
        mode = inputs.get("authenticationMode", "unset (CONFIG_MAP)")
        raise _refused(name, f"authenticationMode is {mode}", "set authentication_mode=API")
    if inputs.get("skipDefaultNodeGroup") is not True:
        raise _refused(name, "the default node group is wanted", "set skip_default_node_group=True")
    if "vpcId" not in inputs:
        raise _refused(name, "vpcId is not set, which means the account's default VPC", "set vpc_id")
    if "subnetIds" in inputs and ("publicSubnetIds" in inputs or "privateSubnetIds" in inputs):
        raise UserError(f"eks.Cluster {name}: subnetIds excludes publicSubnetIds and privateSubnetIds", "give one kind")
    if inputs.get("publicAccessCidrs") and inputs.get("endpointPublicAccess") is False:
        raise UserError(
            f"eks.Cluster {name}: publicAccessCidrs is set while endpointPublicAccess is false",
            "open the public endpoint, or drop public_access_cidrs",
        )
    _pinned(name, inputs)


def _known(name: str, where: str, given: Mapping[str, Any], represented: frozenset[str]) -> None:
    unknown = sorted(key for key, value in given.items() if value is not None and key not in represented)
    if unknown:
        raise _refused(name, f"{where} not represented: {', '.join(unknown)}", "leave them out")


def _pinned(name: str, inputs: Mapping[str, Any]) -> None:
    """An add-on without a version means the newest of the day, which neither a plan nor a test can know."""
    kube_proxy = inputs.get("kubeProxyAddonOptions", {})
    coredns = inputs.get("corednsAddonOptions", {})
    versions = {
        "kubeProxyAddonOptions.version": not kube_proxy.get("enabled", True) or kube_proxy.get("version"),
        "vpcCniOptions.addonVersion": inputs.get("useDefaultVpcCni")
        or inputs.get("vpcCniOptions", {}).get("addonVersion"),
        "corednsAddonOptions.version": not _wants_coredns(coredns) or coredns.get("version"),
    }
    missing = [path for path, version in versions.items() if plain(version) and not version]
    if missing:
        raise UserError(f"eks.Cluster {name}: {', '.join(missing)} not set", "pin the add-on's version")


def _refused(name: str, what: str, fix: str) -> UserError:
    return UserError(f"eks.Cluster {name}: {what}", f"{fix}, or extend local/providers/eks/expand.py")
