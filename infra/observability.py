"""What is seen of the platform: metrics, dashboards, alerts, logs, traces and costs, in the cluster and in AWS."""

import hashlib
import json
from typing import Any

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.rbac.v1 import ClusterRoleBinding

from infra import gpus, grafana, iam, logs, monitors, versions
from infra import monitoring_charts as charts
from infra.buckets import bucket_name
from infra.cluster import Cluster
from infra.config import Platform
from infra.config.observability import Observability as Settings
from infra.identity import PodRole
from infra.namespaces import platform_namespace

NAMESPACE = "monitoring"
STACK = "kube-prometheus-stack"
PROMETHEUS, ALERTMANAGER, COLLECTOR = "prometheus", "alertmanager", "opentelemetry-collector"
DASHBOARDS = "rayeks-dashboards"


class Observability(pulumi.ComponentResource):
    """Everything that watches. Nothing waits for it, and it ends before the disks that it writes to."""

    def __init__(
        self,
        name: str,
        platform: Platform,
        settings: Settings,
        *,
        cluster: Cluster,
        agents: Namespace,
        after: list[pulumi.Resource],
    ) -> None:
        """`agents` is the namespace of the nodes' daemons; `after` are nodes, and the driver of Prometheus' disk."""
        super().__init__("rayeks:infra:Observability", name)
        self._name, self._platform, self._cluster, self._agents = name, platform, cluster, agents
        self._namespace = platform_namespace(NAMESPACE, kubernetes=cluster.kubernetes, parent=self, after=after)
        crds = self._release("prometheus-operator-crds", versions.PROMETHEUS_CRDS, charts.PROMETHEUS, {}, [])
        wait: list[pulumi.Resource] = [crds]
        workspace, topic = settings.prometheus.workspace, settings.alerts.topic
        aws = platform.aws
        if workspace:
            arn = aws.arn("aps", f"workspace/{workspace}")
            wait.append(self._role(PROMETHEUS, iam.allow("Write", ["aps:RemoteWrite"], [arn])))
        if topic:
            wait.append(self._role(ALERTMANAGER, iam.allow("Tell", ["sns:Publish"], [topic])))
        boards = self._dashboards()
        values = charts.prometheus_stack(settings, region=platform.region, dashboards=(DASHBOARDS, boards))
        self._release(STACK, versions.PROMETHEUS_STACK, charts.PROMETHEUS, values, wait, skip_crds=True)
        self._monitors(settings, crds)
        if settings.logs:
            self._logs(settings.logs.bucket)
        if settings.traces:
            # Traces are no resources that could be named.
            here = {"StringEquals": {"aws:RequestedRegion": platform.region}}
            send = iam.allow("Send", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"], here)
            role = self._role(COLLECTOR, send)
            collector = charts.collector(settings.traces, region=platform.region)
            self._release(COLLECTOR, versions.OTEL_COLLECTOR, charts.OPENTELEMETRY, collector, [role])
        if settings.costs:
            opencost = charts.opencost(settings.costs, cluster=name)
            self._release("opencost", versions.OPENCOST, charts.OPENCOST, opencost, [crds])
        self.register_outputs({})

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
            timeout=900,
            values=values,
            opts=ResourceOptions(parent=self, provider=self._cluster.kubernetes, depends_on=[inside, *after]),
        )

    def _role(self, account: str, *statements: iam.Statement) -> PodRole:
        return PodRole(
            f"{self._name}-{account}",
            aws=self._platform.aws,
            cluster=self._cluster.name,
            made=self._cluster.made,
            namespace="node-agents" if account == logs.ACCOUNT else NAMESPACE,
            service_account=account,
            policies={"send": json.dumps(iam.document(*statements))},
            after=[self._cluster.joinable],
            opts=ResourceOptions(parent=self),
        )

    def _dashboards(self) -> str:
        """The ConfigMap of all dashboards; returns what changes whenever they do."""
        text, packed = grafana.files()
        ConfigMap(
            DASHBOARDS,
            metadata={"name": DASHBOARDS, "namespace": NAMESPACE},
            data=text,
            binary_data=packed,
            opts=ResourceOptions(parent=self._namespace, provider=self._cluster.kubernetes),
        )
        return hashlib.sha256(json.dumps([text, packed], sort_keys=True).encode()).hexdigest()[:16]

    def _monitors(self, settings: Settings, crds: Release) -> None:
        platform = self._platform
        has_gpus = bool(gpus.gpu_pools(platform.node_groups, platform.pools))
        found = monitors.pod_monitors(list(platform.tenants), gpus=has_gpus, logs=bool(settings.logs))
        for monitor, spec in found.items():
            self._object(monitor, "PodMonitor", spec, crds)
        if platform.queues:
            self._object("kueue", "ServiceMonitor", monitors.kueue_monitor(), crds)
            ClusterRoleBinding(
                f"{PROMETHEUS}-{monitors.KUEUE_READER}",
                metadata={"name": f"{PROMETHEUS}-{monitors.KUEUE_READER}"},
                subjects=[{"kind": "ServiceAccount", "name": PROMETHEUS, "namespace": NAMESPACE}],
                role_ref={
                    "kind": "ClusterRole",
                    "name": monitors.KUEUE_READER,
                    "api_group": "rbac.authorization.k8s.io",
                },
                opts=ResourceOptions(parent=self._namespace, provider=self._cluster.kubernetes),
            )
        absent = {
            grafana.GPU_METRICS: has_gpus,
            grafana.QUEUE_METRICS: bool(platform.queues),
            grafana.LOG_METRICS: bool(settings.logs),
            grafana.COST_METRICS: bool(settings.costs),
        }
        rules = grafana.rules(
            runbooks=settings.alerts.runbooks,
            choices={"HOURLY_USD": settings.alerts.hourly_usd},
            without=tuple(name for names, there in absent.items() if not there for name in names),
        )
        self._object("rayeks", "PrometheusRule", rules, crds)

    def _object(self, name: str, kind: str, spec: dict[str, Any], crds: Release) -> None:
        CustomResource(
            name,
            api_version=monitors.API,
            kind=kind,
            metadata={"name": name, "namespace": NAMESPACE},
            spec=spec,
            opts=ResourceOptions(parent=self._namespace, provider=self._cluster.kubernetes, depends_on=[crds]),
        )

    def _logs(self, purpose: str) -> None:
        aws = self._platform.aws
        bucket = bucket_name(self._name, purpose, aws)
        role = self._role(
            logs.ACCOUNT,
            iam.allow("Put", logs.ACTIONS, [f"{aws.bucket(bucket)}/{self._name}/*"]),
            iam.use_data_key(aws, self._name),
        )
        values = logs.chart_values(bucket=bucket, region=self._platform.region, cluster=self._name)
        self._release("fluent-bit", versions.FLUENT_BIT, charts.FLUENT, values, [role], namespace=self._agents)
