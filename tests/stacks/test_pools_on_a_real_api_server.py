"""Every shape that a pool can take passes Karpenter's own schema and CEL rules, and what breaks them is refused."""

import copy
import threading

import pytest

from infra import karpenter
from infra.config import parse
from local.kubernetes import Kubernetes
from local.providers.kubernetes import charts, crds, kubeconfig
from local.providers.kubernetes.client import ApiError, ApiServer
from tests.infra.conftest import VALUES

SHAPES = {
    "as they come": {},
    "with a nightly window": {"maintenance": {"start": 22, "hours": 5}},
    "with a weekly window": {"maintenance": {"day": "saturday", "start": 3, "hours": 4}},
    "with few nodes": {"nodes": 3},
    "for little money": {"optimise": "cost"},
    "for speed": {"optimise": "performance"},
}


@pytest.fixture(scope="module")
def api(kubernetes: Kubernetes) -> ApiServer:
    """The API server with Karpenter's CRDs."""
    api = ApiServer(kubeconfig.load(str(kubernetes.kubeconfig)), threading.Event())
    texts = charts.manifests(charts.find("oci://public.ecr.aws/karpenter/karpenter-crd")).values()
    crds.install(api, [crd for text in texts for crd in charts.parsed(text)], "judge", 120, print)
    return api


def shaped(change: dict) -> dict[str, dict]:
    """NodePool → spec, of every kind of pool with the change, where the kind has such a key."""
    values = copy.deepcopy(VALUES)
    for pool in values["pools"].values():
        own = {key: value for key, value in change.items() if key != "nodes"}
        if pool["kind"] == "ray-gpu-train":
            own.pop("optimise", None)
        pool |= own
        if "nodes" in change:
            pool["limits"] = pool["limits"] | {"nodes": change["nodes"]}
    pools = parse(values).pools
    return {name: spec for key, pool in pools.items() for name, spec in karpenter.node_pools(key, pool).items()}


def apply(api: ApiServer, name: str, spec: dict) -> None:
    item = {"apiVersion": karpenter.NODEPOOL_API, "kind": "NodePool", "metadata": {"name": name}, "spec": spec}
    api.apply(api.kind(karpenter.NODEPOOL_API, "NodePool"), item, "judge", force=True, dry_run=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_pool_is_taken(api, shape):
    made = shaped(SHAPES[shape])
    assert len(made) == (9 if "optimise" in SHAPES[shape] else 5)
    for name, spec in made.items():
        apply(api, name, spec)


def test_a_window_without_its_duration_is_refused(api):
    spec = shaped(SHAPES["with a nightly window"])["ray-cpu"]
    del spec["disruption"]["budgets"][-1]["duration"]
    with pytest.raises(ApiError, match="'schedule' must be set with 'duration'"):
        apply(api, "ray-cpu", spec)


def test_more_families_than_the_pool_names_are_refused(api):
    spec = shaped({})["ray-gpu-infer"]
    for requirement in spec["template"]["spec"]["requirements"]:
        if requirement["key"].endswith("instance-family"):
            requirement["minValues"] = 9
    with pytest.raises(ApiError, match="minValues"):
        apply(api, "ray-gpu-infer", spec)
