"""Traces of a sample: who is told to make spans, and that Ray's own processes send them to a collector that is real."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from infra import contract, samples
from infra.config.samples import Samples
from local.home import root

CHOSEN = {
    "train": {"tenant": "research", "bucket": "checkpoints", "traced": True},
    "serve": {"tenant": "research", "models": "artifacts", "traced": True},
    "data": {"tenant": "research", "bucket": "datasets", "models": "artifacts"},
}
VARIABLES = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"}


def manifest(sample: str) -> dict[str, Any]:
    return samples.manifest(samples.specs(Samples.model_validate(CHOSEN), samples.ANY_NAMES)[sample])


def clusters(made: dict[str, Any]) -> dict[str, Any]:
    return made["spec"].get("rayClusterSpec") or made["spec"]["rayClusterConfig"]


def environments(made: dict[str, Any]) -> Iterator[dict[str, str]]:
    spec = clusters(made)
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        container = group["template"]["spec"]["containers"][0]
        yield {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


@pytest.mark.parametrize("sample", ["train", "serve"])
def test_every_process_of_a_traced_sample_knows_the_collector_and_whose_spans_they_are(sample, complaints):
    made = manifest(sample)
    assert complaints(made) == []
    for env in environments(made):
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == contract.TRACES
        assert env["OTEL_SERVICE_NAME"] == sample
        assert "rayeks.team=research" in env["OTEL_RESOURCE_ATTRIBUTES"].split(",")


def test_ray_makes_the_spans_of_a_job_and_serve_those_of_a_service_and_never_both():
    hook = "tracing-startup-hook"
    assert clusters(manifest("train"))["headGroupSpec"]["rayStartParams"][hook] == "workloads.tracing:setup"
    assert hook not in clusters(manifest("serve"))["headGroupSpec"]["rayStartParams"]
    assert all("RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH" in env for env in environments(manifest("serve")))


def test_a_sample_that_is_not_traced_has_nothing_of_it():
    made = manifest("data")
    assert "tracing-startup-hook" not in str(made)
    assert not any(VARIABLES & env.keys() for env in environments(made))


@pytest.mark.ray
def test_serve_takes_what_makes_its_spans():
    from opentelemetry.sdk.trace import SpanProcessor
    from ray.serve._private.tracing_utils import _load_span_processors

    made = _load_span_processors("workloads.tracing:processors", "any.json")
    assert [isinstance(each, SpanProcessor) for each in made] == [True]
    for each in made:
        each.shutdown()


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """A collector that keeps what it takes: service, attributes and span names."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []
        self.arrived = threading.Event()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes a batch of spans."""
        for resource in request.resource_spans:
            whose = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(whose["service.name"], span.name) for span in scope.spans]
        if any("add" in name and "ray.remote_worker" in name for _, name in self.spans):
            self.arrived.set()
        return trace_service_pb2.ExportTraceServiceResponse()


JOB = """
import sys

import ray

ray.init(num_cpus=1, include_dashboard=False, _tracing_startup_hook="workloads.tracing:setup")

@ray.remote
def add(a, b):
    return a + b

assert ray.get(add.remote(1, 2)) == 3
sys.stdin.read()
"""


@pytest.mark.ray
def test_the_tasks_of_a_job_leave_spans_with_the_collector():
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    env = os.environ | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_SERVICE_NAME": "adder",
        "PYTHONPATH": str(root()),
    }
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", JOB], env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        try:
            assert collector.arrived.wait(60), f"{collector.spans} after {time.monotonic() - began:.0f} s"
        finally:
            assert job.stdin
            job.stdin.close()
            job.wait(30)
            server.stop(0)
    assert {service for service, _ in collector.spans} == {"adder"}
    assert any("ray.remote" in name for _, name in collector.spans), "the driver's side of the call"
