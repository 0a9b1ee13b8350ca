"""The charts that a local helm.sh/v3:Release may name, and where their CRDs lie in the pinned Go modules.

Charts cannot be downloaded where tests run. Represented of each: its CRDs, exactly as the pinned module has them (the
real API server then enforces them), and the release record with chart, version and values. Not represented: every other
object of the chart (Deployments, RBAC, webhooks, Services); operators run as processes where a test needs them. So
CRDs that a chart gives a conversion webhook have none here.

To know another chart, add a row to CHARTS.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local.toolchain import module_dir
from rayeks.errors import UserError


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML as Kubernetes reads it: a lone `=`, which YAML 1.1 has a use for, is text."""


Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


@dataclass(frozen=True)
class Chart:
    """A chart: the module whose version is the chart's, and the module's folder of CRDs (None: only recorded).

    `templated`: the CRDs are templates of the chart, upgraded and deleted with the release. Otherwise they are in its
    crds/ folder, which Helm installs where absent, and never upgrades or deletes.
    `release`: the version of the chart that brings the module's CRDs, where charts have a count of their own.
    """

    name: str
    module: str | None = None
    folder: str | None = None
    templated: bool = False
    release: str | None = None


PROMETHEUS = "github.com/prometheus-operator/prometheus-operator"
KARPENTER = "github.com/aws/karpenter-provider-aws"
KUBERAY = "github.com/ray-project/kuberay/ray-operator"
CHARTS = {
    chart.name: chart
    for chart in (
        Chart("karpenter-crd", KARPENTER, "pkg/apis/crds", templated=True),
        Chart("karpenter", KARPENTER, "pkg/apis/crds"),
        Chart("kuberay-crds", KUBERAY, "config/crd/bases", templated=True),
        Chart("kuberay-operator", KUBERAY, "config/crd/bases"),
        Chart("kueue", "sigs.k8s.io/kueue", "config/components/crd/bases", templated=True),
        Chart("aws-efa-k8s-device-plugin"),
        Chart(
            "prometheus-operator-crds", PROMETHEUS, "example/prometheus-operator-crd", templated=True, release="31.0.1"
        ),
        Chart("kube-prometheus-stack"),
        Chart("opentelemetry-collector"),
        Chart("opencost"),
        Chart("fluent-bit"),
        Chart("dcgm-exporter"),
        Chart("dra-driver-nvidia-gpu"),
        Chart("gpu-operator"),
        Chart("nvidia-device-plugin"),
    )
}


def find(reference: str) -> Chart:
    """The chart of a reference: `karpenter`, `oci://public.ecr.aws/karpenter/karpenter`, a path. Raises UserError."""
    name = reference.rstrip("/").rsplit("/", 1)[-1].removesuffix(".tgz")
    if name not in CHARTS:
        known = ", ".join(sorted(CHARTS))
        raise UserError(
            f"the Helm chart {name!r} is not known to the local Kubernetes provider; it knows {known}",
            "add it to CHARTS in local/providers/kubernetes/charts.py",
        )
    return CHARTS[name]


@cache
def folder_of(module: str) -> Path:
    """The pinned module's folder, named module@version; asking the Go command takes a moment."""
    return module_dir(module)


def version(chart: Chart, wanted: str | None) -> str:
    """The exact version that is installed. Raises UserError where it is not the pinned module's, or not given."""
    if chart.module is None:
        if not wanted:
            raise UserError(f"the Release of chart {chart.name} has no version", "give the exact chart version")
        return wanted
    pinned = chart.release or folder_of(chart.module).name.rpartition("@")[2].removeprefix("v")
    if wanted and wanted.removeprefix("v") != pinned:
        raise UserError(
            f"the Release wants chart {chart.name} {wanted}, but the pinned module {chart.module} is v{pinned}",
            f"write version {pinned}, or pin {chart.module} v{wanted.removeprefix('v')} in local/tools",
        )
    return wanted or pinned


def manifests(chart: Chart) -> dict[str, str]:
    """The chart's CRDs as YAML text by file name."""
    if chart.module is None or chart.folder is None:
        return {}
    folder: Path = folder_of(chart.module) / chart.folder
    found = {path.name: path.read_text() for path in sorted(folder.glob("*.yaml"))}
    if not found:
        raise UserError(
            f"{folder} has no CRDs of chart {chart.name}", "mend its row in local/providers/kubernetes/charts.py"
        )
    return found


def parsed(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML text."""
    return [document for document in yaml.load_all(text, Loader=Loader) if document]
