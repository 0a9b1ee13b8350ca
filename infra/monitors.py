"""What Prometheus collects, as pure functions: who exports metrics, on which port, and under whose name."""

from dataclasses import dataclass
from typing import Any

from infra import contract
from infra.isolation import AGENTS

Object = dict[str, Any]
API = "monitoring.coreos.com/v1"
RAY_LABELS = (contract.TEAM_LABEL, contract.PROJECT_LABEL, contract.JOB_LABEL, "ray.io/cluster", "ray.io/node-type")
"""Labels of Ray's pods that become labels of their metrics, with `_` for what Prometheus' names cannot hold."""

KUEUE_READER = "kueue-metrics-reader"
"""The ClusterRole of Kueue's chart by which its metrics may be read."""


DCGM, OPERATED_DCGM = {"app.kubernetes.io/name": "dcgm-exporter"}, {"app": "nvidia-dcgm-exporter"}
"""NVIDIA's exporter of GPU metrics, by the labels that its own chart gives it, and NVIDIA's GPU operator."""


@dataclass(frozen=True)
class Watched:
    """What a stack has that can be seen. What it does not have has no monitor, no panel and no alert."""

    teams: tuple[str, ...]
    queues: bool
    gpus: str | None
    """The namespace where NVIDIA's exporter of GPU metrics runs; None where there are no GPUs."""
    machines: bool
    """Whether machines are the stack's own: Karpenter launches them, and the stack gives them their daemons."""


def pod_monitors(watched: Watched, *, logs: bool) -> dict[str, Object]:
    """Name → spec of each PodMonitor. Ray's metrics are open within the cluster; its dashboard needs a token."""
    found = {
        "ray": {
            "namespaceSelector": {"matchNames": [contract.namespace(team) for team in watched.teams]},
            "selector": {"matchLabels": {"ray.io/is-ray-node": "yes"}},
            "podTargetLabels": list(RAY_LABELS),
            "podMetricsEndpoints": [{"port": "metrics", "interval": "15s"}],
        },
        "kuberay": _monitor("kuberay", {"app.kubernetes.io/name": "kuberay-operator"}, "http"),
    }
    if watched.machines:
        found["karpenter"] = _monitor("kube-system", {"app.kubernetes.io/name": "karpenter"}, "http-metrics")
    if watched.gpus:
        # The labels that say which pod holds a GPU are the exporter's own, and must not be taken for its own pod's.
        found["dcgm"] = _monitor(watched.gpus, DCGM, "metrics", honorLabels=True)
        if not watched.machines:  # whoever runs them may leave them to the operator
            found["gpu-operator"] = _monitor(watched.gpus, OPERATED_DCGM, "metrics", honorLabels=True)
    if logs:
        found["fluent-bit"] = _monitor(
            AGENTS, {"app.kubernetes.io/name": "fluent-bit"}, "http", path="/api/v2/metrics/prometheus"
        )
    return found


def kueue_monitor() -> Object:
    """The spec of Kueue's ServiceMonitor: it answers over TLS, to those whose token may read metrics."""
    return {
        "namespaceSelector": {"matchNames": ["kueue-system"]},
        "selector": {"matchLabels": {"app.kubernetes.io/component": "metrics-service"}},
        "endpoints": [
            {
                "port": "https",
                "scheme": "https",
                "interval": "15s",
                "bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token",
                # Kueue signs its certificate itself; the way there is inside the cluster.
                "tlsConfig": {"insecureSkipVerify": True},
            }
        ],
    }


def _monitor(namespace: str, labels: dict[str, str], port: str, **endpoint: Any) -> Object:
    return {
        "namespaceSelector": {"matchNames": [namespace]},
        "selector": {"matchLabels": labels},
        "podMetricsEndpoints": [{"port": port, "interval": "15s", **endpoint}],
    }
