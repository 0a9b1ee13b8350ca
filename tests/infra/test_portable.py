"""A stack on a Kubernetes that is there already: what its pods ask for, what its queues promise, what is refused."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import contract, portable, queueing, samples
from infra.config import InvalidPlatform, PortablePlatform, parse_any
from infra.config.platform import parse_portable
from infra.pods import pods
from local.home import root

VALUES: dict[str, Any] = {
    "name": "ray-here",
    "environment": "dev",
    "cluster": {"kubeconfig": "~/.kube/config", "context": "kind"},
    "pools": {
        "heads": {"kind": "ray-head", "nodes": 2, "each": {"cpu": 14, "memory_gib": 56}},
        "workers": {
            "kind": "ray-cpu",
            "nodes": 4,
            "each": {"cpu": 30, "memory_gib": 120},
            "labels": {"machine": "big"},
            "taints": [{"key": "dedicated", "value": "ray", "effect": "NoExecute"}],
        },
        "gpus": {"kind": "ray-gpu-train", "nodes": 2, "each": {"cpu": 60, "memory_gib": 500, "gpus": 4}},
        "shared": {"kind": "ray-gpu-shared", "nodes": 1, "each": {"cpu": 30, "memory_gib": 120, "gpus": 8}},
    },
    "storage": {"endpoint": "https://minio.here:9000", "buckets": {"checkpoints": "runs", "artifacts": "models"}},
    "tenants": {"research": {"cost_center": "r", "quota": {"gpus": 8, "gpu_parts": 6}, "admins": ["oidc:leads"]}},
    "queues": {},
    "samples": {
        "train": {"tenant": "research", "bucket": "checkpoints", "workers": 2},
        "serve": {"tenant": "research", "models": "artifacts"},
    },
}


@pytest.fixture
def changed() -> Callable[..., dict[str, Any]]:
    """The right stack file with some values replaced, by their paths; None removes a key."""

    def change(changes: dict[str, Any]) -> dict[str, Any]:
        values = copy.deepcopy(VALUES)
        for path, value in changes.items():
            *parents, last = path.split(".")
            at = values
            for step in parents:
                at = at.setdefault(step, {})
            if value is None:
                at.pop(last)
            else:
                at[last] = value
        return values

    return change


def platform() -> PortablePlatform:
    return parse_portable(VALUES)


def rendered(sample: str) -> dict[str, Any]:
    here = platform()
    spec = samples.specs(here.samples, portable.names(here))[sample]
    return portable.placed(samples.manifest(spec), here)


def pod_of(manifest: dict[str, Any], group: int) -> dict[str, Any]:
    return manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"][group]["template"]["spec"]


def test_pods_ask_for_the_labels_that_the_nodes_have_and_tolerate_their_taints():
    pod = pod_of(rendered("train"), 0)
    assert pod["nodeSelector"] == {"machine": "big"}
    assert {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"} in pod["tolerations"]
    head = rendered("train")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    assert head["nodeSelector"] == contract.RAY_HEAD.node_selector(), "nodes without labels of their own get ours"
    assert contract.RAY_HEAD.taints[0].toleration() in head["tolerations"]
    submitter = rendered("train")["spec"]["submitterPodTemplate"]["spec"]
    assert submitter["nodeSelector"] == contract.RAY_HEAD.node_selector()


def test_every_ray_container_finds_the_object_storage_and_the_keys_of_its_team():
    for sample in ("train", "serve"):
        found = [
            container
            for spec in portable._pod_specs(rendered(sample))
            for container in spec["containers"]
            if container["name"].startswith("ray-") and container["name"] != "ray-job-submitter"
        ]
        assert len(found) == 2
        for container in found:
            assert {"name": "AWS_ENDPOINT_URL_S3", "value": "https://minio.here:9000"} in container["env"]
            assert container["envFrom"] == [{"secretRef": {"name": "object-store"}}]
    assert "s3://runs/ray-research/train" in str(rendered("train"))


def test_a_manifest_is_not_changed_where_it_came_from():
    here = platform()
    manifest = samples.manifest(samples.specs(here.samples, portable.names(here))["train"])
    before = copy.deepcopy(manifest)
    portable.placed(manifest, here)
    assert manifest == before


def test_every_job_of_the_stack_is_let_into_the_flavours_of_its_queue():
    """As Kueue decides it: a flavour takes a pod that its labels do not contradict and that tolerates its taints."""
    found = {flavour.pool.name: flavour.spec() for flavour in portable.flavours(platform().pools)}
    for pod in pods(rendered("train")):
        fits = [
            name
            for name, spec in found.items()
            if all(pod.selector.get(key, value) == value for key, value in spec["nodeLabels"].items())
            and spec["nodeLabels"].keys() & pod.selector.keys()
            and {taint["key"] for taint in spec.get("nodeTaints", ())} <= {each["key"] for each in pod.tolerations}
        ]
        assert fits == ["ray-cpu" if pod.name == "trainers" else "ray-head"]


def test_queues_promise_what_the_nodes_hold_parts_of_gpus_included():
    here = platform()
    found = portable.flavours(here.pools)
    held = {flavour.pool.name: flavour.limits for flavour in found}
    assert held["ray-cpu"] == {"cpu": 120, "memory": 480, "nvidia.com/gpu": 0, "nvidia.com/gpu.shared": 0}
    assert held["ray-gpu-train"]["nvidia.com/gpu"] == 8
    assert held["ray-gpu-shared"]["nvidia.com/gpu.shared"] == 8
    assert held["ray-gpu-shared"]["nvidia.com/gpu"] == 0
    assert here.queues
    (group,) = queueing.cluster_queue("research", here.tenants, found, here.queues)["resourceGroups"]
    (shared,) = (flavor for flavor in group["flavors"] if flavor["name"] == "ray-gpu-shared")
    promise = next(each for each in shared["resources"] if each["name"] == "nvidia.com/gpu.shared")
    assert (promise["nominalQuota"], promise["borrowingLimit"]) == ("6", "2"), "its quota, and what nobody was promised"


def test_a_team_is_let_out_to_the_object_storage_and_the_api_server_and_to_nothing_else():
    (outward,) = [policy for name, policy in portable.walls(platform())["research"].items() if name == "outside"]
    (rule,) = outward["egress"]
    assert [port["port"] for port in rule["ports"]] == [443, 6443, 9000]
    assert rule["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]


def test_people_are_bound_by_the_groups_of_the_cluster_too():
    groups = platform().tenants["research"].groups("research")
    assert groups["admin"] == ("rayeks:research:admin", "oidc:leads")
    assert groups["viewer"] == ("rayeks:research:viewer",)


REFUSED = [
    ({"network": {"cidr": "10.0.0.0/16", "zones": []}}, "network", "is of a stack on AWS", "leave cluster.kubeconfig"),
    ({"node_groups": {}}, "node_groups", "is of a stack on AWS", "leave it out"),
    ({"region": "us-west-2"}, "aws:region", "is of a stack on AWS", "leave it out"),
    ({"cluster.version": "1.35"}, "cluster.version", "is of EKS", "leave it out"),
    ({"cluster.deletion_protection": True}, "cluster.deletion_protection", "is of EKS", "leave it out"),
    ({"cluster.context": None}, "cluster.context", "is missing", "add it"),
    ({"cluster.kubeconfig": None}, "cluster.kubeconfig", "is missing", "add it"),
    ({"clusters": {}}, "clusters", "is not a known key", "known keys"),
    ({"pools.heads": None}, "pools", "no pool of kind ray-head", "every Ray cluster needs a head"),
    (
        {"pools.more": {"kind": "ray-cpu", "nodes": 1, "each": {"cpu": 8, "memory_gib": 16}}},
        "pools.more.kind",
        "pools.workers is of kind ray-cpu already",
        "make one pool",
    ),
    ({"pools.gpus.labels": {}}, "pools.gpus.labels", "every node would be a GPU node", "nvidia.com/gpu.present"),
    ({"pools.gpus.each": {"cpu": 8, "memory_gib": 64}}, "pools.gpus", "ray-gpu-train is of GPU machines", ""),
    ({"pools.workers.each.gpus": 1}, "pools.workers", "ray-cpu uses no GPUs", ""),
    ({"pools.workers.labels": {"a b": "c"}}, "pools.workers.labels", "should match pattern", ""),
    ({"pools.workers.nodes": 0}, "pools.workers.nodes", "greater than or equal to 1", ""),
    ({"tenants.research.quota.gpus": 9}, "tenants.research.quota.gpus", "9 is more than all pools hold: 8", "lower"),
    ({"samples.train.bucket": "datasets"}, "samples.train.bucket", "no bucket datasets", "there are checkpoints"),
    ({"samples.train.tenant": "ads"}, "samples.train.tenant", "no tenant ads", "there are research"),
    ({"samples.train.pool": "ray-gpu-infer"}, "samples.train.pool", "no pool of kind ray-gpu-infer", "Pending"),
    (
        {"pools.workers.each": {"cpu": 3, "memory_gib": 120}},
        "samples.train",
        "its trainers stays Pending: of ray-cpu its nodes have 3 of 3.5 cpu",
        "",
    ),
    (
        {"samples.train.workers": 10, "pools.workers.each": {"cpu": 6, "memory_gib": 120}, "queues": None},
        "samples.train",
        "10 pods need 10 nodes, and there are 4",
        "",
    ),
    ({"storage.endpoint": "minio"}, "storage.endpoint", "should match pattern", ""),
    (
        {"storage.endpoint": "http://minio:9000", "environment": "prod"},
        "storage.endpoint",
        "in clear",
        "use https",
    ),
    ({"queues": {"start_timeout": "Never"}}, "queues.start_timeout", "hold its quota for ever", "30m"),
]


@pytest.mark.parametrize(("changes", "path", "message", "fix"), REFUSED, ids=[str(each[0])[:60] for each in REFUSED])
def test_a_mistake_is_named_with_its_path_and_what_to_do(changed, changes, path, message, fix):
    with pytest.raises(InvalidPlatform) as told:
        parse_any(changed(changes))
    found = [problem for problem in told.value.problems if problem.path.startswith(path)]
    assert any(message in problem.message and fix in (problem.fix or "") for problem in found), told.value


def test_all_mistakes_are_told_at_once(changed):
    with pytest.raises(InvalidPlatform) as told:
        parse_any(changed({"network": {}, "cluster.version": "1.35", "pools.heads": None, "samples.train.tenant": "x"}))
    assert {"network", "cluster.version", "pools", "samples.train.tenant"} <= {p.path for p in told.value.problems}


def test_the_example_is_right():
    config = yaml.safe_load((root() / "stacks/Pulumi.onprem.yaml").read_text())["config"]
    assert isinstance(parse_any(config["ray-on-eks:platform"]), PortablePlatform)


CONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: one, cluster: {server: https://one.example:6443}}]
contexts: [{name: one, context: {cluster: one, user: me}}, {name: two, context: {cluster: one, user: me}}]
"""


@pytest.mark.parametrize(
    ("text", "context", "told"),
    [
        (CONFIG, "two", None),
        (CONFIG, "three", "cluster.context: .* has no context three; it has one, two"),
        (None, "one", "cluster.kubeconfig: .* cannot be read: No such file"),
        ("a: [", "one", "cluster.kubeconfig: .* cannot be read: it is not YAML"),
        ("just text", "one", "it has none"),
        ("contexts: null", "one", "it has none"),
    ],
)
def test_what_keeps_this_machine_from_changing_the_cluster_is_named(tmp_path: Path, text, context, told):
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    problem = portable.unusable(str(file), context)
    assert (problem is None) == (told is None)
    assert told is None or re.search(told, str(problem))
