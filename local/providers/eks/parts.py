"""The pieces of `eks.Cluster`: each function adds one to an expansion, from the component's inputs.

A child's inputs hold references to the children before it, and its dependencies follow from them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.providers.eks.addons import cni_configuration, configuration, conflicts
from local.providers.eks.graph import Child, Expansion, Ref, computed, present

CLUSTER = "aws:eks/cluster:Cluster"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
SECURITY_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
ADDON = "aws:eks/addon:Addon"
ROOT_CA_THUMBPRINT = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"
"""SHA-1 of the authority above every EKS OIDC issuer; pulumi_eks reads it off the issuer's own chain."""
WORKER_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly")
EVERYWHERE = ["0.0.0.0/0"]

Inputs = Mapping[str, Any]


def subnets(inputs: Inputs) -> Any:
    """The control plane's subnets: those given, else the public ones and then the private ones."""
    if "subnetIds" in inputs:
        return inputs["subnetIds"]
    return computed(
        lambda public, private: [*public, *private],
        inputs.get("publicSubnetIds", []),
        inputs.get("privateSubnetIds", []),
    )


def service_role(
    expansion: Expansion,
    name: str,
    *,
    service: str,
    policies: Sequence[str],
    actions: Sequence[str] = ("sts:AssumeRole",),
    description: str | None = None,
    tags: Any = None,
) -> tuple[Child, list[Child]]:
    """A role that an AWS service assumes, with AWS's managed policies on it: the role and its attachments."""
    component = expansion.add(Child("eks:index:ServiceRole", name, {}, custom=False))
    trust = {"Action": list(actions), "Effect": "Allow", "Principal": {"Service": [service]}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]}, separators=(",", ":"))
    role_inputs = present(description=description, assumeRolePolicy=document, tags=tags)
    role = expansion.add(Child("aws:iam/role:Role", f"{name}-role", role_inputs, parent=component))
    attachments = []
    for policy in policies:
        arn = f"arn:aws:iam::aws:policy/{policy}"  # the name hashes this form in every partition
        attachment = Child(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            f"{name}-{hashlib.sha1(arn.encode(), usedforsecurity=False).hexdigest()[:8]}",
            {"policyArn": computed(_in_partition, Ref(role, "arn"), arn), "role": Ref(role, "id")},
            parent=component,
        )
        attachments.append(expansion.add(attachment))
    return role, attachments


def cluster(name: str, inputs: Inputs, role: Child, group: Child | None) -> dict[str, Any]:
    """The inputs of the EKS cluster itself."""
    vpc = present(
        securityGroupIds=[Ref(group, "id")] if group else None,
        subnetIds=subnets(inputs),
        endpointPrivateAccess=inputs.get("endpointPrivateAccess"),
        endpointPublicAccess=inputs.get("endpointPublicAccess"),
        publicAccessCidrs=inputs.get("publicAccessCidrs"),
    )
    network = None
    if "kubernetesServiceIpAddressRange" in inputs or "ipFamily" in inputs:
        network = computed(_network, inputs.get("kubernetesServiceIpAddressRange"), inputs.get("ipFamily"))
    encryption = None
    if "encryptionConfigKeyArn" in inputs:
        encryption = {"provider": {"keyArn": inputs["encryptionConfigKeyArn"]}, "resources": ["secrets"]}
    return present(
        name=inputs.get("name"),
        roleArn=Ref(role, "arn"),
        version=inputs.get("version"),
        vpcConfig=vpc,
        kubernetesNetworkConfig=network,
        encryptionConfig=encryption,
        # The component deploys into the cluster, so it insists on its creator being an administrator.
        accessConfig={
            "authenticationMode": inputs["authenticationMode"],
            "bootstrapClusterCreatorAdminPermissions": True,
        },
        bootstrapSelfManagedAddons=inputs.get("bootstrapSelfManagedAddons", True),
        enabledClusterLogTypes=inputs.get("enabledClusterLogTypes"),
        upgradePolicy=inputs.get("upgradePolicy"),
        deletionProtection=inputs.get("deletionProtection"),
        tags=_tags(f"{name}-eksCluster", inputs.get("clusterTags"), inputs.get("tags")),
    )


def cluster_security_group(expansion: Expansion, name: str, inputs: Inputs) -> Child:
    """The group of the control plane's network interfaces, which may reach everything."""
    tags = _tags(f"{name}-eksClusterSecurityGroup", inputs.get("clusterSecurityGroupTags"), inputs.get("tags"))
    group = expansion.add(_security_group(f"{name}-eksClusterSecurityGroup", inputs["vpcId"], tags))
    expansion.add(_rule(f"{name}-eksClusterInternetEgressRule", group, "Allow internet access.", to="anywhere"))
    return group


def node_security_group(
    expansion: Expansion, name: str, inputs: Inputs, made: Child, control_plane: Child
) -> tuple[Child, Child]:
    """The nodes' group with its rules, and the rule that lets nodes reach the control plane."""
    tags = computed(
        lambda cluster_name, extra, common: {
            "Name": f"{name}-nodeSecurityGroup",
            f"kubernetes.io/cluster/{cluster_name}": "owned",
            **(extra or {}),
            **(common or {}),
        },
        Ref(made, "name"),
        inputs.get("nodeSecurityGroupTags"),
        inputs.get("tags"),
    )
    nodes = expansion.add(_security_group(f"{name}-nodeSecurityGroup", inputs["vpcId"], tags))
    rules = (
        _rule(f"{name}-eksNodeIngressRule", nodes, "Allow nodes to communicate with each other"),
        _rule(
            f"{name}-eksNodeClusterIngressRule",
            nodes,
            "Allow worker Kubelets and pods to receive communication from the cluster control plane",
            source=control_plane,
            ports=(1025, 65535),
        ),
        _rule(
            f"{name}-eksExtApiServerClusterIngressRule",
            nodes,
            "Allow pods running extension API servers on port 443 to receive communication from cluster control plane",
            source=control_plane,
            ports=(443, 443),
        ),
        _rule(f"{name}-eksNodeInternetEgressRule", nodes, "Allow internet access.", to="anywhere"),
    )
    for rule in rules:
        expansion.add(rule)
    into_control_plane = _rule(
        f"{name}-eksClusterIngressRule",
        control_plane,
        "Allow pods to communicate with the cluster API Server",
        source=nodes,
        ports=(443, 443),
    )
    return nodes, expansion.add(into_control_plane)


def instance_role(expansion: Expansion, name: str, inputs: Inputs) -> tuple[Child, list[Child]]:
    """The role of nodes, and the instance profile around it."""
    role, attachments = service_role(
        expansion,
        f"{name}-instanceRole",
        service="ec2.amazonaws.com",
        policies=WORKER_POLICIES,
        tags=inputs.get("tags"),
    )
    profile = {"role": Ref(role, "id")}
    expansion.add(Child("aws:iam/instanceProfile:InstanceProfile", f"{name}-instanceProfile", profile))
    return role, attachments


def access_entries(
    expansion: Expansion, name: str, entries: Mapping[str, Inputs], made: Child, after: tuple[Child, ...] = ()
) -> list[Child]:
    """Who may use the cluster: an access entry each, with its policies below it."""
    result = []
    for key, entry in entries.items():
        principal = entry["principalArn"]
        inputs = present(
            clusterName=Ref(made, "name"),
            principalArn=principal,
            kubernetesGroups=entry.get("kubernetesGroups"),
            type=entry.get("type"),
            userName=entry.get("username"),
            tags=entry.get("tags"),
        )
        child = Child("aws:eks/accessEntry:AccessEntry", f"{name}-{key}", inputs, depends_on=(made, *after))
        result.append(expansion.add(child))
        for association, policy in (entry.get("accessPolicies") or {}).items():
            expansion.add(
                Child(
                    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
                    f"{name}-{key}-{association}",
                    {
                        "clusterName": Ref(made, "name"),
                        "principalArn": principal,
                        "policyArn": policy["policyArn"],
                        "accessScope": policy["accessScope"],
                    },
                    parent=child,
                    depends_on=(child,),
                )
            )
    return result


def addon(expansion: Expansion, name: str, addon_name: str, inputs: Inputs, options: Inputs, made: Child) -> Child:
    """An add-on of EKS that stays on the cluster when the component lets go of it."""
    return expansion.add(
        Child(
            ADDON,
            name,
            present(
                clusterName=Ref(made, "name"),
                addonName=addon_name,
                addonVersion=options["version"],
                preserve=True,
                tags=inputs.get("tags"),
                configurationValues=configuration(options.get("configurationValues")),
                **conflicts(options),
            ),
        )
    )


def vpc_cni(expansion: Expansion, name: str, inputs: Inputs, made: Child, entries: Sequence[Child]) -> Child:
    """The VPC CNI: a component that waits for the access entries, around the add-on of the same name."""
    options = inputs["vpcCniOptions"]
    component = Child("eks:index:VpcCniAddon", name, {}, depends_on=tuple(entries), custom=False)
    addon_inputs = present(
        clusterName=Ref(made, "name"),
        addonName="vpc-cni",
        addonVersion=options["addonVersion"],
        preserve=True,
        configurationValues=cni_configuration(options),
        serviceAccountRoleArn=options.get("serviceAccountRoleArn"),
        tags=inputs.get("tags"),
        **conflicts(options),
    )
    expansion.add(component)
    expansion.add(Child(ADDON, name, addon_inputs, parent=component))
    return component


def oidc_provider(expansion: Expansion, name: str, made: Child) -> Child:
    """IAM's trust in the cluster's service-account tokens."""
    inputs = {
        "clientIdLists": ["sts.amazonaws.com"],
        "url": Ref(made, "identities.0.oidcs.0.issuer"),
        "thumbprintLists": [ROOT_CA_THUMBPRINT],
    }
    return expansion.add(Child("aws:iam/openIdConnectProvider:OpenIdConnectProvider", f"{name}-oidcProvider", inputs))


def _security_group(name: str, vpc: Any, tags: Any) -> Child:
    inputs = {"description": "Managed by Pulumi", "vpcId": vpc, "revokeRulesOnDelete": True, "tags": tags}
    return Child(SECURITY_GROUP, name, inputs)


def _rule(
    name: str,
    group: Child,
    description: str,
    *,
    source: Child | None = None,
    ports: tuple[int, int] = (0, 0),
    to: str | None = None,
) -> Child:
    """A rule of a group: egress `to` anywhere, else ingress from a source group, or from the group itself."""
    return Child(
        SECURITY_GROUP_RULE,
        name,
        present(
            description=description,
            type="egress" if to else "ingress",
            fromPort=ports[0],
            toPort=ports[1],
            protocol="tcp" if source else "-1",
            securityGroupId=Ref(group, "id"),
            sourceSecurityGroupId=Ref(source, "id") if source else None,
            cidrBlocks=EVERYWHERE if to else None,
            self=True if not to and not source else None,
        ),
    )


def _tags(name: str, extra: Any, common: Any) -> Any:
    return computed(lambda more, base: {"Name": name, **(more or {}), **(base or {})}, extra, common)


def _network(cidr: str | None, family: str | None) -> dict[str, Any]:
    family = family or "ipv4"
    return present(serviceIpv4Cidr=cidr if family == "ipv4" else None, ipFamily=family)


def _in_partition(role_arn: str, policy_arn: str) -> str:
    return policy_arn.replace("arn:aws:", f"arn:{role_arn.split(':')[1]}:", 1)
