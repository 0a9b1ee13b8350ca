"""What a GPU node is to Kubernetes: the labels that tell plugins what to do with it, and the names of its devices.

Sharing is for managed groups alone: Karpenter takes every device for a whole GPU, and would buy too few machines.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infra import contract, instances
from infra.config.node_groups import NodeGroup
from infra.config.pools import GpuTrainPool, Pool
from infra.contract import POOL_LABEL

DEVICES_LABEL = "rayeks/devices"
PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
MPS_LABEL = "nvidia.com/mps.capable"
MIG_LABEL = "nvidia.com/mig.config"

MIG_PROFILES: dict[tuple[str, int], dict[str, int]] = {
    ("A100", 40): {"1g.5gb": 7, "1g.10gb": 4, "2g.10gb": 3, "3g.20gb": 2, "4g.20gb": 1, "7g.40gb": 1},
    ("A100", 80): {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "4g.40gb": 1, "7g.80gb": 1},
    ("H100", 80): {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "4g.40gb": 1, "7g.80gb": 1},
    ("H200", 141): {"1g.18gb": 7, "1g.35gb": 4, "2g.35gb": 3, "3g.71gb": 2, "4g.71gb": 1, "7g.141gb": 1},
    ("B200", 179): {"1g.23gb": 7, "1g.45gb": 4, "2g.45gb": 3, "3g.90gb": 2, "4g.90gb": 1, "7g.180gb": 1},
    ("RTX PRO Server 6000", 96): {"1g.24gb": 4, "2g.48gb": 2, "4g.96gb": 1},
}
"""(GPU, GiB) in EC2's names → MIG profile → slices a GPU. Source: NVIDIA MIG user guide, "Supported MIG Profiles"."""


def shared(group: NodeGroup) -> bool:
    """Whether a group's GPUs are handed out in parts."""
    return bool(group.sharing or group.mig)


def resource(group: NodeGroup) -> str:
    """The Kubernetes resource by which pods ask for a group's GPUs, or for parts of them."""
    if group.mig:
        return f"{contract.MIG_PREFIX}{group.mig}"
    return contract.SHARED_GPU_RESOURCE if group.sharing else contract.GPU_RESOURCE


def parts(groups: Iterable[NodeGroup]) -> tuple[str, ...]:
    """Every resource that is a part of a GPU, on any of the groups."""
    return tuple(sorted({resource(group) for group in groups if shared(group)}))


def profiles(instance_type: str) -> dict[str, int]:
    """The MIG profiles of a type's GPU, with the slices that each makes; empty where it cannot be sliced."""
    known = instances.facts(instance_type)
    if known is None or not known.gpus:
        return {}
    return MIG_PROFILES.get((known.gpu_name or "", known.gpu_memory_mib // known.gpus // 1024), {})


def node_labels(name: str, group: NodeGroup) -> dict[str, str]:
    """The labels of a managed group's nodes: its pool, and what the device plugin, MPS and MIG do there."""
    labels = {POOL_LABEL: contract.RAY_GPU_SHARED.name if shared(group) else name}
    if group.devices == "dra":
        labels[DEVICES_LABEL] = "dra"
    if group.sharing:
        labels[PLUGIN_CONFIG_LABEL] = name
    if group.sharing and group.sharing.mode == "mps":
        labels[MPS_LABEL] = "true"
    if group.mig:
        labels[MIG_LABEL] = f"all-{group.mig}"
    return labels


def plugin_configs(groups: Mapping[str, NodeGroup]) -> dict[str, dict[str, Any]]:
    """The device plugin's configurations by the name that nodes choose them by; `default` is of every other node."""
    found: dict[str, dict[str, Any]] = {"default": {"version": "v1", "flags": {"migStrategy": "mixed"}}}
    for name, group in groups.items():
        if group.sharing is None:
            continue
        rules: dict[str, Any] = {
            "renameByDefault": True,
            "resources": [{"name": contract.GPU_RESOURCE, "replicas": group.sharing.replicas}],
        }
        if group.sharing.mode == "time-slicing":
            # Two turns of one GPU are no two GPUs. (MPS refuses more than one by itself.)
            rules["failRequestsGreaterThanOne"] = True
        key = "timeSlicing" if group.sharing.mode == "time-slicing" else "mps"
        found[name] = {"version": "v1", "flags": {"migStrategy": "none"}, "sharing": {key: rules}}
    return found


def gpu_pools(groups: Mapping[str, NodeGroup], pools: Mapping[str, Pool]) -> list[str]:
    """The values of the pool label on nodes that have NVIDIA GPUs."""
    managed = {node_labels(name, group)[POOL_LABEL] for name, group in groups.items() if group.accelerator == "nvidia"}
    return sorted(managed | {pool.kind for pool in pools.values() if contract.POOLS[pool.kind].gpu})


def efa_pools(groups: Mapping[str, NodeGroup], pools: Mapping[str, Pool]) -> list[str]:
    """The values of the pool label on nodes that have EFA interfaces."""
    managed = {node_labels(name, group)[POOL_LABEL] for name, group in groups.items() if group.efa}
    training = {
        pool.kind
        for pool in pools.values()
        if isinstance(pool, GpuTrainPool) and (known := instances.facts(pool.instance_type)) and known.efa_interfaces
    }
    return sorted(managed | training)
