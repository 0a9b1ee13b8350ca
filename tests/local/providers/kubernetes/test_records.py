"""Helm's record of a release, byte for byte as Helm's own reader takes it, and the table of charts."""

import base64
import gzip
import json
import re
from pathlib import Path

import pytest

from local.providers.kubernetes import charts, records, release
from local.providers.kubernetes.config import Settings
from rayeks.errors import UserError


def record(version: int = 1, status: str = records.DEPLOYED) -> records.Record:
    made = records.new("ray", "kuberay", chart="kuberay-operator", version="1.6.2", values={"a": 1}, manifest="")
    return {**records.with_status(made, status), "version": version}


def test_a_record_is_the_secret_that_helm_looks_for():
    secret = records.to_secret(record(3))
    assert secret["metadata"]["name"] == "sh.helm.release.v1.ray.v3"
    assert secret["type"] == "helm.sh/release.v1"
    labels = secret["metadata"]["labels"]
    assert {key: labels[key] for key in ("owner", "name", "status", "version")} == {
        "owner": "helm",
        "name": "ray",
        "status": "deployed",
        "version": "3",
    }
    helm_reads = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    assert helm_reads[:3] == b"\x1f\x8b\x08", "Helm knows compressed records by this"
    content = json.loads(gzip.decompress(helm_reads))
    assert content["chart"]["metadata"]["name"] == "kuberay-operator"
    assert content["config"] == {"a": 1}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", content["info"]["first_deployed"])
    assert records.from_secret(secret) == record(3) | {"info": content["info"]}


def test_every_value_survives_the_encoding():
    values = {"": None, "ü\n\x00": [True, 1, 1.5, [], {"a": {}}], "long": "x" * 100_000}
    assert records.decode(records.encode({"config": values})) == {"config": values}


def test_the_next_revision_remembers_when_the_first_was_deployed():
    first = record()
    second = records.new("ray", "kuberay", chart="c", version="1", values={}, manifest="", previous=first)
    assert second["version"] == 2
    assert second["info"]["status"] == "pending-upgrade"
    assert second["info"]["first_deployed"] == first["info"]["first_deployed"]


def test_an_upgrade_without_values_keeps_the_current_ones_unless_told_otherwise():
    current = {"a": {"b": 1, "c": 2}, "d": 3}
    assert records.upgraded_values({}, current) == current
    assert records.upgraded_values({"values": {"d": 4}}, current) == {"d": 4}
    assert records.upgraded_values({"resetValues": True}, current) == {}
    reused = records.upgraded_values({"reuseValues": True, "values": {"a": {"b": 5, "c": None}}}, current)
    assert reused == {"a": {"b": 5}, "d": 3}


def test_a_bounded_history_loses_its_oldest_but_never_the_deployed_or_the_newest():
    kept = [record(1), record(2, "failed"), record(3, "superseded"), record(4, "failed")]
    assert [item["version"] for item in records.obsolete(kept, 2)] == [2, 3]
    assert [item["version"] for item in records.obsolete(kept, 1)] == [2, 3]
    assert records.obsolete(kept, 0) == []


@pytest.mark.parametrize("reference", ["karpenter", "oci://public.ecr.aws/karpenter/karpenter", "./charts/karpenter/"])
def test_a_chart_is_known_by_the_last_part_of_its_reference(reference: str):
    assert charts.find(reference).name == "karpenter"


def test_an_unknown_chart_names_the_file_to_extend():
    with pytest.raises(UserError, match=r"(?s)'airflow' is not known.*local/providers/kubernetes/charts\.py"):
        charts.find("airflow")


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module folder with one CRD instead of the pinned modules."""
    folder = tmp_path / "karpenter-provider-aws@v1.14.1"
    crds = folder / "pkg/apis/crds"
    crds.mkdir(parents=True)
    (crds / "a.yaml").write_text("---\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n")
    monkeypatch.setattr(charts, "folder_of", lambda module: folder)
    return folder


def test_another_version_than_the_pinned_modules_is_refused_and_none_means_the_pinned_one(pinned: Path):
    _, failures = release.check({"chart": "karpenter", "version": "1.13.0"}, {}, "x", Settings())
    assert failures[0][0] == "version"
    assert "wants chart karpenter 1.13.0, but the pinned module" in failures[0][1]
    checked, failures = release.check({"chart": "karpenter"}, {}, "x", Settings())
    assert not failures
    assert (checked["version"], checked["namespace"], checked["timeout"]) == ("1.14.1", "default", 300)
    assert re.fullmatch(r"x-[0-9a-f]{8}", checked["name"])
    assert release.check({"chart": "karpenter"}, checked, "x", Settings())[0]["name"] == checked["name"]


def test_a_chart_that_is_only_recorded_needs_an_exact_version():
    _, failures = release.check({"chart": "dcgm-exporter"}, {}, "x", Settings())
    assert "has no version" in failures[0][1]
    assert not release.check({"chart": "dcgm-exporter", "version": "4.8.0"}, {}, "x", Settings())[1]


def test_templates_are_in_the_manifest_and_a_crds_folder_is_not(pinned: Path):
    templated = charts.find("karpenter-crd")
    text = release.manifest(templated, charts.manifests(templated))
    assert text.startswith("---\n# Source: karpenter-crd/templates/a.yaml\nkind: CustomResourceDefinition\n")
    assert [crd["metadata"]["name"] for crd in charts.parsed(text)] == ["a.b"]
    assert release.manifest(charts.find("karpenter"), charts.manifests(templated)) == ""
