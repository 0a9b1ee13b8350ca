"""Dashboards and rules as data in, Grafana's and Prometheus' objects out. Pure functions."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from infra.config.observability import Observability
from infra.monitors import Watched

Object = dict[str, Any]
FOLDER = Path(__file__).parent / "dashboards"
OURS = ("platform", "gpus", "queues", "costs")
HEIGHTS = {"stat": 5, "timeseries": 8, "table": 9}
COLUMNS = 24
MACHINE_METRICS = ("karpenter_nodepools", "karpenter_nodeclaims", "karpenter_interruption")
GPU_METRICS = ("DCGM_", "nvidia_com_", "rayeks:gpus:")
QUEUE_METRICS = ("kueue_",)
LOG_METRICS = ("fluentbit_",)
COST_METRICS = ("_hourly_cost", "container_cpu_allocation", "rayeks:job_cost_usd", "rayeks:pod_cost_usd")
"""Parts of metrics' names, by what a stack must have for them to be there."""

SOURCE = {"type": "prometheus", "uid": "prometheus"}
"""The data source of the chart that brings Grafana."""


def read(name: str) -> Any:
    """A file of data beside this module, such as `gpus` or `alerts`."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def absent(watched: Watched, settings: Observability) -> tuple[str, ...]:
    """Parts of the names of the metrics that nothing of a stack exports."""
    there = {
        MACHINE_METRICS: watched.machines,
        GPU_METRICS: bool(watched.gpus),
        QUEUE_METRICS: watched.queues,
        LOG_METRICS: bool(settings.logs),
        COST_METRICS: bool(settings.costs),
    }
    return tuple(name for names, exported in there.items() if not exported for name in names)


def dashboard(name: str, data: Mapping[str, Any], without: tuple[str, ...] = ()) -> Object:
    """A dashboard as Grafana stores it: panels in rows from left to right, as wide as they say.

    `without` are parts of names of metrics that the stack does not have: panels that read one of them are left out.
    """
    shown = [panel for panel in data["panels"] if not _reads(" ".join(panel["queries"].values()), without)]
    panels, x, y, row = [], 0, 0, 0
    for number, panel in enumerate(shown, 1):
        if x + panel["width"] > COLUMNS:
            x, y, row = 0, y + row, 0
        height = HEIGHTS[panel["kind"]]
        panels.append(_panel(number, panel) | {"gridPos": {"x": x, "y": y, "w": panel["width"], "h": height}})
        x, row = x + panel["width"], max(row, height)
    return {
        "uid": f"rayeks-{name}",
        "title": data["title"],
        "tags": ["rayeks"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "panels": panels,
    }


def files(without: tuple[str, ...] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """The dashboards of a stack by file name: ours as text, but for the empty, and Ray's own packed, in base64."""
    boards = {name: dashboard(name, read(name), without) for name in OURS}
    ours = {
        f"{name}.json": json.dumps(board, separators=(",", ":")) for name, board in boards.items() if board["panels"]
    }
    packed = {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(FOLDER.glob("ray/*.json.gz"))}
    return ours, packed


def rules(*, runbooks: str, choices: Mapping[str, float | None], without: tuple[str, ...] = ()) -> Object:
    """The spec of the PrometheusRule. `choices` fill `$NAME` in expressions; `without` are parts of names of metrics
    that the stack does not have: what reads one of them is left out.
    """
    made = {name: f"{value:g}" for name, value in choices.items() if value is not None}
    alerts = []
    for alert in read("alerts"):
        expression = Template(alert["expr"])
        if set(expression.get_identifiers()) <= set(made) and not _reads(alert["expr"], without):
            alerts.append(
                {
                    "alert": alert["alert"],
                    "expr": expression.substitute(made).strip(),
                    "for": alert["for"],
                    "labels": {"severity": alert["severity"]},
                    "annotations": {"summary": alert["summary"], "runbook_url": f"{runbooks}#{alert['alert']}"},
                }
            )
    records = [
        {"record": rule["record"], "expr": rule["expr"].strip()}
        for rule in read("recordings")
        if not _reads(rule["record"] + rule["expr"], without)
    ]
    return {"groups": [{"name": "rayeks-recordings", "rules": records}, {"name": "rayeks-alerts", "rules": alerts}]}


def _panel(number: int, panel: Mapping[str, Any]) -> Object:
    table = panel["kind"] == "table"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend or "__auto",
            "instant": table,
            "range": not table,
            "format": "table" if table else "time_series",
        }
        for index, (legend, expression) in enumerate(panel["queries"].items())
    ]
    return {
        "id": number,
        "type": panel["kind"],
        "title": panel["title"],
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel["unit"]}, "overrides": []},
        "targets": targets,
    }


def _reads(expression: str, names: tuple[str, ...]) -> bool:
    return any(name in expression for name in names)
