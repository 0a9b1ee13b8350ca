"""Packs KubeRay's CRDs as a Helm chart of their own: `python -m local.crd_chart`, after KubeRay's version changed.

KubeRay publishes no such chart, and Helm neither upgrades nor deletes what lies in the operator chart's crds/ folder:
a new operator over old CRDs has deleted workers (kuberay#2084). As templates of a chart they follow the release. The
chart lies in the repository, so that `pulumi up` needs no download for it, and 4 MB of schema stay out of the state.
"""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

from infra import versions
from infra.ray import CRD_CHART
from local.home import root
from local.providers.kubernetes import charts

CHART = charts.CHARTS["kuberay-crds"]


def files() -> dict[str, bytes]:
    """The chart's files by path, from the pinned Go module. Templates are JSON, a fifth of the YAML's size."""
    about = {
        "apiVersion": "v2",
        "name": CHART.name,
        "version": versions.KUBERAY,
        "description": "The CRDs of KubeRay, exactly as its operator's module has them",
    }
    found = {f"{CHART.name}/Chart.yaml": yaml.safe_dump(about, sort_keys=False).encode()}
    for name, text in charts.manifests(CHART).items():
        [crd] = charts.parsed(text)
        found[f"{CHART.name}/templates/{Path(name).stem}.yaml"] = _template(crd)
    return found


def packed(contents: dict[str, bytes]) -> bytes:
    """A .tgz with neither times nor owners, so that the same CRDs are the same bytes."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), compresslevel=9, mtime=0)


def _template(crd: dict[str, Any]) -> bytes:
    text = json.dumps(crd, separators=(",", ":"))
    assert "{{" not in text, "Helm would take it for an action"
    return text.encode() + b"\n"


if __name__ == "__main__":
    chart = root() / "stacks" / CRD_CHART
    chart.resolve().write_bytes(packed(files()))
    print(f"{chart.resolve()}: {chart.stat().st_size} bytes")
