"""EKS Hybrid Nodes: what lets machines outside AWS join the cluster, and what each of them is told to do so.

Source of names and documents: EKS user guide, "Prepare credentials for hybrid nodes" and "Prepare cluster access".
"""

import json
from typing import Any

import pulumi
import yaml
from pulumi import ResourceOptions
from pulumi_aws import eks, vpc

from infra import iam
from infra.cluster import Cluster
from infra.config.cluster import Hybrid
from infra.contract import RAY_HYBRID
from infra.iam import Aws, Document
from infra.identity import Role

KUBELET, API = 10250, 443
CLUSTER_TAG = "EKSClusterARN"
"""The tag of an SSM activation that says for which cluster it is; its machines may leave by it and no others."""


class HybridNodes(pulumi.ComponentResource):
    """The role that these machines hold, its way into the cluster, and their way to the control plane."""

    node_config: pulumi.Output[str]
    """What `nodeadm init` takes on such a machine, but for its own credentials."""

    def __init__(self, name: str, settings: Hybrid, *, cluster: Cluster, aws: Aws) -> None:
        super().__init__("rayeks:infra:HybridNodes", name)
        child = ResourceOptions(parent=self)
        role = Role(
            f"{name}-hybrid-node",
            trust=trust(settings, aws),
            managed=[aws.managed(policy) for policy in managed_policies(settings)],
            policies={purpose: json.dumps(found) for purpose, found in policies(settings, aws, name).items()},
            opts=child,
        )
        eks.AccessEntry(
            f"{name}-hybrid-node",
            cluster_name=cluster.made,
            principal_arn=role.arn,
            type="HYBRID_LINUX",
            opts=ResourceOptions(parent=self, depends_on=[cluster.joinable]),
        )
        for index, cidr in enumerate((*settings.node_cidrs, *settings.pod_cidrs)):
            vpc.SecurityGroupIngressRule(
                f"{name}-hybrid-{index}",
                security_group_id=cluster.security_group_id,
                description="From hybrid nodes and their pods to the API server",
                cidr_ipv4=str(cidr),
                ip_protocol="tcp",
                from_port=API,
                to_port=API,
                opts=child,
            )
        self.node_config = role.arn.apply(lambda arn: node_config(settings, cluster=name, region=aws.region, role=arn))
        self.register_outputs({"role": role.arn})


def trust(settings: Hybrid, aws: Aws) -> Document:
    """Who hands the role to a machine: SSM's activations of this account, or Roles Anywhere by one trust anchor.

    By a certificate, a machine gets it under the name in that certificate alone.
    """
    if settings.trust_anchor is None:
        here = {"StringEquals": {"aws:SourceAccount": aws.account}, "ArnEquals": {"aws:SourceArn": aws.arn("ssm", "*")}}
        return _trusted("ssm.amazonaws.com", {"Action": "sts:AssumeRole", "Condition": here})
    anchor = {"ArnEquals": {"aws:SourceArn": settings.trust_anchor}}
    named = {"StringEquals": {"sts:RoleSessionName": "${aws:PrincipalTag/x509Subject/CN}"}}
    return _trusted(
        "rolesanywhere.amazonaws.com",
        {"Action": ["sts:TagSession", "sts:SetSourceIdentity"], "Condition": anchor},
        {"Action": "sts:AssumeRole", "Condition": anchor | named},
    )


def _trusted(service: str, *statements: dict[str, Any]) -> Document:
    who = {"Effect": "Allow", "Principal": {"Service": service}}
    return iam.document(*(who | statement for statement in statements))


def managed_policies(settings: Hybrid) -> tuple[str, ...]:
    """AWS's own policies of the role: images, and SSM where that gives the credentials."""
    ssm = ("AmazonSSMManagedInstanceCore",) if settings.trust_anchor is None else ()
    return ("AmazonEC2ContainerRegistryPullOnly", *ssm)


def policies(settings: Hybrid, aws: Aws, cluster: str) -> dict[str, Document]:
    """What else the role may: find this cluster, get pods' credentials for it, and leave SSM again."""
    arn = aws.arn("eks", f"cluster/{cluster}")
    join = [
        iam.allow("FindCluster", ["eks:DescribeCluster"], [arn]),
        iam.allow("PodIdentity", ["eks-auth:AssumeRoleForPodIdentity"], [arn]),
    ]
    found = {"join": iam.document(*join)}
    if settings.trust_anchor is None:
        mine = {"StringEquals": {f"ssm:resourceTag/{CLUSTER_TAG}": arn}}
        found["leave"] = iam.document(
            iam.allow("SeeInstances", ["ssm:DescribeInstanceInformation"], ["*"]),
            iam.allow("Deregister", ["ssm:DeregisterManagedInstance"], [aws.arn("ssm", "managed-instance/*")], mine),
        )
    return found


def node_config(settings: Hybrid, *, cluster: str, region: str, role: str) -> str:
    """nodeadm's NodeConfig of a machine that joins as one of `ray-hybrid`; its credentials are left open."""
    taints = ",".join(f"{taint.key}={taint.value}:{taint.effect}" for taint in RAY_HYBRID.taints)
    labels = ",".join(f"{key}={value}" for key, value in RAY_HYBRID.labels().items())
    if settings.trust_anchor is None:
        credentials: dict[str, Any] = {"ssm": {"activationCode": "<code>", "activationId": "<id>"}}
    else:
        anywhere = {"trustAnchorArn": settings.trust_anchor, "profileArn": "<profile>", "roleArn": role}
        credentials = {"iamRolesAnywhere": {"nodeName": "<the certificate's CN>"} | anywhere}
    config = {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {"name": cluster, "region": region},
            "hybrid": credentials,
            "kubelet": {"flags": [f"--node-labels={labels}", f"--register-with-taints={taints}"]},
        },
    }
    return yaml.safe_dump(config, sort_keys=False)
