"""What is seen of the platform: metrics, dashboards, alerts, logs, traces and costs, in the cluster and beyond it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.rbac.v1 import ClusterRoleBinding

from infra import grafana, logs, monitors, versions
from infra import monitoring_charts as charts
from infra.config.observability import Observability as Settings
from infra.destinations import Destinations
from infra.isolation import MONITORING
from infra.monitors import Watched
from infra.namespaces import platform_namespace

STACK = "kube-prometheus-stack"
PROMETHEUS, ALERTMANAGER, COLLECTOR = "prometheus", "alertmanager", "opentelemetry-collector"
"""Charts' service accounts that send something out of the cluster; so does that of the log shippers."""
DASHBOARDS = "rayeks-dashboards"
Identities = Callable[[ResourceOptions], Mapping[str, pulumi.Resource]]


class Observability(pulumi.ComponentResource):
    """Everything that watches. Nothing waits for it, and it ends before the disks that it writes to."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        watched: Watched,
        to: Destinations,
        kubernetes: pulumi_kubernetes.Provider,
        agents: Namespace,
        after: list[pulumi.Resource],
        identities: Identities = lambda _: {},
    ) -> None:
        """`agents` is the namespace of the nodes' daemons; `after` are nodes, and the driver of Prometheus' disk.

        `identities` makes what lets the pods of a service account send out of the cluster, where not a Secret does.
        """
        super().__init__("rayeks:infra:Observability", name)
        self._kubernetes = kubernetes
        self._namespace = platform_namespace(MONITORING, kubernetes=kubernetes, parent=self, after=after)
        self._identities = identities(ResourceOptions(parent=self))
        crds = self._release("prometheus-operator-crds", versions.PROMETHEUS_CRDS, charts.PROMETHEUS, {}, [])
        absent = grafana.absent(watched, settings)
        boards = self._dashboards(absent)
        values = charts.prometheus_stack(settings, to, dashboards=(DASHBOARDS, boards))
        wait = [crds, *self._identity(PROMETHEUS), *self._identity(ALERTMANAGER)]
        self._release(STACK, versions.PROMETHEUS_STACK, charts.PROMETHEUS, values, wait, skip_crds=True)
        self._monitors(settings, watched, absent, crds)
        if settings.logs:
            values = logs.chart_values(to=to.logs, keys=to.log_keys, cluster=name)
            identity = self._identity(logs.ACCOUNT)
            # Somebody else brings the Secret, into a namespace that is made here: nothing waits for its readers.
            later = to.log_keys is not None
            self._release(
                "fluent-bit", versions.FLUENT_BIT, charts.FLUENT, values, identity, namespace=agents, skip_await=later
            )
        if settings.traces:
            collector, identity = charts.collector(settings.traces, to), self._identity(COLLECTOR)
            self._release(COLLECTOR, versions.OTEL_COLLECTOR, charts.OPENTELEMETRY, collector, identity)
        if settings.costs:
            opencost = charts.opencost(settings.costs, to, cluster=name)
            self._release("opencost", versions.OPENCOST, charts.OPENCOST, opencost, [crds])
        self.register_outputs({})

    def _identity(self, account: str) -> list[pulumi.Resource]:
        return [self._identities[account]] if account in self._identities else []

    def _release(
        self,
        chart: str,
        version: str,
        repository: str,
        values: dict[str, Any],
        after: list[pulumi.Resource],
        *,
        namespace: Namespace | None = None,
        skip_crds: bool = False,
        skip_await: bool = False,
    ) -> Release:
        inside = namespace or self._namespace
        return Release(
            chart,
            name=chart,
            chart=chart,
            version=version,
            repository_opts={"repo": repository},
            namespace=inside.metadata["name"],
            skip_crds=skip_crds,
            skip_await=skip_await or None,
            timeout=900,
            values=values,
            opts=ResourceOptions(parent=self, provider=self._kubernetes, depends_on=[inside, *after]),
        )

    def _dashboards(self, absent: tuple[str, ...]) -> str:
        """The ConfigMap of all dashboards; returns what changes whenever they do."""
        text, packed = grafana.files(absent)
        ConfigMap(
            DASHBOARDS,
            metadata={"name": DASHBOARDS, "namespace": MONITORING},
            data=text,
            binary_data=packed,
            opts=ResourceOptions(parent=self._namespace, provider=self._kubernetes),
        )
        return hashlib.sha256(json.dumps([text, packed], sort_keys=True).encode()).hexdigest()[:16]

    def _monitors(self, settings: Settings, watched: Watched, absent: tuple[str, ...], crds: Release) -> None:
        for monitor, spec in monitors.pod_monitors(watched, logs=bool(settings.logs)).items():
            self._object(monitor, "PodMonitor", spec, crds)
        if watched.queues:
            self._object("kueue", "ServiceMonitor", monitors.kueue_monitor(), crds)
            ClusterRoleBinding(
                f"{PROMETHEUS}-{monitors.KUEUE_READER}",
                metadata={"name": f"{PROMETHEUS}-{monitors.KUEUE_READER}"},
                subjects=[{"kind": "ServiceAccount", "name": PROMETHEUS, "namespace": MONITORING}],
                role_ref={
                    "kind": "ClusterRole",
                    "name": monitors.KUEUE_READER,
                    "api_group": "rbac.authorization.k8s.io",
                },
                opts=ResourceOptions(parent=self._namespace, provider=self._kubernetes),
            )
        choices = {"HOURLY_USD": settings.alerts.hourly_usd}
        rules = grafana.rules(runbooks=settings.alerts.runbooks, choices=choices, without=absent)
        self._object("rayeks", "PrometheusRule", rules, crds)

    def _object(self, name: str, kind: str, spec: dict[str, Any], crds: Release) -> None:
        CustomResource(
            name,
            api_version=monitors.API,
            kind=kind,
            metadata={"name": name, "namespace": MONITORING},
            spec=spec,
            opts=ResourceOptions(parent=self._namespace, provider=self._kubernetes, depends_on=[crds]),
        )
