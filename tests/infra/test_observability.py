"""What is seen: queries are PromQL over metrics that somebody exports, alerts have a page, and no password is known."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import promql_parser as promql
import pytest
import yaml

from infra import contract, grafana, logs, monitors, observability_aws
from infra import monitoring_charts as charts
from infra.config import assembled, parse
from infra.config.observability import (
    AwsObservability,
    Grafana,
    Observability,
    OpenCost,
    Prometheus,
    Traces,
)
from infra.destinations import Destinations
from infra.monitors import Watched
from infra.ray import container_defaults
from rayeks.plan import Resource, plan
from rayeks.plan.values import reveal

ROOT = Path(__file__).parents[2]
CHOICES = {"HOURLY_USD": 100.0}
NOWHERE = Destinations(storage_class=None)
WATCHED = Watched(teams=("ads", "maps"), queues=True, gpus="node-agents", machines=True)
WHOLE = grafana.rules(runbooks="docs/alerts.md", choices=CHOICES)
RECORDS, ALERTS = (group["rules"] for group in WHOLE["groups"])

EXPORTED = {
    # kube-state-metrics, docs/metrics; OpenCost, "OpenCost metrics"; dcgm-exporter, etc/default-counters.csv
    *("kube_pod_status_phase", "kube_pod_status_ready", "kube_pod_labels", "kube_node_labels", "kube_node_info"),
    *("kube_pod_container_resource_requests", "kube_node_status_allocatable", "ALERTS"),
    *("node_cpu_hourly_cost", "node_ram_hourly_cost", "node_gpu_hourly_cost", "node_total_hourly_cost"),
    *("container_cpu_allocation", "container_memory_allocation_bytes", "container_gpu_allocation"),
    *("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_XID_ERRORS"),
    "fluentbit_output_retries_failed_total",
}
MODULES = {
    "kueue_": ("sigs.k8s.io/kueue", "pkg/metrics"),
    "karpenter_": ("sigs.k8s.io/karpenter", "pkg"),
    "karpenter_interruption_": ("github.com/aws/karpenter-provider-aws", "pkg/controllers/interruption"),
    "kuberay_": ("github.com/ray-project/kuberay/ray-operator", "controllers/ray/metrics"),
}
"""What a metric's name starts with → the pinned module, and the folder in which it is made."""


def queries() -> Iterator[tuple[str, str]]:
    for rule in RECORDS:
        yield rule["record"], rule["expr"]
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for name in grafana.OURS:
        for panel in grafana.dashboard(name, grafana.read(name))["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def ray_queries() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "infra/dashboards/ray").glob("*.gz")):
        for panel in every_panel(json.loads(gzip.decompress(path.read_bytes()))):
            for target in panel.get("targets", ()):
                yield f"{path.name}: {panel['title']}", target["expr"]


def every_panel(board: dict) -> Iterator[dict]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def filled(expression: str) -> str:
    """The query as Grafana sends it: its variables of time replaced, and the dashboard's own by any text."""
    for variable, value in (("$__rate_interval", "5m"), ("$__range", "1h"), ("$__interval", "1m")):
        expression = expression.replace(variable, value)
    return re.sub(r"\$\{?\w+\}?", "any", re.sub(r"\[\$\{?\w+\}?\]", "[5m]", expression))


def selectors(node: object) -> Iterator[promql.VectorSelector]:
    """Every metric that a parsed query reads."""
    if isinstance(node, promql.VectorSelector):
        yield node
    if isinstance(node, promql.MatrixSelector):
        yield from selectors(node.vector_selector)
    for part in ("expr", "lhs", "rhs", "param"):
        yield from selectors(getattr(node, part)) if getattr(node, part, None) is not None else ()
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


OURS = list(queries())


@pytest.mark.parametrize(("name", "expression"), OURS, ids=[name for name, _ in OURS])
def test_a_query_of_ours_is_promql_over_metrics_that_somebody_exports(name: str, expression: str) -> None:
    found = list(selectors(promql.parse(filled(expression))))
    assert found or expression.startswith("vector"), expression
    recorded = {rule["record"] for rule in RECORDS}
    for selector in found:
        assert selector.name in recorded | EXPORTED or exported(selector.name or ""), (
            f"{name}: nobody exports {selector.name}"
        )


def exported(metric: str) -> bool:
    """Whether a pinned module's source makes the metric, as Go names it: in whole or by its last part."""
    from local.toolchain import module_dir

    prefix = max((prefix for prefix in MODULES if metric.startswith(prefix)), key=len, default=None)
    if prefix is None:
        return False
    module, folder = MODULES[prefix]
    sources = "".join(path.read_text() for path in (module_dir(module) / folder).rglob("*.go"))
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    parts = base.split("_")
    return any(f'"{"_".join(parts[start:])}"' in sources for start in range(len(parts)))


def test_the_parser_tells_right_from_wrong_and_the_sources_know_no_made_up_metric() -> None:
    with pytest.raises(ValueError):
        promql.parse("sum by (pod (up)")
    assert exported("kueue_pending_workloads") and not exported("kueue_waiting_workloads")
    assert not exported("karpenter_interruption_spot_total")


def test_ray_s_own_dashboards_are_promql_too() -> None:
    wrong = []
    for name, expression in ray_queries():
        try:
            promql.parse(filled(expression))
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    assert wrong == []


def test_every_alert_says_what_is_wrong_and_links_to_its_page() -> None:
    headings = set(re.findall(r"^## (.+)$", (ROOT / "docs/alerts.md").read_text(), re.M))
    assert {rule["alert"] for rule in ALERTS} == headings
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{rule['alert']}"
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("info", "warning", "critical")


def test_what_a_stack_does_not_have_it_has_no_alert_of() -> None:
    bare = Watched(teams=(), queues=False, gpus=None, machines=False)
    without = grafana.absent(bare, Observability())
    small = grafana.rules(runbooks="r", choices={"HOURLY_USD": None}, without=without)
    assert [rule["alert"] for rule in small["groups"][1]["rules"]] == ["ray-head-down", "pods-pending"]
    assert small["groups"][0]["rules"] == []
    text, packed = grafana.files(without)
    assert list(text) == ["platform.json"] and len(packed) == 5
    assert not re.search("karpenter_(?!sh_)|kueue_|DCGM_|_cost", text["platform.json"])


def test_what_a_stack_has_it_is_told_of() -> None:
    settings = Observability.model_validate({"logs": {}, "costs": {}})
    assert grafana.absent(WATCHED, settings) == ()
    assert set(monitors.pod_monitors(WATCHED, logs=True)) == {"ray", "kuberay", "karpenter", "dcgm", "fluent-bit"}


def test_panels_stand_in_rows_and_never_on_one_another() -> None:
    for name in grafana.OURS:
        taken: set[tuple[int, int]] = set()
        for panel in grafana.dashboard(name, grafana.read(name))["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= grafana.COLUMNS and not cells & taken
            taken |= cells


def test_all_dashboards_fit_one_config_map() -> None:
    text, packed = grafana.files()
    assert len(text) == 4 and len(packed) == 5
    assert sum(map(len, (*text.values(), *packed.values()))) < 256 * 1024


def test_ray_s_dashboards_are_those_that_the_pinned_ray_generates() -> None:
    ray_dashboards = pytest.importorskip("local.ray_dashboards")
    pytest.importorskip("ray")
    for name, text in ray_dashboards.generated().items():
        assert gzip.decompress(ray_dashboards.path(name).read_bytes()).decode() == text


def test_grafana_has_no_password_that_anybody_could_guess() -> None:
    own = charts.prometheus_stack(Observability(), NOWHERE, dashboards=("d", "1"))["grafana"]
    assert own["adminPassword"] == "" and "admin" not in own  # the chart then makes a random one
    settings = Observability(grafana=Grafana(admin_secret="from-vault"))
    given = charts.prometheus_stack(settings, NOWHERE, dashboards=("d", "1"))["grafana"]
    assert given["admin"] == {"existingSecret": "from-vault"} and "adminPassword" not in given


def on_aws(settings: AwsObservability) -> dict:
    """The values of Prometheus' chart on the stack `dev`, with these settings."""
    stack = yaml.safe_load((ROOT / "stacks/Pulumi.dev.yaml").read_text())["config"]
    values = assembled(
        stack["ray-on-eks:platform"], region="us-west-2", accounts=["1" * 12], default_tags=stack["aws:defaultTags"]
    )
    to = observability_aws.destinations(parse(values), settings)
    return charts.prometheus_stack(settings, to, dashboards=("d", "1"))


def test_samples_go_to_amp_and_alerts_to_people_only_where_the_stack_says_so() -> None:
    quiet = on_aws(AwsObservability())
    assert "remoteWrite" not in quiet["prometheus"]["prometheusSpec"]
    assert quiet["alertmanager"]["config"]["receivers"][0] == {"name": "people"}
    workspace = "ws-01234567-89ab-cdef-0123-456789abcdef"
    told = AwsObservability.model_validate(
        {"prometheus": {"workspace": workspace}, "alerts": {"topic": "arn:aws:sns:us-west-2:111111111111:t"}}
    )
    loud = on_aws(told)
    [write] = loud["prometheus"]["prometheusSpec"]["remoteWrite"]
    assert workspace in write["url"] and write["sigv4"] == {"region": "us-west-2"}
    assert loud["alertmanager"]["config"]["receivers"][0]["sns_configs"][0]["topic_arn"].endswith(":t")


def test_prometheus_drops_its_oldest_before_its_disk_is_full() -> None:
    settings = Observability(prometheus=Prometheus(storage_gib=100))
    spec = charts.prometheus_stack(settings, NOWHERE, dashboards=("d", "1"))["prometheus"]["prometheusSpec"]
    assert spec["retentionSize"] == "90GiB"
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_ray_is_scraped_in_every_tenant_s_namespace_with_the_labels_of_its_bill() -> None:
    ray = monitors.pod_monitors(WATCHED, logs=True)["ray"]
    assert ray["namespaceSelector"]["matchNames"] == ["ray-ads", "ray-maps"]
    assert {contract.TEAM_LABEL, contract.PROJECT_LABEL, contract.JOB_LABEL} <= set(ray["podTargetLabels"])
    allowed = charts.prometheus_stack(Observability(), NOWHERE, dashboards=("d", "1"))["kube-state-metrics"]
    assert all(label in allowed["metricLabelsAllowlist"][0] for label in monitors.RAY_LABELS)


def test_ray_s_files_are_found_by_the_name_of_their_pod() -> None:
    """The tag's expression against a path as kubelet and the manifests lay it out."""
    text = logs.inputs()
    expression = re.findall(r"Tag_Regex (\S+)", text)[1].replace("(?<", "(?P<")
    path = (
        "/var/lib/kubelet/pods/5f0c/volumes/kubernetes.io~empty-dir/ray-logs/"
        "ray-research_train-abc-head/session_2026-11-23_10-00-00_1/logs/raylet.out"
    )
    found = re.search(expression, path)
    assert found
    assert found.groupdict() == {
        "namespace_name": "ray-research",
        "pod_name": "train-abc-head",
        "file_name": "raylet.out",
    }
    assert Path(path).match(logs.RAY_FILES.removeprefix("/") + "/*.out")


@pytest.mark.parametrize("tasks", [True, False])
def test_every_ray_container_of_a_stack_that_ships_logs_writes_its_events(tasks: bool) -> None:
    [written] = [one for one in container_defaults(logs.events(tasks=tasks)) if "export_api" in one["name"]]
    kinds = written["value"].split(",")
    assert {"EXPORT_NODE", "EXPORT_ACTOR", "EXPORT_DRIVER_JOB", "EXPORT_SUBMISSION_JOB"} <= set(kinds)
    assert ("EXPORT_TASK" in kinds) is tasks
    assert container_defaults() == [one for one in container_defaults(logs.events(tasks=tasks)) if one != written]


def test_a_stack_that_ships_no_logs_has_no_events_written() -> None:
    said = {stack: str(reveal(release(stack).inputs["values"])) for stack in ("dev", "prod")}
    assert "export_api" not in said["dev"]
    assert "export_api" in said["prod"]
    told = plan("prod", root=ROOT).to_json()["outputs"]["logs"]
    assert told == {"bucket": "ray-prod-logs-333333333333-us-west-2", "prefix": "ray-prod", "region": "us-west-2"}


def release(stack: str) -> Resource:
    """The release of KubeRay's operator."""
    return next(r for r in plan(stack, root=ROOT).of_type("kubernetes:helm.sh/v3:Release") if "operator" in r.name)


def test_logs_leave_for_the_bucket_under_the_cluster_s_own_prefix() -> None:
    output = logs.outputs({"bucket": "b", "region": "r"}, cluster="ray-prod")
    assert output.count("Name s3") == 2
    assert all(f"s3_key_format /ray-prod/{kind}/" in output for kind in ("pods", "ray"))


def test_the_collector_takes_otlp_and_closes_what_the_chart_would_open() -> None:
    to = Destinations(storage_class=None, traces={"awsxray": {"region": "us-west-2"}})
    values = charts.collector(Traces(sample_percent=5), to)
    assert values["config"]["service"]["pipelines"]["traces"]["exporters"] == ["awsxray"]
    assert values["config"]["service"]["pipelines"]["traces"]["receivers"] == ["otlp"]
    assert not any(port["enabled"] for port in values["ports"].values())


def test_opencost_asks_the_prometheus_that_is_there() -> None:
    asked = charts.opencost(OpenCost(), NOWHERE, cluster="ray-prod")["opencost"]
    assert "customPricing" not in asked, "the cloud's own list prices"
    asked = asked["prometheus"]["internal"]
    assert asked["namespaceName"] == "monitoring" and asked["serviceName"] == "prometheus-operated"


def test_gpu_metrics_are_collected_only_where_a_gpu_may_be() -> None:
    assert "dcgm" not in monitors.pod_monitors(replace(WATCHED, gpus=None), logs=False)
