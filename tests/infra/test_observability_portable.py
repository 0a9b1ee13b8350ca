"""What is seen of a stack on a Kubernetes that is there already: where it goes, at whose prices, with whose keys."""

import copy
import re
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from infra import grafana, logs, monitors, portable
from infra import monitoring_charts as charts
from infra import observability_portable as here
from infra.config import InvalidPlatform, parse_any
from infra.config.platform import parse_portable
from infra.config.portable import PortablePlatform
from infra.config.portable_observability import PortableObservability
from infra.destinations import Destinations

ROOT = Path(__file__).parents[2]
EXAMPLE = yaml.safe_load((ROOT / "stacks/Pulumi.onprem.yaml").read_text())["config"]["ray-on-eks:platform"]


def changed(**observability: Any) -> dict[str, Any]:
    """The example with some parts of its section `observability` replaced; None removes one."""
    values = copy.deepcopy(EXAMPLE)
    section = values["observability"] | observability
    values["observability"] = {part: value for part, value in section.items() if value is not None}
    return values


def seen(**observability: Any) -> tuple[PortablePlatform, PortableObservability, Destinations]:
    platform = parse_portable(changed(**observability))
    assert platform.observability
    return platform, platform.observability, here.destinations(platform, platform.observability)


def rules(platform: PortablePlatform, settings: PortableObservability) -> list[dict[str, Any]]:
    found = grafana.rules(
        runbooks="r",
        choices={"HOURLY_USD": settings.alerts.hourly_usd},
        without=grafana.absent(here.watched(platform, settings), settings),
    )
    return [rule for group in found["groups"] for rule in group["rules"]]


def test_every_alert_but_those_of_machines_that_come_and_go_is_there_and_is_promql() -> None:
    platform, settings, _ = seen()
    found = rules(platform, settings)
    for rule in found:
        promql.parse(rule["expr"])
    every = {alert["alert"] for alert in grafana.read("alerts")}
    assert {rule["alert"] for rule in found if "alert" in rule} == every - {"spot-interruptions", "pool-at-its-limit"}


def test_no_panel_and_no_monitor_is_of_karpenter() -> None:
    platform, settings, _ = seen()
    watched = here.watched(platform, settings)
    text, packed = grafana.files(grafana.absent(watched, settings))
    assert set(text) == {"platform.json", "gpus.json", "queues.json", "costs.json"} and len(packed) == 5
    assert not re.search(r"karpenter_(?!sh_)", "".join(text.values()))
    found = monitors.pod_monitors(watched, logs=True)
    assert set(found) == {"ray", "kuberay", "fluent-bit", "dcgm", "gpu-operator"}


def test_gpu_metrics_are_those_of_the_exporter_that_the_nodes_owner_runs() -> None:
    platform, settings, _ = seen(prometheus={"gpu_exporter": "nvidia"})
    found = monitors.pod_monitors(here.watched(platform, settings), logs=False)
    for name, label in (("dcgm", "app.kubernetes.io/name"), ("gpu-operator", "app")):
        assert found[name]["namespaceSelector"] == {"matchNames": ["nvidia"]}
        assert list(found[name]["selector"]["matchLabels"]) == [label]
    values = copy.deepcopy(EXAMPLE)
    values["pools"] = {name: pool for name, pool in values["pools"].items() if "gpu" not in name}
    values["samples"].pop("train")
    values["tenants"]["research"]["quota"] |= {"gpus": 0, "gpu_parts": 0}
    without = parse_portable(values)
    assert without.observability
    assert here.watched(without, without.observability).gpus is None


def test_logs_go_to_the_object_storage_with_the_keys_of_a_secret_that_nothing_waits_for() -> None:
    platform, settings, to = seen(logs={"secret": "log-keys"})
    assert settings.logs
    values = logs.chart_values(to=to.logs, keys=to.log_keys, cluster=platform.name)
    assert values["envFrom"] == [{"secretRef": {"name": "log-keys"}}]
    sections = values["config"]["outputs"].strip().split("\n\n")
    assert len(sections) == 2
    for section in sections:
        read = dict(line.split(None, 1) for line in section.splitlines()[1:])
        assert (read["bucket"], read["endpoint"]) == ("ray-logs", "https://minio.example.com:9000")
        assert read["region"] == "us-east-1" and read["s3_key_format"].startswith("/ray-onprem/")


def test_opencost_charges_the_hourly_prices_of_the_stack_file() -> None:
    """By its own arithmetic: what the chart's ConfigMap says is a month's, of 730 hours, rounded to six digits."""
    platform, settings, to = seen(costs={"prices": {"cpu": 0.02, "memory_gib": 0.0025, "gpu": 1.8}})
    assert settings.costs
    pricing = charts.opencost(settings.costs, to, cluster=platform.name)["opencost"]["customPricing"]
    hourly = {key: round(float(pricing["costModel"][key]) / 730, 6) for key in ("CPU", "RAM", "GPU")}
    assert hourly == {"CPU": 0.02, "RAM": 0.0025, "GPU": 1.8}
    assert pricing["enabled"] and pricing["costModel"]["customPricesEnabled"] == "true"
    # The chart's own prices of a laptop's disk and a cloud's network would be charged otherwise.
    chart = {"storage", "zoneNetworkEgress", "regionNetworkEgress", "internetNetworkEgress"}
    assert {pricing["costModel"][key] for key in chart} == {"0"}


def test_a_pool_costs_what_its_nodes_do_and_parts_of_gpus_nothing_by_themselves() -> None:
    platform, settings, _ = seen(costs={"prices": {"cpu": 0.01, "memory_gib": 0.001, "gpu": 2}})
    assert settings.costs
    costs = {name: here.hourly_usd(pool, settings.costs.prices) for name, pool in platform.pools.items()}
    assert costs["ray-gpu-train"] == pytest.approx(2 * (124 * 0.01 + 980 * 0.001 + 8 * 2))
    assert costs["ray-gpu-shared"] == pytest.approx(30 * 0.01 + 120 * 0.001)


@pytest.mark.parametrize(
    ("endpoint", "exporter"),
    [
        ("https://tempo.example.com:4317", {"endpoint": "tempo.example.com:4317", "tls": {"insecure": False}}),
        ("http://tempo.tracing", {"endpoint": "tempo.tracing:4317", "tls": {"insecure": True}}),
    ],
)
def test_traces_go_on_by_grpc_in_clear_only_where_the_address_says_so(endpoint: str, exporter: dict) -> None:
    _, settings, to = seen(traces={"endpoint": endpoint})
    assert settings.traces
    config = charts.collector(settings.traces, to)["config"]
    assert config["exporters"] == {"otlp": exporter}
    assert config["service"]["pipelines"]["traces"]["exporters"] == ["otlp"]


def test_alerts_reach_a_webhook_whose_address_nobody_can_read_in_the_stack() -> None:
    _, settings, to = seen(alerts={"webhook_secret": "pager"})
    values = charts.prometheus_stack(settings, to, dashboards=("d", "1"))["alertmanager"]
    assert values["alertmanagerSpec"]["secrets"] == ["pager"]
    people = values["config"]["receivers"][0]
    assert people["webhook_configs"] == [{"url_file": "/etc/alertmanager/secrets/pager/url", "send_resolved": True}]
    _, settings, to = seen(alerts={})
    values = charts.prometheus_stack(settings, to, dashboards=("d", "1"))["alertmanager"]
    assert values["config"]["receivers"][0] == {"name": "people"} and "secrets" not in values["alertmanagerSpec"]


def test_prometheus_disk_is_of_the_class_that_is_named_or_of_the_cluster_s_default() -> None:
    for chosen, expected in (({"storage_class": "fast"}, "fast"), ({}, None)):
        _, settings, to = seen(prometheus=chosen)
        spec = charts.prometheus_stack(settings, to, dashboards=("d", "1"))["prometheus"]["prometheusSpec"]
        assert spec["storageSpec"]["volumeClaimTemplate"]["spec"].get("storageClassName") == expected


def test_the_secrets_that_somebody_brings_are_named_with_their_keys() -> None:
    platform, _, _ = seen(grafana={"admin_secret": "admin"})
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert portable.secrets(platform) == [
        ("ray-research", "object-store", keys),
        ("ray-research", "registry", (".dockerconfigjson",)),
        ("node-agents", "object-store", keys),
        ("monitoring", "alerts", ("url",)),
        ("monitoring", "admin", ("admin-user", "admin-password")),
    ]


REFUSED = [
    ({"logs": {"bucket": "journal"}}, "observability.logs.bucket", "no bucket journal", "there are artifacts"),
    ({"logs": {"keys": "x"}}, "observability.logs.keys", "is not a known key", "spelling"),
    ({"traces": {}}, "observability.traces.endpoint", "is missing", "add it"),
    ({"traces": {"endpoint": "tempo:4317"}}, "observability.traces.endpoint", "should match pattern", ""),
    ({"costs": {}, "alerts": {}}, "observability.costs.prices", "is missing", "add it"),
    (
        {"costs": {"prices": {"cpu": 1, "memory_gib": 1}}},
        "observability.costs.prices.gpu",
        "would cost nothing",
        "0 is",
    ),
    ({"costs": None}, "observability.alerts.hourly_usd", "nothing says what nodes cost", "add observability.costs"),
    ({"prometheus": {"workspace": "ws"}}, "observability.prometheus.workspace", "is of a stack on AWS", "leave it out"),
    ({"alerts": {"topic": "arn"}}, "observability.alerts.topic", "is of a stack on AWS", "leave it out"),
]


@pytest.mark.parametrize(("parts", "path", "message", "fix"), REFUSED, ids=[each[1] for each in REFUSED])
def test_a_mistake_is_named_with_its_path_and_what_to_do(parts, path, message, fix) -> None:
    with pytest.raises(InvalidPlatform) as told:
        parse_any(changed(**parts))
    assert [p.path for p in told.value.problems] == [path], told.value
    (problem,) = told.value.problems
    assert message in problem.message and fix in (problem.fix or "")


def test_spans_need_a_collector_here_too_and_all_mistakes_are_told_at_once() -> None:
    values = changed(traces=None, logs={"bucket": "journal"})
    values["samples"]["serve"]["traced"] = True
    with pytest.raises(InvalidPlatform) as told:
        parse_any(values)
    assert {p.path for p in told.value.problems} == {"samples.serve.traced", "observability.logs.bucket"}
    values = changed()
    values["samples"]["serve"]["traced"] = True
    assert parse_any(values)
