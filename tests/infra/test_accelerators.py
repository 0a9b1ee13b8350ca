"""GPUs and EFA cards: the plugin where the node is, one owner of each device, and no sharing that cannot be."""

import pytest
import yaml

from infra import accelerators, contract, gpus
from infra.config import InvalidPlatform, parse
from infra.config.accelerators import Sharing
from infra.config.node_groups import NodeGroup
from infra.config.pools import CpuPool, GpuInferPool, GpuTrainPool, Limits, Pool
from workloads import manifests
from workloads.spec import Cluster, Head, Owner, Resize, Resources, Workers


def group(kind: str = "g6.xlarge", **options) -> NodeGroup:
    return NodeGroup(instance_types=(kind,), min=0, max=1, desired=0, accelerator="nvidia", **options)


def train(kind: str) -> GpuTrainPool:
    limits = Limits(cpu=192, memory_gib=2048, gpus=8)
    return GpuTrainPool(kind="ray-gpu-train", instance_type=kind, zone="us-west-2b", limits=limits)


CPU = CpuPool(kind="ray-cpu", limits=Limits(cpu=8, memory_gib=32))
INFER = GpuInferPool(kind="ray-gpu-infer", limits=Limits(cpu=8, memory_gib=32, gpus=1))
SLICED = Sharing(mode="time-slicing", replicas=4)
PARALLEL = Sharing(mode="mps", replicas=2)

NEEDS = [
    ({}, {"cpu": CPU}, set()),
    ({}, {"infer": INFER}, {"nvidia-device-plugin", "dcgm-exporter"}),
    ({}, {"train": train("g6.xlarge")}, {"nvidia-device-plugin", "dcgm-exporter"}),
    ({}, {"train": train("p5.48xlarge")}, {"nvidia-device-plugin", "dcgm-exporter", "aws-efa-k8s-device-plugin"}),
    ({"gpu": group()}, {}, {"nvidia-device-plugin", "dcgm-exporter"}),
    ({"gpu": group("p5.48xlarge", mig="1g.10gb")}, {}, {"nvidia-device-plugin", "dcgm-exporter", "gpu-operator"}),
    ({"gpu": group(devices="dra")}, {}, {"nvidia-device-plugin", "dcgm-exporter", "dra-driver-nvidia-gpu"}),
]


@pytest.mark.parametrize(("groups", "pools", "charts"), NEEDS)
def test_a_chart_is_there_exactly_where_a_node_may_come_that_needs_it(
    groups: dict[str, NodeGroup], pools: dict[str, Pool], charts: set[str]
) -> None:
    assert set(accelerators.releases(groups, pools)) == charts


def expressions(values: dict) -> list[dict]:
    affinity = values["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    [term] = affinity["nodeSelectorTerms"]
    return term["matchExpressions"]


def matches(values: dict, labels: dict[str, str]) -> bool:
    """Kubernetes' own rule of a node selector term."""
    for wanted in expressions(values):
        inside = labels.get(wanted["key"]) in wanted["values"]
        if inside != (wanted["operator"] == "In"):
            return False
    return True


def test_every_gpu_is_handed_out_by_one_plugin_alone() -> None:
    groups = {"whole": group(), "shared": group(sharing=SLICED), "claims": group(devices="dra")}
    found = accelerators.releases(groups, {"infer": INFER, "cpu": CPU})
    plugin = found["nvidia-device-plugin"][2]
    claims = found["dra-driver-nvidia-gpu"][2]["kubeletPlugin"]
    nodes = {name: gpus.node_labels(name, each) for name, each in groups.items()}
    nodes |= {"infer": contract.RAY_GPU_INFER.labels(), "cpu": contract.RAY_CPU.labels()}
    owners = {name: (matches(plugin, labels), matches(claims, labels)) for name, labels in nodes.items()}
    assert owners == {
        "whole": (True, False),
        "shared": (True, False),
        "claims": (False, True),
        "infer": (True, False),
        "cpu": (False, False),
    }


@pytest.mark.parametrize(("sharing", "key"), [(SLICED, "timeSlicing"), (PARALLEL, "mps")])
def test_a_shared_group_s_nodes_choose_its_configuration_and_rename_the_resource(sharing: Sharing, key: str) -> None:
    shared = group(sharing=sharing)
    labels = gpus.node_labels("notebooks", shared)
    values = accelerators.releases({"notebooks": shared}, {})["nvidia-device-plugin"][2]
    chosen = yaml.safe_load(values["config"]["map"][labels[gpus.PLUGIN_CONFIG_LABEL]])
    assert set(chosen["sharing"]) == {key}
    rules = chosen["sharing"][key]
    assert rules["renameByDefault"] and rules["resources"] == [{"name": "nvidia.com/gpu", "replicas": sharing.replicas}]
    assert (labels.get(gpus.MPS_LABEL) == "true") == (key == "mps")
    assert gpus.resource(shared) == contract.SHARED_GPU_RESOURCE
    assert labels[contract.POOL_LABEL] == contract.RAY_GPU_SHARED.name
    assert "sharing" not in yaml.safe_load(values["config"]["map"]["default"])


def problems(values: dict) -> list[str]:
    try:
        parse(values)
    except InvalidPlatform as error:
        return [str(problem) for problem in error.problems]
    return []


GPU_GROUP = {"instance_types": ["g6.xlarge"], "min": 0, "desired": 0, "max": 1, "accelerator": "nvidia"}
P5_GROUP = GPU_GROUP | {"instance_types": ["p5.48xlarge"], "zones": ["us-west-2b"]}
TURNS = {"mode": "time-slicing", "replicas": 4}
MISTAKES = [
    (GPU_GROUP | {"mig": "1g.10gb"}, "node_groups.gpu.mig: the GPU of g6.xlarge cannot be sliced (MIG is of A100"),
    (P5_GROUP | {"mig": "1g.5gb"}, "node_groups.gpu.mig: p5.48xlarge has no profile 1g.5gb (it has 1g.10gb"),
    (P5_GROUP | {"mig": "1g.10gb", "sharing": TURNS}, "node_groups.gpu.mig: cannot be with sharing on one GPU"),
    (GPU_GROUP | {"sharing": TURNS, "devices": "dra"}, "node_groups.gpu.devices: cannot be with sharing on one GPU"),
    (GPU_GROUP | {"sharing": {"mode": "mps", "replicas": 64}}, "node_groups.gpu.sharing.replicas"),
    (GPU_GROUP | {"instance_types": ["g6f.xlarge"], "sharing": TURNS}, "fractional GPUs advertise no nvidia.com/gpu"),
    (
        GPU_GROUP | {"instance_types": ["m7i.large"], "accelerator": "none", "sharing": TURNS},
        "node_groups.gpu.sharing: the group has no GPUs (set accelerator: nvidia)",
    ),
]


@pytest.mark.parametrize(("settings", "told"), MISTAKES)
def test_sharing_that_cannot_be_is_refused_with_path_and_fix(changed, settings: dict, told: str) -> None:
    found = problems(changed("node_groups.gpu", settings))
    assert any(told in problem for problem in found), found


def test_gpu_sharing_on_a_pool_of_karpenter_says_where_it_belongs(changed) -> None:
    found = problems(changed("pools.ray-gpu-infer.sharing", TURNS))
    assert any("pools.ray-gpu-infer" in p and "sharing is for node_groups" in p for p in found), found


def test_a_right_way_of_each_is_taken(changed) -> None:
    for settings in (P5_GROUP | {"mig": "3g.40gb"}, GPU_GROUP | {"sharing": TURNS}, GPU_GROUP | {"devices": "dra"}):
        assert problems(changed("node_groups.gpu", settings)) == []


OWNER = Owner(namespace="ray-research", team="research")


def rendered(worker: Resources, **options) -> dict:
    group = Workers(name="w", pool=options.pop("pool", "ray-cpu"), resources=worker, replicas=1, **options)
    head = Head(resources=Resources(cpu=2, memory_gib=8))
    return manifests.ray_cluster("c", OWNER, Cluster(image="any", head=head, workers=(group,), autoscaling=True))


def test_a_share_of_a_gpu_is_one_gpu_to_ray() -> None:
    share = Resources(cpu=2, memory_gib=8, gpus=1, gpu_resource=contract.SHARED_GPU_RESOURCE)
    [worker] = rendered(share, pool="ray-gpu-shared")["spec"]["workerGroupSpecs"]
    assert worker["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu.shared"] == "1"
    assert worker["rayStartParams"]["num-gpus"] == "1"


def test_a_whole_gpu_is_not_in_the_pool_of_parts_nor_a_part_elsewhere() -> None:
    for resource, pool in ((contract.GPU_RESOURCE, "ray-gpu-shared"), ("nvidia.com/mig-1g.10gb", "ray-gpu-infer")):
        with pytest.raises(ValueError, match="parts of GPUs are in 'ray-gpu-shared'"):
            rendered(Resources(cpu=2, memory_gib=8, gpus=1, gpu_resource=resource), pool=pool)


def test_a_pod_that_may_grow_in_place_is_annotated_as_ray_s_autoscaler_reads_it() -> None:
    made = rendered(Resources(cpu=2, memory_gib=8), resize=Resize(max_cpu=8, max_memory_gib=32))
    note = '{"groups": {"w": {"max-cpu": "8", "max-memory": "32Gi", "resize-timeout": 300}}}'
    assert made["metadata"]["annotations"] == {"ray.io/ippr": note}
    with pytest.raises(ValueError, match="num_cpus from its container"):
        rendered(Resources(cpu=2, memory_gib=8, num_cpus=0), resize=Resize(max_cpu=8, max_memory_gib=32))
