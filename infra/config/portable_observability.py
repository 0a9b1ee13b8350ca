"""Choices of what is seen of a stack on a Kubernetes that is there already: the same, with its own ways out."""

from typing import Annotated

from pydantic import Field, StringConstraints

from infra.config.base import Name, Slice
from infra.config.observability import Alerts, Logs, Observability, OpenCost, Prometheus, Traces

Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
HourlyUsd = Annotated[float, Field(ge=0, le=1000, description="US dollars an hour")]


class PortablePrometheus(Prometheus):
    """Metrics in the cluster, on a disk of its own."""

    storage_class: Name | None = None
    """The class of its disk; absent: the cluster's default."""
    gpu_exporter: Name = "gpu-operator"
    """The namespace where NVIDIA's DCGM exporter runs on the nodes with GPUs, by its own chart or by NVIDIA's GPU
    operator. It is the nodes' owner's, as their drivers are."""


class PortableAlerts(Alerts):
    """Who is told, and of what."""

    webhook_secret: Name | None = None
    """A Secret of the namespace `monitoring` whose `url` gets every alert, as Alertmanager's webhooks have it; without
    one alerts are seen in Alertmanager and Grafana alone."""


class PortableLogs(Logs):
    """Logs in one of `storage.buckets`, at `storage.endpoint`."""

    secret: Name = "object-store"
    """A Secret of the namespace `node-agents`, with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` that may write
    under `<name of the stack>/` alone. Log shippers start when it is there."""


class PortableTraces(Traces):
    """A collector that sends to whatever takes OpenTelemetry."""

    endpoint: Url
    """Its address by gRPC, such as `https://tempo.example.com:4317`."""


class Prices(Slice):
    """What an hour costs: no bill says it of machines of one's own."""

    cpu: HourlyUsd
    memory_gib: HourlyUsd
    gpu: HourlyUsd | None = None
    """A whole GPU, CPU and memory beside it not counted."""


class PortableOpenCost(OpenCost):
    """The cost of every pod by prices of one's own."""

    prices: Prices


class PortableObservability(Observability):
    """What is seen of a stack on a Kubernetes that is there already."""

    prometheus: PortablePrometheus = PortablePrometheus()
    alerts: PortableAlerts = PortableAlerts()
    logs: PortableLogs | None = None
    traces: PortableTraces | None = None
    costs: PortableOpenCost | None = None
