"""Capacity that is there whether or not Karpenter runs: managed node groups, and the placement groups of pools."""

import base64

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import ec2, eks

from infra import iam
from infra.cluster import Cluster
from infra.config.cluster import NodeGroup
from infra.config.pools import PlacementGroup
from infra.contract import POOL_LABEL
from infra.iam import Aws
from infra.identity import Role
from infra.karpenter import NODE_CONFIG, group_name, placement_arguments
from infra.network import Network

AMI_TYPES = {"none": "AL2023_x86_64_STANDARD", "nvidia": "AL2023_x86_64_NVIDIA"}
"""Accelerator → EKS AMI type."""

NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)
"""What every node's role holds; AmazonEKSWorkerNodePolicy includes what the Pod Identity agent needs."""

TAINT_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}


class NodeGroups(pulumi.ComponentResource):
    """The managed node groups, and CoreDNS, which needs their nodes to become healthy."""

    ready: list[pulumi.Resource]
    """What the cluster's own controllers wait for: groups that may hold them, and DNS."""

    def __init__(
        self,
        name: str,
        settings: dict[str, NodeGroup],
        *,
        cluster: Cluster,
        network: Network,
        aws: Aws,
    ) -> None:
        super().__init__("rayeks:infra:NodeGroups", name)
        self._cluster, self._network = cluster, network
        self._role = Role(
            f"{name}-node",
            trust=iam.trust("ec2.amazonaws.com"),
            managed=[aws.managed(policy) for policy in NODE_POLICIES],
            opts=ResourceOptions(parent=self),
        )
        groups = {key: self._group(f"{name}-{key}", key, group) for key, group in settings.items()}
        running = [groups[key] for key, group in settings.items() if group.desired > 0]
        dns = cluster.addon("coredns", after=running)
        self.ready = [*running, dns]
        self.register_outputs({})

    def _group(self, name: str, key: str, group: NodeGroup) -> eks.NodeGroup:
        template = ec2.LaunchTemplate(
            name,
            name=name,
            update_default_version=True,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": group.disk_gib,
                        "iops": 3000,
                        "throughput": 600 if group.accelerator == "nvidia" else 125,
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            user_data=base64.b64encode(user_data().encode()).decode(),
            tag_specifications=[{"resource_type": kind, "tags": {"Name": name}} for kind in ("instance", "volume")],
            opts=ResourceOptions(parent=self),
        )
        subnets = self._network.private_subnets
        return eks.NodeGroup(
            name,
            node_group_name=name,
            cluster_name=self._cluster.name,
            node_role_arn=self._role.arn,
            subnet_ids=[subnets[zone] for zone in (group.zones or subnets)],
            ami_type=AMI_TYPES[group.accelerator],
            capacity_type=group.capacity.upper().replace("-", "_"),
            instance_types=list(group.instance_types),
            scaling_config={
                "min_size": group.min,
                "max_size": group.max,
                "desired_size": group.desired,
            },
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            launch_template={
                "id": template.id,
                "version": template.latest_version.apply(str),
            },
            labels={POOL_LABEL: key},
            taints=[{"key": t.key, "value": t.value, "effect": TAINT_EFFECTS[t.effect]} for t in group.taints],
            opts=ResourceOptions(
                parent=self,
                depends_on=[self._network, self._role, *self._cluster.node_addons],
                # Somebody may have scaled the group by hand, or the cluster autoscaler has.
                ignore_changes=["scalingConfig.desiredSize"],
            ),
        )


class PlacementGroups(pulumi.ComponentResource):
    """EC2 placement groups, which Karpenter selects by name and never makes itself."""

    def __init__(self, name: str, settings: dict[str, PlacementGroup]) -> None:
        super().__init__("rayeks:infra:PlacementGroups", name)
        for key, group in settings.items():
            full = group_name(name, key)
            ec2.PlacementGroup(full, name=full, **placement_arguments(group), opts=ResourceOptions(parent=self))
        self.register_outputs({})


def user_data() -> str:
    """A managed group's user data: nodeadm settings as one MIME part, which EKS merges with its own."""
    boundary = "//"
    return (
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: application/node.eks.aws\n\n{NODE_CONFIG}\n--{boundary}--\n"
    )
