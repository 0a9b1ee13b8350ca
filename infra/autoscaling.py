"""Karpenter: its identity, its interruption queue, its charts, and the pools as EC2NodeClasses and NodePools."""

import json

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import cloudwatch, eks, sqs
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release

from infra import iam, karpenter, karpenter_iam, versions
from infra.capacity import NODE_POLICIES, NodeGroups
from infra.cluster import Cluster
from infra.config.pools import GpuTrainPool, Pool
from infra.iam import Aws
from infra.identity import PodRole, Role
from infra.network import Network
from infra.placement import Placement

NAMESPACE = "kube-system"
DRAINED = pulumi.CustomTimeouts(delete="30m")
"""How long a tear-down waits for nodes: a NodePool is deleted in the foreground, so it goes after its NodeClaims, each
held by its finalizer until the instance is gone, and an EC2NodeClass's own finalizer waits for them all. By then the
tenants' namespaces are gone, so nothing that drains holds on to a node."""
CHARTS = "oci://public.ecr.aws/karpenter"


class Karpenter(pulumi.ComponentResource):
    """The controller and everything in AWS that it needs; `depends_on=[karpenter]` waits for it to run."""

    node_role: Output[str]

    def __init__(self, name: str, *, cluster: Cluster, node_groups: NodeGroups, aws: Aws) -> None:
        super().__init__("rayeks:infra:Karpenter", name)
        self._name, self._child = name, ResourceOptions(parent=self)
        node_role_name = f"{name}-karpenter-node"
        queue = self._interruption_queue(aws)
        node_role = Role(
            node_role_name,
            trust=iam.trust("ec2.amazonaws.com"),
            managed=[aws.managed(policy) for policy in NODE_POLICIES],
            opts=self._child,
        )
        entry = eks.AccessEntry(
            node_role_name,
            cluster_name=cluster.made,
            principal_arn=node_role.arn,
            type="EC2_LINUX",
            opts=ResourceOptions(parent=self, depends_on=[cluster.joinable]),
        )
        controller = PodRole(
            f"{name}-karpenter",
            aws=aws,
            cluster=cluster.name,
            made=cluster.made,
            namespace=NAMESPACE,
            service_account="karpenter",
            policies={
                purpose: json.dumps(document)
                for purpose, document in karpenter_iam.controller_policies(
                    aws, name, node_role=node_role_name, queue_arn=aws.arn("sqs", name)
                ).items()
            },
            after=[cluster.joinable],
            opts=self._child,
        )
        kubernetes = cluster.kubernetes
        crds = Release(
            "karpenter-crd",
            name="karpenter-crd",
            chart=f"{CHARTS}/karpenter-crd",
            version=versions.KARPENTER,
            namespace=NAMESPACE,
            opts=ResourceOptions(parent=self, provider=kubernetes),
        )
        Release(
            "karpenter",
            name="karpenter",
            chart=f"{CHARTS}/karpenter",
            version=versions.KARPENTER,
            namespace=NAMESPACE,
            # The CRDs are a chart of their own, because Helm never upgrades a chart's crds folder.
            skip_crds=True,
            timeout=600,
            values=chart_values(name, cluster.endpoint, queue.name),
            opts=ResourceOptions(
                parent=self,
                provider=kubernetes,
                depends_on=[crds, controller, node_role, entry, cluster.identities, *node_groups.running],
            ),
        )
        self.node_role = node_role.name
        self.register_outputs({})

    def _interruption_queue(self, aws: Aws) -> sqs.Queue:
        name = self._name
        queue = sqs.Queue(
            name,
            name=name,
            # A spot notice is worthless after two minutes; Karpenter's template keeps five.
            message_retention_seconds=300,
            sqs_managed_sse_enabled=True,
            opts=self._child,
        )
        sqs.QueuePolicy(
            name,
            queue_url=queue.url,
            policy=json.dumps(karpenter_iam.queue_policy(aws.arn("sqs", name))),
            opts=self._child,
        )
        for event, (source, detail) in karpenter_iam.INTERRUPTION_EVENTS.items():
            rule = cloudwatch.EventRule(
                f"{name}-{event}",
                name=f"{name}-{event}",
                event_pattern=json.dumps({"source": [source], "detail-type": [detail]}),
                opts=self._child,
            )
            cloudwatch.EventTarget(
                f"{name}-{event}",
                rule=rule.name,
                target_id="karpenter",
                arn=queue.arn,
                opts=self._child,
            )
        return queue


class Pools(pulumi.ComponentResource):
    """The typed pools of the stack file; `depends_on=[pools]` waits until Karpenter can launch their nodes."""

    def __init__(
        self,
        name: str,
        settings: dict[str, Pool],
        *,
        cluster: Cluster,
        karpenter: Karpenter,
        network: Network,
        placement: Placement,
        tags: dict[str, str],
    ) -> None:
        super().__init__("rayeks:infra:Pools", name)
        self._cluster, self._karpenter, self._network, self._placement = cluster, karpenter, network, placement
        for key, pool in settings.items():
            self._pool(key, pool, tags)
        self.register_outputs({})

    def _pool(self, key: str, pool: Pool, tags: dict[str, str]) -> None:
        cluster = self._cluster
        train = pool if isinstance(pool, GpuTrainPool) else None
        group = train.placement_group if train else None
        node_class = CustomResource(
            key,
            api_version=karpenter.NODECLASS_API,
            kind="EC2NodeClass",
            metadata={"name": key},
            spec=karpenter.node_class(
                pool,
                cluster=cluster.name,
                role=self._karpenter.node_role,
                security_group=cluster.security_group_id,
                tags=tags | {"Name": f"{cluster.name}-{key}", "rayeks:pool": key},
                placement_group=karpenter.group_name(cluster.name, group) if group else None,
                reservations=[self._placement.reservation(ref) for ref in train.reservations] if train else [],
                efa_group=self._network.efa_group,
            ),
            opts=ResourceOptions(
                parent=self,
                provider=cluster.kubernetes,
                depends_on=[self._karpenter, *([self._placement] if group else [])],
                custom_timeouts=DRAINED,
            ),
        )
        for tier, spec in karpenter.node_pools(key, pool).items():
            CustomResource(
                tier,
                api_version=karpenter.NODEPOOL_API,
                kind="NodePool",
                metadata={"name": tier},
                spec=spec,
                opts=ResourceOptions(
                    parent=self, provider=cluster.kubernetes, depends_on=[node_class], custom_timeouts=DRAINED
                ),
            )


def chart_values(cluster: str, endpoint: Output[str], queue: Output[str]) -> dict:
    """The values of the karpenter chart: two replicas on the system nodes, sized as Karpenter's guide says."""
    return {
        "settings": {"clusterName": cluster, "clusterEndpoint": endpoint, "interruptionQueue": queue},
        "serviceAccount": {"name": "karpenter"},
        "replicas": 2,
        "controller": {
            "resources": {
                "requests": {"cpu": "1", "memory": "1Gi"},
                "limits": {"memory": "1Gi"},
            }
        },
        # Karpenter starts beside CoreDNS, and must not depend on pods that it may have to make room for.
        "dnsPolicy": "Default",
    }
