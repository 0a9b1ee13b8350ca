"""Values of the charts that watch: Prometheus and Grafana, the trace collector, OpenCost. Pure functions.

Keys are those of the charts' own values.yaml at the versions pinned in `infra.versions`.
"""

from typing import Any

from infra import contract
from infra.config.observability import Observability, OpenCost, Traces
from infra.destinations import Destinations
from infra.monitors import RAY_LABELS

Values = dict[str, Any]

PROMETHEUS = "https://prometheus-community.github.io/helm-charts"
OPENTELEMETRY = "https://open-telemetry.github.io/opentelemetry-helm-charts"
OPENCOST = "https://opencost.github.io/opencost-helm-chart"
FLUENT = "https://fluent.github.io/helm-charts"

ON_SYSTEM = [{"key": "CriticalAddonsOnly", "operator": "Exists"}]
EVERYWHERE = [{"operator": "Exists"}]
UNPACKER = "public.ecr.aws/docker/library/busybox:1.37.0"
BOARDS = "/var/lib/grafana/rayeks"

NODE_LABELS = (contract.POOL_LABEL, "karpenter.sh/capacity-type", "node.kubernetes.io/instance-type")


def prometheus_stack(settings: Observability, to: Destinations, *, dashboards: tuple[str, str]) -> Values:
    """kube-prometheus-stack. `dashboards` are the name of their ConfigMap and what changes when they do."""
    return {
        # The CRDs are a chart of their own, because Helm never upgrades a chart's crds folder.
        "crds": {"enabled": False},
        "fullnameOverride": "monitoring",
        # Whoever runs the control plane watches it: EKS lets nobody else, others seldom open these ports.
        **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeEtcd", "kubeScheduler", "kubeProxy")},
        "prometheusOperator": {
            "tolerations": ON_SYSTEM,
            "admissionWebhooks": {"enabled": False},
            "tls": {"enabled": False},
        },
        "prometheus": {"serviceAccount": {"name": "prometheus"}, "prometheusSpec": _prometheus(settings, to)},
        "alertmanager": _alertmanager(to),
        "grafana": _grafana(settings.grafana.admin_secret, *dashboards),
        "kube-state-metrics": {
            "tolerations": ON_SYSTEM,
            "metricLabelsAllowlist": [f"pods=[{','.join(RAY_LABELS)}]", f"nodes=[{','.join(NODE_LABELS)}]"],
        },
        # It reads the host's own files, which the namespace of everything else forbids.
        "prometheus-node-exporter": {"namespaceOverride": "node-agents", "tolerations": EVERYWHERE},
    }


def _prometheus(settings: Observability, to: Destinations) -> Values:
    chosen = settings.prometheus
    disk: Values = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{chosen.storage_gib}Gi"}},
    }
    if to.storage_class:
        disk["storageClassName"] = to.storage_class
    spec: Values = {
        "retention": f"{chosen.retention_days}d",
        # Prometheus stops when its disk is full: it drops the oldest before.
        "retentionSize": f"{chosen.storage_gib * 9 // 10}GiB",
        "storageSpec": {"volumeClaimTemplate": {"spec": disk}},
        # A disk that outlives the stack is paid for by nobody's job.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        "tolerations": ON_SYSTEM,
        "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
        # Monitors and rules of anybody whom the API server lets write them, not of this release alone.
        **{
            f"{kind}SelectorNilUsesHelmValues": False
            for kind in ("podMonitor", "serviceMonitor", "rule", "probe", "scrapeConfig")
        },
    }
    if to.remote_write:
        spec["remoteWrite"] = [dict(taker) for taker in to.remote_write]
    return spec


def _alertmanager(to: Destinations) -> Values:
    mounted = {"secrets": list(to.receiver_secrets)} if to.receiver_secrets else {}
    return {
        "serviceAccount": {"name": "alertmanager"},
        "alertmanagerSpec": {"tolerations": ON_SYSTEM, **mounted},
        "config": {
            "route": {
                "group_by": ["alertname", "namespace"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "12h",
                "receiver": "people",
                "routes": [{"receiver": "nobody", "matchers": ['alertname =~ "Watchdog|InfoInhibitor"']}],
            },
            "receivers": [{"name": "people", **to.receiver}, {"name": "nobody"}],
        },
    }


def _grafana(admin_secret: str | None, dashboards: str, version: str) -> Values:
    """Grafana, with every dashboard on disk before it starts. Ray's are packed: unpacked they are half a megabyte."""
    unpack = (
        f"cp /packed/*.json {BOARDS}/ && "
        f'for f in /packed/*.gz; do gunzip -c "$f" > {BOARDS}/"$(basename "$f" .gz)"; done'
    )
    # Without a Secret of one's own the chart makes a random password; its default of old is never used.
    admin: Values = {"admin": {"existingSecret": admin_secret}} if admin_secret else {"adminPassword": ""}
    return admin | {
        "tolerations": ON_SYSTEM,
        "podAnnotations": {"rayeks/dashboards": version},
        "extraConfigmapMounts": [{"name": "packed", "mountPath": "/packed", "configMap": dashboards, "readOnly": True}],
        "extraEmptyDirMounts": [{"name": "boards", "mountPath": BOARDS}],
        "extraInitContainers": [
            {
                "name": "dashboards",
                "image": UNPACKER,
                "command": ["sh", "-c", unpack],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [
                    {"name": "packed", "mountPath": "/packed", "readOnly": True},
                    {"name": "boards", "mountPath": BOARDS},
                ],
            }
        ],
        "dashboardProviders": {
            "rayeks.yaml": {
                "apiVersion": 1,
                "providers": [{"name": "rayeks", "folder": "Ray", "type": "file", "options": {"path": BOARDS}}],
            }
        },
    }


def collector(settings: Traces, to: Destinations) -> Values:
    """The OpenTelemetry collector: OTLP in, a sample of whole traces out."""
    closed = ("jaeger-compact", "jaeger-grpc", "jaeger-thrift", "zipkin")
    pipeline = {
        "receivers": ["otlp"],
        "processors": ["memory_limiter", "probabilistic_sampler", "batch"],
        "exporters": list(to.traces),
    }
    return {
        "mode": "deployment",
        "replicaCount": 2,
        "image": {"repository": "otel/opentelemetry-collector-contrib"},
        "command": {"name": "otelcol-contrib"},
        "serviceAccount": {"create": True, "name": "opentelemetry-collector"},
        "tolerations": ON_SYSTEM,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "ports": {port: {"enabled": False} for port in closed},
        "config": {
            # Helm merges maps: what the chart listens to by default is closed by name.
            "receivers": {"jaeger": None, "zipkin": None, "prometheus": None},
            "processors": {"probabilistic_sampler": {"sampling_percentage": settings.sample_percent}},
            "exporters": dict(to.traces),
            "service": {"pipelines": {"traces": pipeline, "metrics": None, "logs": None}},
        },
    }


def opencost(settings: OpenCost, to: Destinations, *, cluster: str) -> Values:
    """OpenCost on the cluster's own Prometheus; on AWS spot by what Karpenter says of the node."""
    return {
        "opencost": {
            "exporter": {
                "defaultClusterId": cluster,
                "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            },
            "prometheus": {
                "internal": {
                    "enabled": True,
                    "namespaceName": "monitoring",
                    "serviceName": "prometheus-operated",
                    "port": 9090,
                }
            },
            "metrics": {"serviceMonitor": {"enabled": True, "scrapeInterval": f"{settings.interval_s}s"}},
            "ui": {"enabled": False},
            "tolerations": ON_SYSTEM,
            **to.prices,
        }
    }
