"""Kueue: the queues of all tenants, what they share, and whose job goes first."""

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release

from infra import contract, queueing, versions
from infra.autoscaling import Pools
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.config import Platform
from infra.config.queueing import Queueing
from infra.namespaces import platform_namespace
from infra.ray import KubeRay

NAMESPACE = "kueue-system"
CHART = "oci://registry.k8s.io/kueue/charts/kueue"


class Queues(pulumi.ComponentResource):
    """Kueue with a ClusterQueue a tenant. Kueue goes last, for it alone lets its queues be deleted."""

    settings: Queueing

    def __init__(
        self,
        name: str,
        platform: Platform,
        settings: Queueing,
        *,
        cluster: Cluster,
        node_groups: NodeGroups,
        pools: Pools,
        kuberay: KubeRay,
    ) -> None:
        super().__init__("rayeks:infra:Queues", name)
        self.settings, self._cluster = settings, cluster
        namespace = platform_namespace(NAMESPACE, cluster=cluster, parent=self)
        kueue = Release(
            "kueue",
            name="kueue",
            chart=CHART,
            version=versions.KUEUE,
            namespace=NAMESPACE,
            timeout=600,
            values=queueing.chart_values(settings),
            opts=ResourceOptions(
                parent=self,
                provider=cluster.kubernetes,
                # It looks for Ray's CRDs when it starts.
                depends_on=[namespace, kuberay.crds, *node_groups.running],
            ),
        )
        # Queues go before the pools that they promise, so that no job is admitted to machines that are going.
        after: list[pulumi.Resource] = [kueue, kuberay, pools]
        for priority, value in settings.priorities.items():
            self._priority(contract.priority_class(priority), value, after)
        tenants, found = platform.tenants, queueing.flavours(platform.pools)
        flavours = [self._object(each.pool.name, "ResourceFlavor", each.spec(), after) for each in found]
        lent = queueing.cohort(tenants, found, settings)
        cohort = self._object(settings.cohort, "Cohort", lent, [*after, *flavours])
        for team in tenants:
            spec = queueing.cluster_queue(team, tenants, found, settings)
            self._object(contract.namespace(team), "ClusterQueue", spec, [*after, *flavours, cohort])
        self.register_outputs({})

    def _priority(self, name: str, value: int, after: list[pulumi.Resource]) -> None:
        # The pods themselves are all alike to the scheduler: what gives way is a whole job, in the queue.
        pulumi.CustomResource(
            f"kubernetes:{queueing.API}:WorkloadPriorityClass",
            name,
            {
                "apiVersion": queueing.API,
                "kind": "WorkloadPriorityClass",
                "metadata": {"name": name},
                "value": value,
                "description": f"Jobs that carry the label {contract.PRIORITY_LABEL}: {name}",
            },
            opts=ResourceOptions(parent=self, provider=self._cluster.kubernetes, depends_on=after),
        )

    def _object(self, name: str, kind: str, spec: queueing.Object, after: list[pulumi.Resource]) -> CustomResource:
        return CustomResource(
            name,
            api_version=queueing.API,
            kind=kind,
            metadata={"name": name},
            spec=spec,
            opts=ResourceOptions(parent=self, provider=self._cluster.kubernetes, depends_on=after),
        )
