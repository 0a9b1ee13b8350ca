"""The pipeline whose machines come and go beside the same stages on a cluster that stands for all of them."""

import copy
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Row
from benchmarks.workloads.jobs import Watched
from benchmarks.workloads.scratch import scratch
from infra import prices
from rayeks.launching import Result
from rayeks.launching.autoscaling import HISTORY
from workloads.hybrid import spec
from workloads.manifests import ray_job

MACHINES = {"etl": "c7i.2xlarge", "transform": "r7i.2xlarge", "train": "g6.2xlarge", "infer": "g6.2xlarge"}
"""What a group's pod would stand on at list prices, with training and inference on GPUs as in production."""
REGION = "us-east-1"
SIZE = {"HYBRID_FILES": "40", "HYBRID_EPOCHS": "2"}
ROWS = 400_000
STAGE_S = 900
"""A stage of the length that clusters are rented for."""


def rows() -> Iterator[Row]:
    """Busy share and cost of one run; and what the measured waits leave of longer stages."""
    with scratch() as folder:
        manifest = ray_job(
            spec.job(
                namespace="ray-a", bucket_uri=str(folder / "runs"), image="ray", team="a", rows=ROWS, env=dict(SIZE)
            )
        )
        with Watched("hybrid", manifest) as run:
            scaled = run.succeeded()
        paid = _paid(scaled)
        with Watched("hybrid", static(manifest)) as run:
            standing = run.succeeded()
    stages = {row["stage"]: row for row in scaled.rows if row.get("event") == "staged"}
    whole = {group: each["maxReplicas"] for group, each in _groups(manifest).items()}
    busy = sum(row["busy_s"] for row in stages.values())
    lasted = standing.final["seconds"]
    static_busy = sum(row["busy_s"] for row in standing.rows if row.get("event") == "staged")
    beside = "the same stages on a static cluster"
    yield Row(
        "hybrid, busy share of paid node-seconds",
        100 * busy / sum(map(sum, paid.values())),
        "%",
        beside,
        100 * static_busy / (lasted * sum(whole.values())),
        bound=95,
        least=True,
        by_value=True,
    )
    cost = sum(_usd(kind, sum(seconds)) for kind, seconds in paid.items())
    static_cost = sum(_usd(kind, lasted * count) for kind, count in whole.items())
    yield Row("hybrid, cost at list prices", 100 * cost, "¢", beside, 100 * static_cost, bound=0.55)
    nodes = sum(map(len, paid.values()))
    waits = (sum(map(sum, paid.values())) - busy) / nodes
    yield Row("hybrid, paid seconds of a node that it was not busy for", waits, "s")
    yield Row(
        f"hybrid, computed: busy share of stages of {STAGE_S} s with such waits", 100 * STAGE_S / (STAGE_S + waits), "%"
    )


def static(manifest: dict[str, Any]) -> dict[str, Any]:
    """The same job on a cluster that has every machine of it from the first second to the last."""
    found = copy.deepcopy(manifest)
    cluster = found["spec"]["rayClusterSpec"]
    del cluster["enableInTreeAutoscaling"], cluster["autoscalerOptions"]
    for group in cluster["workerGroupSpecs"]:
        group["replicas"] = group["minReplicas"] = group["maxReplicas"]
        group.pop("idleTimeoutSeconds", None)
    return found


def _groups(manifest: dict[str, Any]) -> dict[str, Any]:
    return {group["groupName"]: group for group in manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"]}


def _paid(result: Result) -> dict[str, list[float]]:
    """Group → for each of its nodes, the seconds from when it was asked for to when it was gone."""
    assert result.logs
    events = [json.loads(line) for line in (result.logs / HISTORY).read_text().splitlines()]
    gone = {event["node"]: event["at"] for event in events if event["event"] == "gone"}
    end = max(event["at"] for event in events)
    paid = defaultdict(list)
    for event in events:
        if event["event"] == "requested":
            paid[event["group"]].append(gone.get(event["node"], end) - event["at"])
    return dict(paid)


def _usd(kind: str, seconds: float) -> float:
    price = prices.on_demand(MACHINES[kind], REGION)
    assert price, f"the table has no price of {MACHINES[kind]} in {REGION}"
    return price.usd * seconds / 3600
