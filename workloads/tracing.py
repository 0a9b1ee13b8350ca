"""Spans of Ray's tasks, actors and Serve's requests, sent to the collector of the platform by Ray's own hooks.

The exporter reads where to from `OTEL_EXPORTER_OTLP_ENDPOINT`, and whose from `OTEL_SERVICE_NAME` and
`OTEL_RESOURCE_ATTRIBUTES`. It never waits for the collector: spans that nobody takes are dropped.
"""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

DELAY_MS = 1000
"""Spans are sent so often: a worker that is idle too long ends, and what it holds by then is lost."""


def setup() -> None:
    """The hook of `ray start --tracing-startup-hook`: Ray calls it once in each process that joins the cluster."""
    provider = TracerProvider()
    provider.add_span_processor(_processor())
    trace.set_tracer_provider(provider)


def processors() -> list[SpanProcessor]:
    """What `RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH` names: Serve makes the provider itself, and asks for these."""
    return [_processor()]


def _processor() -> SpanProcessor:
    return BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=DELAY_MS)
