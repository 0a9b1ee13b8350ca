"""Where what is seen goes beyond the cluster, and what it costs there: all that differs by where a stack stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Destinations:
    """Values of the charts that watch, each in the words of the program that takes it."""

    storage_class: str | None
    """Of Prometheus' disk; None is the cluster's default."""
    remote_write: tuple[Values, ...] = ()
    """Prometheus' `remoteWrite`: who gets every sample too."""
    receiver: Values = field(default_factory=dict)
    """What Alertmanager's receiver of every alert has beside its name; empty: nobody is told."""
    receiver_secrets: tuple[str, ...] = ()
    """Secrets that Alertmanager finds as files."""
    logs: Values = field(default_factory=dict)
    """Settings of fluent-bit's S3 output: `bucket`, `region`, by choice `endpoint`."""
    log_keys: str | None = None
    """The Secret of the keys to that bucket; None: the pods have an identity of their own."""
    traces: Values = field(default_factory=dict)
    """The collector's exporter, under its name."""
    prices: Values = field(default_factory=dict)
    """OpenCost's values that say what a node costs; empty: the list prices of the cloud that it finds itself in."""
