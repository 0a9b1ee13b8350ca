"""Helm releases against a real API server: CRDs by Helm's rules, records that Helm would read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.providers.kubernetes import charts, crds, records
from local.providers.kubernetes.client import ApiServer
from local.providers.wire import UNKNOWN, ResourceInitError
from rayeks.errors import UserError

pytestmark = pytest.mark.engine
Live = Callable[..., Any]
RELEASE = "kubernetes:helm.sh/v3:Release"
CRD = crds.CRD


FEW = ("karpenter.sh_nodepools.yaml", "karpenter.k8s.aws_ec2nodeclasses.yaml", "ray.io_rayclusters.yaml")


@pytest.fixture(autouse=True)
def _few_crds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each chart only the CRDs that the tests look at: the API server takes seconds for a large one."""
    shipped = charts.manifests
    monkeypatch.setattr(charts, "manifests", lambda chart: {k: v for k, v in shipped(chart).items() if k in FEW})


def release(chart: str, **arguments: Any) -> dict[str, Any]:
    return {"name": chart, "chart": chart, "namespace": "kube-system", **arguments}


@pytest.fixture
def tidy(api: ApiServer) -> Iterator[None]:
    """Leaves no CRD of a crds/ folder behind, which Helm does."""
    yield
    crds.remove(api, api.select(api.kind(*CRD), None, ""), 60, print, wait=True)


def history(api: ApiServer, name: str) -> list[tuple[int, str]]:
    found = api.select(api.kind("v1", "Secret"), "kube-system", records.selector(name))
    kept = [records.from_secret(secret) for secret in found]
    return sorted((record["version"], record["info"]["status"]) for record in kept)


def test_a_release_installs_its_crds_records_each_revision_and_takes_its_templates_along(
    resource, api: ApiServer, live: Live
):
    item = resource(RELEASE, "karpenter-crd")
    inputs = release("oci://public.ecr.aws/karpenter/karpenter-crd", name="karpenter-crd")
    assert item.preview(inputs)["status"] is UNKNOWN
    assert item.up({**inputs, "values": {"additionalAnnotations": {"a": "b"}}}) == "create"
    assert item.id == "kube-system/karpenter-crd"
    status = item.outputs["status"]
    assert (status["status"], status["revision"], status["version"]) == ("deployed", 1, "1.14.1")
    (names,) = item.outputs["resourceNames"].values()
    assert "nodepools.karpenter.sh" in names
    marks = live(*CRD, "nodepools.karpenter.sh")["metadata"]
    assert marks["annotations"]["meta.helm.sh/release-name"] == "karpenter-crd"
    secret = live("v1", "Secret", "sh.helm.release.v1.karpenter-crd.v1", "kube-system")
    assert secret["type"] == "helm.sh/release.v1"
    assert {"owner": "helm", "name": "karpenter-crd", "status": "deployed"}.items() <= secret["metadata"][
        "labels"
    ].items()
    assert records.from_secret(secret)["config"] == {"additionalAnnotations": {"a": "b"}}
    assert item.refresh()
    assert item.up({**inputs, "values": {"additionalAnnotations": {"a": "b"}}}) == "same"
    for number in range(2, 5):
        assert item.up({**inputs, "maxHistory": 2, "values": {"n": number}}) == "update"
    assert history(api, "karpenter-crd") == [(3, "superseded"), (4, "deployed")]
    item.delete()
    assert live(*CRD, "nodepools.karpenter.sh") is None
    assert history(api, "karpenter-crd") == []


def test_crds_of_a_crds_folder_are_installed_once_and_stay(resource, live: Live, tidy):
    item = resource(RELEASE, "karpenter")
    item.up(release("karpenter"))
    assert live(*CRD, "ec2nodeclasses.karpenter.k8s.aws")
    taken = resource(RELEASE, "karpenter-crd")
    with pytest.raises(UserError, match="exists and cannot be imported into the release kube-system/karpenter-crd"):
        taken.up(release("karpenter-crd"))
    item.delete()
    assert live(*CRD, "ec2nodeclasses.karpenter.k8s.aws"), "Helm never deletes what lies in crds/"


def test_with_skip_crds_only_the_record_is_made(resource, api: ApiServer, live: Live):
    item = resource(RELEASE, "karpenter")
    item.up(release("karpenter", skipCrds=True))
    assert live(*CRD, "nodepools.karpenter.sh") is None
    assert history(api, "karpenter") == [(1, "deployed")]
    assert item.outputs["resourceNames"] == {}


def test_a_release_whose_record_is_gone_is_dropped_and_one_upgraded_by_hand_has_drifted(resource, api: ApiServer):
    item = resource(RELEASE, "karpenter")
    inputs = release("karpenter", skipCrds=True, values={"replicas": 2})
    item.up(inputs)
    kind = api.kind("v1", "Secret")
    (secret,) = api.select(kind, "kube-system", records.selector("karpenter"))
    by_hand = {**records.from_secret(secret), "config": {"replicas": 1}, "version": 2}
    api.apply(kind, records.to_secret(by_hand), "helm")
    assert item.refresh()
    assert item.seen["values"] == {"replicas": 1}
    assert item.up(inputs) == "update"
    assert (item.outputs["values"], item.outputs["status"]["revision"]) == ({"replicas": 2}, 3)
    for secret in api.select(kind, "kube-system", records.selector("karpenter")):
        api.delete(kind, "kube-system", secret["metadata"]["name"], "Background")
    assert not item.refresh()


def test_a_name_in_use_is_refused_but_a_killed_runs_own_release_is_finished(resource, api: ApiServer):
    kind = api.kind("v1", "Secret")
    theirs = records.new("karpenter", "kube-system", chart="karpenter", version="1", values={}, manifest="")
    api.apply(kind, records.to_secret(theirs), "helm")
    with pytest.raises(UserError, match="cannot re-use the name 'karpenter'"):
        resource(RELEASE, "karpenter").up(release("karpenter", skipCrds=True))
    api.delete(kind, "kube-system", "sh.helm.release.v1.karpenter.v1", "Background")
    killed, next_run = resource(RELEASE, "karpenter"), resource(RELEASE, "karpenter")
    killed.up(release("karpenter", skipCrds=True))
    killed.state = None
    assert next_run.up(release("karpenter", skipCrds=True)) == "create"
    assert history(api, "karpenter") == [(1, "superseded"), (2, "deployed")]


def test_a_release_that_stops_half_way_is_recorded_as_failed_and_mended(resource, api: ApiServer, monkeypatch):
    item = resource(RELEASE, "karpenter-crd")
    broken = {
        "bad.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.c}\n"
    }
    with monkeypatch.context() as patched:
        patched.setattr(charts, "manifests", lambda chart: broken)
        with pytest.raises(
            ResourceInitError, match=r"recorded but not completed: .*spec.group: Required value"
        ) as failure:
            item.up(release("karpenter-crd"))
        assert failure.value.properties["status"]["status"] == "failed"
        assert history(api, "karpenter-crd") == [(1, "failed")]
        with pytest.raises(UserError, match=r"spec\.group: Required value"):
            resource(RELEASE, "atomic").up(release("karpenter-crd", name="atomic", atomic=True))
        assert history(api, "atomic") == []
    assert item.up(release("karpenter-crd")) == "create", "the engine would update; the same revision's successor"
    assert history(api, "karpenter-crd") == [(1, "failed"), (2, "deployed")]


def test_an_upgrade_takes_away_what_the_chart_no_longer_has(resource, live: Live, monkeypatch):
    item = resource(RELEASE, "karpenter-crd")
    item.up(release("karpenter-crd"))
    fewer = {FEW[0]: charts.manifests(charts.find("karpenter-crd"))[FEW[0]]}
    monkeypatch.setattr(charts, "manifests", lambda chart: fewer)
    item.up(release("karpenter-crd", values={"changed": True}))
    assert live(*CRD, "nodepools.karpenter.sh")
    assert live(*CRD, "ec2nodeclasses.karpenter.k8s.aws") is None


def test_karpenters_and_rays_rules_hold_in_the_preview_once_their_charts_are_installed(resource):
    resource(RELEASE, "karpenter-crd").up(release("karpenter-crd"))
    pool = {
        "metadata": {"name": "ray-cpu"},
        "spec": {
            "template": {
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "ray"},
                    "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
                }
            },
            "disruption": {"consolidationPolicy": "WhenEmpty"},
        },
    }
    item = resource("kubernetes:karpenter.sh/v1:NodePool", "ray-cpu")
    with pytest.raises(UserError, match=r"spec\.disruption\.consolidateAfter: Required value"):
        item.preview(pool)
    pool["spec"]["disruption"]["consolidateAfter"] = "5m"
    assert item.preview(pool)["spec"]["disruption"]["budgets"] == [{"nodes": "10%"}], "Karpenter's default"
    operator = resource(RELEASE, "kuberay-operator")
    operator.up(release("kuberay-operator", version="1.6.2"))
    cluster = {"metadata": {"name": "ray"}, "spec": {"headGroupSpecc": {}}}
    with pytest.raises(UserError, match=r"\.spec\.headGroupSpecc: field not declared in schema"):
        resource("kubernetes:ray.io/v1:RayCluster", "ray").preview(cluster)
