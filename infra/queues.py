"""Kueue: the queues of all tenants, what they share, and whose job goes first."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release

from infra import contract, queueing, versions
from infra.config.queueing import Queueing
from infra.config.tenants import Team
from infra.namespaces import platform_namespace
from infra.queueing import Flavour
from infra.ray import KubeRay

NAMESPACE = "kueue-system"
CHART = "oci://registry.k8s.io/kueue/charts/kueue"


class Queues(pulumi.ComponentResource):
    """Kueue with a ClusterQueue a tenant. Kueue goes last, for it alone lets its queues be deleted."""

    def __init__(
        self,
        name: str,
        settings: Queueing,
        *,
        tenants: Mapping[str, Team],
        flavours: list[Flavour],
        kubernetes: pulumi_kubernetes.Provider,
        kuberay: KubeRay,
        nodes: Sequence[pulumi.Resource] = (),
        pools: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`nodes` run Kueue itself and `pools` launch the machines, where the stack makes them."""
        super().__init__("rayeks:infra:Queues", name)
        self._kubernetes = kubernetes
        namespace = platform_namespace(NAMESPACE, kubernetes=kubernetes, parent=self)
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
                provider=kubernetes,
                # It looks for Ray's CRDs when it starts.
                depends_on=[namespace, kuberay.crds, *nodes],
            ),
        )
        # Queues go before the pools that they promise, so that no job is admitted to machines that are going.
        after: list[pulumi.Resource] = [kueue, kuberay, *pools]
        for priority, value in settings.priorities.items():
            self._priority(contract.priority_class(priority), value, after)
        made = [self._object(each.pool.name, "ResourceFlavor", each.spec(), after) for each in flavours]
        lent = queueing.cohort(tenants, flavours, settings)
        cohort = self._object(settings.cohort, "Cohort", lent, [*after, *made])
        for team in tenants:
            spec = queueing.cluster_queue(team, tenants, flavours, settings)
            self._object(contract.namespace(team), "ClusterQueue", spec, [*after, *made, cohort])
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
            opts=ResourceOptions(parent=self, provider=self._kubernetes, depends_on=after),
        )

    def _object(self, name: str, kind: str, spec: queueing.Object, after: list[pulumi.Resource]) -> CustomResource:
        return CustomResource(
            name,
            api_version=queueing.API,
            kind=kind,
            metadata={"name": name},
            spec=spec,
            opts=ResourceOptions(parent=self, provider=self._kubernetes, depends_on=after),
        )
