"""The chart of KubeRay's CRDs in the repository is what its pinned module says, in a form that Helm takes."""

import gzip
import json
import tarfile

import yaml

from infra import contract
from infra.ray import CRD_CHART
from local import crd_chart
from local.home import root
from local.providers.kubernetes import charts

HELM_SECRET_LIMIT = 1024 * 1024


def unpacked() -> dict[str, bytes]:
    found = {}
    with tarfile.open(root() / "stacks" / CRD_CHART) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file
            found[member.name] = file.read()
    return found


def test_the_chart_holds_the_crds_of_the_pinned_module_and_nothing_else() -> None:
    contents = unpacked()
    about = yaml.safe_load(contents.pop("kuberay-crds/Chart.yaml"))
    assert about["version"] == contract.KUBERAY_VERSION
    packed = {crd["metadata"]["name"]: crd for crd in map(json.loads, contents.values())}
    upstream = charts.manifests(charts.CHARTS["kuberay-operator"]).values()
    assert packed == {crd["metadata"]["name"]: crd for text in upstream for crd in charts.parsed(text)}
    assert set(packed) == {f"{kind}.ray.io" for kind in ("rayclusters", "rayjobs", "rayservices", "raycronjobs")}


def test_packing_again_gives_the_same_files() -> None:
    assert crd_chart.files() == unpacked()


def test_helm_can_keep_the_release_in_one_secret() -> None:
    contents = {name: data.decode() for name, data in unpacked().items()}
    # Helm stores chart and rendered manifest, compressed and in base64 twice over.
    record = gzip.compress(json.dumps([contents, list(contents.values())]).encode())
    assert len(record) * 16 / 9 < HELM_SECRET_LIMIT / 2
