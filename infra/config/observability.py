"""Choices of what is seen: metrics, dashboards, alerts, logs, traces, and what runs cost in the cluster."""

from typing import Annotated

from pydantic import Field

from infra.config.base import Gib, Name, Slice, TopicArn
from infra.config.cost import Usd

WorkspaceId = Annotated[str, Field(pattern=r"^ws-[0-9a-f-]{36}$")]
Days = Annotated[int, Field(ge=1, le=400)]


class Prometheus(Slice):
    """Metrics in the cluster."""

    retention_days: Days = 15
    storage_gib: Gib = 50


class Grafana(Slice):
    """Dashboards. Without `admin_secret` the chart makes a password of 40 characters and keeps it in a Secret."""

    admin_secret: Name | None = None
    """A Secret of the namespace `monitoring` with `admin-user` and `admin-password`."""


class Alerts(Slice):
    """What people are told of beyond the alerts that every stack has."""

    hourly_usd: Usd | None = None
    """Alert when all nodes together cost more an hour; `costs` says what they cost."""
    runbooks: str = "docs/alerts.md"
    """Where the runbooks lie: an alert links to `<runbooks>#<its name>`."""


class Logs(Slice):
    """Logs of pods and of Ray itself in a bucket, where they outlive the clusters that wrote them."""

    bucket: Name = "logs"
    tasks: bool = False
    """Whether Ray writes an event of every attempt of every task as well, so that `rayeks history` names those that
    failed. It makes scheduling slower (ray#49541): for jobs of thousands of tasks a second, leave it out."""


class Traces(Slice):
    """A collector for OpenTelemetry that sends on a share of all traces."""

    sample_percent: Annotated[float, Field(gt=0, le=100)] = 10


class OpenCost(Slice):
    """The cost of every pod from prices and requests, minutes after it ran."""

    interval_s: Annotated[int, Field(ge=10, le=600)] = 60
    """How often prices and requests are sampled."""


class Observability(Slice):
    """Prometheus, Grafana and alerts, and by choice logs, traces and costs, wherever a stack stands."""

    prometheus: Prometheus = Prometheus()
    grafana: Grafana = Grafana()
    alerts: Alerts = Alerts()
    logs: Logs | None = None
    traces: Traces | None = None
    costs: OpenCost | None = None


class AwsPrometheus(Prometheus):
    """Metrics in the cluster, and further to Amazon Managed Prometheus."""

    workspace: WorkspaceId | None = None
    """An AMP workspace of this account and region that gets every sample too, and keeps it longer."""


class AwsAlerts(Alerts):
    """Who is told, and of what."""

    topic: TopicArn | None = None
    """An SNS topic for every alert; without one they are seen in Alertmanager and Grafana alone."""


class AwsObservability(Observability):
    """What is seen of a stack on AWS: traces go to X-Ray, logs to one of its buckets, prices are AWS's own."""

    prometheus: AwsPrometheus = AwsPrometheus()
    alerts: AwsAlerts = AwsAlerts()
