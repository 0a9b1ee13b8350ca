"""Where the spans of traced requests go: to an OpenTelemetry collector where there is one, else beside Ray's logs."""

import os
from pathlib import Path

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own variable: `http://host:4317` of a collector that takes OTLP over gRPC."""


def exporter() -> list[SpanProcessor]:
    """What Serve gives the spans of each of its processes: proxy, and replicas of every stage."""
    if os.environ.get(ENDPOINT):
        from workloads.tracing import processors

        return processors()
    from ray.serve._private.logging_utils import get_serve_logs_dir  # where Serve's own exporter puts them

    folder = Path(get_serve_logs_dir()) / "spans"
    folder.mkdir(parents=True, exist_ok=True)
    lines = (folder / f"{os.getpid()}.jsonl").open("a", buffering=1)
    return [
        SimpleSpanProcessor(ConsoleSpanExporter(out=lines, formatter=lambda span: span.to_json(indent=None) + "\n"))
    ]
