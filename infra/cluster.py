"""The EKS control plane: its key, logs, access entries and the add-ons that nodes need before they join."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_eks
import pulumi_kubernetes
from pulumi import Input, Output, ResourceOptions, ResourceTransformArgs, ResourceTransformResult
from pulumi_aws import cloudwatch, eks, kms, vpc

from infra import iam, sizing, versions
from infra.config.cluster import Cluster as Settings
from infra.config.cluster import Hybrid
from infra.iam import Aws
from infra.keys import DataKey
from infra.network import Network

ACCESS_POLICIES = {"admin": "AmazonEKSClusterAdminPolicy", "view": "AmazonEKSAdminViewPolicy"}
"""Role of the stack file → EKS access policy."""


class Cluster(pulumi.ComponentResource):
    """An EKS cluster on which nodes can join; `kubernetes` is the provider for everything inside it."""

    name: str
    version: str
    endpoint: Output[str]
    security_group_id: Output[str]
    made: Output[str]
    """The cluster's name once it exists; what EKS keeps in it takes this, to be replaced with it and go before it."""
    kubeconfig: Output[str]
    kubernetes: pulumi_kubernetes.Provider
    joinable: pulumi.Resource
    """The control plane with pod networking and kube-proxy: what a node needs to become Ready."""
    identities: pulumi.Resource
    """The Pod Identity agent: what a pod needs to act as its role."""

    def __init__(self, name: str, settings: Settings, *, network: Network, nodes: int, key: DataKey, aws: Aws) -> None:
        """`nodes` is the most that the stack may have at once, which sizes a control plane of tier `auto`."""
        super().__init__("rayeks:infra:Cluster", name, None, ResourceOptions(protect=settings.deletion_protection))
        self.name, self.version = name, settings.version
        self.addons = versions.ADDONS[settings.version]
        child = ResourceOptions(parent=self)
        secrets = kms.Key(
            f"{name}-secrets",
            description=f"Envelope encryption of Kubernetes secrets in {name}",
            enable_key_rotation=True,
            deletion_window_in_days=30 if settings.deletion_protection else 7,
            policy=json.dumps(iam.account_key(aws)),
            opts=child,
        )
        kms.Alias(f"{name}-secrets", name=f"alias/{name}-secrets", target_key_id=secrets.key_id, opts=child)
        # Made first and under the name that EKS would use, or EKS makes one that keeps logs for ever.
        logs = cloudwatch.LogGroup(
            f"{name}-control-plane",
            name=f"/aws/eks/{name}/cluster",
            retention_in_days=settings.log_retention_days,
            kms_key_id=key.arn,
            opts=child,
        )
        public = [str(cidr) for cidr in settings.public_access_cidrs]
        self._cluster = pulumi_eks.Cluster(
            name,
            name=name,
            version=settings.version,
            authentication_mode=pulumi_eks.AuthenticationMode.API,
            vpc_id=network.vpc_id,
            cluster_tags={"vpc": network.vpc_id},
            private_subnet_ids=list(network.private_subnets.values()),
            endpoint_private_access=True,
            endpoint_public_access=bool(public),
            public_access_cidrs=public or None,
            kubernetes_service_ip_address_range=str(settings.service_cidr),
            enabled_cluster_log_types=list(settings.log_types),
            encryption_config_key_arn=secrets.arn,
            deletion_protection=settings.deletion_protection,
            # EXTENDED, AWS's default, costs six times as much once a version leaves standard support.
            upgrade_policy={"support_type": "STANDARD"},
            bootstrap_self_managed_addons=False,
            skip_default_node_group=True,
            skip_default_security_groups=True,
            create_oidc_provider=False,
            kube_proxy_addon_options={"version": self.addons["kube-proxy"]},
            vpc_cni_options={
                "addon_version": self.addons["vpc-cni"],
                "enable_prefix_delegation": True,
                "enable_network_policy": True,
            },
            opts=ResourceOptions(parent=self, depends_on=[logs], transforms=[_beyond_the_component(settings, nodes)]),
        )
        self.endpoint = self._cluster.core["endpoint"]
        self.security_group_id = self._cluster.cluster_security_group_id
        self.kubeconfig = self._cluster.kubeconfig_json
        self.made = self.security_group_id.apply(lambda _: name)
        entries = [entry for access in settings.access.items() for entry in self._access(aws, *access)]
        self.joinable = self._cluster
        self.identities = self.addon("eks-pod-identity-agent")
        self.kubernetes = pulumi_kubernetes.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # Static: a changed kubeconfig must never read as another cluster, which would replace everything on it.
            cluster_identifier=name,
            enable_server_side_apply=True,
            opts=ResourceOptions(parent=self, depends_on=[self._cluster, *entries]),
        )
        vpc.SecurityGroupIngressRule(
            f"{name}-load-balancer",
            security_group_id=self.security_group_id,
            description="From load balancers of the stack",
            referenced_security_group_id=network.load_balancer_group,
            ip_protocol="-1",
            opts=child,
        )
        self.register_outputs({"name": name})

    def addon(
        self,
        addon: str,
        *,
        after: Sequence[pulumi.Resource] = (),
        values: Mapping[str, Any] | None = None,
        identity: tuple[str, Input[str]] | None = None,
        parent: pulumi.Resource | None = None,
    ) -> eks.Addon:
        """One EKS add-on at its pinned version.

        `after` is what it waits for besides the cluster, `values` its configuration, and `identity` a service account
        with the ARN of the role that it holds through Pod Identity.
        """
        return eks.Addon(
            f"{self.name}-{addon}",
            cluster_name=self.made,
            addon_name=addon,
            addon_version=self.addons[addon],
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            configuration_values=json.dumps(values) if values else None,
            pod_identity_associations=[{"service_account": identity[0], "role_arn": identity[1]}] if identity else None,
            opts=ResourceOptions(parent=parent or self, depends_on=[self._cluster, *after]),
        )

    def _access(self, aws: Aws, name: str, access) -> list[pulumi.Resource]:
        after = ResourceOptions(parent=self, depends_on=[self._cluster])
        entry = eks.AccessEntry(
            f"{self.name}-{name}",
            cluster_name=self.made,
            principal_arn=access.principal,
            kubernetes_groups=list(access.groups) or None,
            type="STANDARD",
            opts=after,
        )
        if access.role is None:
            return [entry]
        return [
            entry,
            eks.AccessPolicyAssociation(
                f"{self.name}-{name}",
                cluster_name=self.made,
                principal_arn=entry.principal_arn,
                policy_arn=f"arn:{aws.partition}:eks::aws:cluster-access-policy/{ACCESS_POLICIES[access.role]}",
                access_scope={"type": "cluster"},
                opts=after,
            ),
        ]


def _beyond_the_component(
    settings: Settings, nodes: int
) -> Callable[[ResourceTransformArgs], ResourceTransformResult | None]:
    """What EKS offers and pulumi_eks 4.4 has no argument for, set on the cluster inside its component."""

    def transform(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        if args.type_ != "aws:eks/cluster:Cluster" or not isinstance(args.props, Mapping):
            return None
        # EKS never moves a cluster to another VPC, which its only tag of its own names. By `replace_with` the engine
        # would delete the cluster alone, and EKS refuses that while node groups are in it.
        opts = ResourceOptions.merge(args.opts, ResourceOptions(replace_on_changes=["tags"]))
        return ResourceTransformResult(props={**args.props, **control_plane(settings, nodes)}, opts=opts)

    return transform


def remote_network(settings: Hybrid) -> dict[str, Any]:
    """The cluster's `remoteNetworkConfig`, as `aws.eks.Cluster` spells it."""
    found: dict[str, Any] = {"remoteNodeNetworks": {"cidrs": [str(cidr) for cidr in settings.node_cidrs]}}
    if settings.pod_cidrs:
        found["remotePodNetworks"] = {"cidrs": [str(cidr) for cidr in settings.pod_cidrs]}
    return found


def control_plane(settings: Settings, nodes: int) -> dict[str, Any]:
    """What pulumi_eks has no argument for: access, zonal shift, scoring, tier, remote networks, as AWS spells them."""
    tier = sizing.control_plane_tier(nodes) if settings.tier == "auto" else settings.tier
    remote = {"remoteNetworkConfig": remote_network(settings.hybrid)} if settings.hybrid else {}
    return remote | {
        # Whoever happens to make the cluster gets no entry by that: it would stand in no stack file, and EKS refuses a
        # second one for the same principal, such as the deploy role's.
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        "zonalShiftConfig": {"enabled": settings.zonal_shift},
        "controlPlaneScalingConfig": {"tier": tier},
        "kubeSchedulerConfig": {
            "nodeResourcesFit": {"scoringStrategy": {"type": "MostAllocated" if settings.pack else "LeastAllocated"}}
        },
    }
