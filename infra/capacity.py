"""Capacity that is there whether or not Karpenter runs: managed node groups and their machines."""

import base64
from collections.abc import Mapping

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import ec2, eks

from infra import gpus, iam, instances
from infra.cluster import Cluster
from infra.config.node_groups import NodeGroup
from infra.iam import Aws
from infra.identity import Role
from infra.karpenter import efa_interfaces, group_name, node_config
from infra.network import Network
from infra.placement import Placement

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

    running: list[pulumi.Resource]
    """Groups with nodes, which the cluster's own controllers wait for."""
    gpu_parts: tuple[str, ...]
    """The resources by which pods ask for a part of a GPU, on the groups that share theirs."""
    dns: pulumi.Resource
    """CoreDNS: healthy only on nodes; jobs need it, and the controllers start beside it."""

    def __init__(
        self,
        name: str,
        settings: dict[str, NodeGroup],
        *,
        cluster: Cluster,
        network: Network,
        placement: Placement,
        tags: Mapping[str, str],
        aws: Aws,
    ) -> None:
        """`tags` go on instances and volumes, which a launch template makes and the provider's default tags miss."""
        super().__init__("rayeks:infra:NodeGroups", name)
        self._cluster, self._network, self._placement, self._tags = cluster, network, placement, tags
        self._role = Role(
            f"{name}-node",
            trust=iam.trust("ec2.amazonaws.com"),
            managed=[aws.managed(policy) for policy in NODE_POLICIES],
            opts=ResourceOptions(parent=self),
        )
        self.gpu_parts = gpus.parts(settings.values())
        groups = {key: self._group(f"{name}-{key}", key, group) for key, group in settings.items()}
        self.running = [groups[key] for key, group in settings.items() if group.desired > 0]
        self.dns = cluster.addon("coredns", after=self.running)
        self.register_outputs({})

    def _group(self, name: str, key: str, group: NodeGroup) -> eks.NodeGroup:
        template = self._template(name, group)
        subnets = self._network.private_subnets
        block = group.capacity == "capacity-block"
        return eks.NodeGroup(
            name,
            node_group_name=name,
            cluster_name=self._cluster.made,
            node_role_arn=self._role.arn,
            subnet_ids=[subnets[zone] for zone in (group.zones or subnets)],
            ami_type=ami_type(group),
            capacity_type=group.capacity.upper().replace("-", "_"),
            # The type of a Capacity Block stands in the launch template, and AWS refuses it here.
            instance_types=None if block else list(group.instance_types),
            scaling_config={"min_size": group.min, "max_size": group.max, "desired_size": group.desired},
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            warm_pool_config={
                "min_size": group.warm_pool.size,
                "pool_state": group.warm_pool.state.upper(),
                "reuse_on_scale_in": True,
            }
            if group.warm_pool
            else None,
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            labels=gpus.node_labels(key, group),
            taints=[{"key": t.key, "value": t.value, "effect": TAINT_EFFECTS[t.effect]} for t in group.taints],
            opts=ResourceOptions(
                parent=self,
                depends_on=[self._network, self._role, self._cluster.joinable],
                # Somebody may have scaled the group by hand, or the cluster autoscaler has.
                ignore_changes=["scalingConfig.desiredSize"],
            ),
        )

    def _template(self, name: str, group: NodeGroup) -> ec2.LaunchTemplate:
        reservation = self._placement.reservation(group.reservation) if group.reservation else None
        block = group.capacity == "capacity-block"
        cluster_name = self._cluster.name
        return ec2.LaunchTemplate(
            name,
            name=name,
            update_default_version=True,
            instance_type=group.instance_types[0] if block else None,
            instance_market_options={"market_type": "capacity-block"} if block else None,
            capacity_reservation_specification={"capacity_reservation_target": {"capacity_reservation_id": reservation}}
            if reservation is not None
            else None,
            placement={"group_name": group_name(cluster_name, group.placement_group)}
            if group.placement_group
            else None,
            network_interfaces=self._efa_interfaces(group) if group.efa else None,
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
                        # Pulling a 10 GB image is bound by the disk; the controllers' small images are not.
                        "throughput": 600 if group.accelerator == "nvidia" else 125,
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            user_data=base64.b64encode(user_data(raid0=group.local_disks == "raid0").encode()).decode(),
            tag_specifications=[
                {"resource_type": kind, "tags": {**self._tags, "Name": name}} for kind in ("instance", "volume")
            ],
            opts=ResourceOptions(parent=self, depends_on=[self._placement] if group.placement_group else []),
        )

    def _efa_interfaces(self, group: NodeGroup) -> list[ec2.LaunchTemplateNetworkInterfaceArgsDict]:
        # Interfaces of one's own replace the groups that EKS would attach, so the cluster's must be named again.
        groups: list[Output[str]] = [self._cluster.security_group_id, self._network.efa_group]
        return [
            {
                "network_card_index": interface["networkCardIndex"],
                "device_index": interface["deviceIndex"],
                "interface_type": interface["interfaceType"],
                "security_groups": groups,
                "delete_on_termination": "true",
            }
            for interface in efa_interfaces(group.instance_types[0])
        ]


def ami_type(group: NodeGroup) -> str:
    """The EKS AMI type for the group's processor and accelerator."""
    known = instances.facts(group.instance_types[0])
    arch = "ARM_64" if known and known.architectures == ("arm64",) else "x86_64"
    return f"AL2023_{arch}_{'NVIDIA' if group.accelerator == 'nvidia' else 'STANDARD'}"


def user_data(*, raid0: bool) -> str:
    """A managed group's user data: nodeadm settings as one MIME part, which EKS merges with its own."""
    boundary = "//"
    return (
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: application/node.eks.aws\n\n{node_config(raid0=raid0)}\n--{boundary}--\n"
    )
