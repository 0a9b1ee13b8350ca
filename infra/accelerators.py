"""What makes GPUs and EFA cards visible to pods and to metrics, on the nodes that have them and nowhere else."""

from collections.abc import Mapping
from typing import Any

import pulumi
import yaml
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Release

from infra import gpus, versions
from infra.cluster import Cluster
from infra.config.node_groups import NodeGroup
from infra.config.pools import Pool
from infra.contract import POOL_LABEL

Values = dict[str, Any]

NVIDIA = "https://nvidia.github.io/k8s-device-plugin"
NGC = "https://helm.ngc.nvidia.com/nvidia"
DCGM = "https://nvidia.github.io/dcgm-exporter/helm-charts"
EKS = "https://aws.github.io/eks-charts"
DRA_CHART = "oci://registry.k8s.io/dra-driver-nvidia/charts/dra-driver-nvidia-gpu"
EVERYWHERE = [{"operator": "Exists"}]
"""A device plugin that does not tolerate a taint leaves the node without devices, and Karpenter's never initialised."""


class Accelerators(pulumi.ComponentResource):
    """Device plugins, MIG and DRA managers and GPU metrics; each is there when a node may come that needs it."""

    def __init__(
        self,
        name: str,
        groups: Mapping[str, NodeGroup],
        pools: Mapping[str, Pool],
        *,
        cluster: Cluster,
        agents: Namespace,
    ) -> None:
        """`agents` is the namespace of the nodes' own daemons."""
        super().__init__("rayeks:infra:Accelerators", name)
        for chart, (repository, version, values) in releases(groups, pools).items():
            oci = repository.startswith("oci://")
            Release(
                chart,
                name=chart,
                chart=repository if oci else chart,
                version=version,
                repository_opts=None if oci else {"repo": repository},
                namespace=agents.metadata["name"],
                # Daemons start when their first node does, which may be weeks from now.
                skip_await=True,
                values=values,
                opts=ResourceOptions(parent=self, provider=cluster.kubernetes, depends_on=[agents]),
            )
        self.register_outputs({})


def releases(groups: Mapping[str, NodeGroup], pools: Mapping[str, Pool]) -> dict[str, tuple[str, str, Values]]:
    """Chart → (repository, version, values) of what the stack's machines need."""
    with_gpus, with_efa = gpus.gpu_pools(groups, pools), gpus.efa_pools(groups, pools)
    found: dict[str, tuple[str, str, Values]] = {}
    if with_gpus:
        found["nvidia-device-plugin"] = NVIDIA, versions.NVIDIA_DEVICE_PLUGIN, device_plugin(groups, with_gpus)
        found["dcgm-exporter"] = DCGM, versions.DCGM_EXPORTER, dcgm(with_gpus)
    if with_efa:
        found["aws-efa-k8s-device-plugin"] = EKS, versions.EFA_DEVICE_PLUGIN, efa(with_efa)
    if any(group.mig for group in groups.values()):
        found["gpu-operator"] = NGC, versions.GPU_OPERATOR, mig_manager()
    if any(group.devices == "dra" for group in groups.values()):
        found["dra-driver-nvidia-gpu"] = DRA_CHART, versions.DRA_DRIVER, dra()
    return found


def device_plugin(groups: Mapping[str, NodeGroup], pools: list[str]) -> Values:
    """NVIDIA's device plugin: whole GPUs by default, and what a shared group's label chooses."""
    configs = {name: yaml.safe_dump(config, sort_keys=False) for name, config in gpus.plugin_configs(groups).items()}
    # Never beside DRA on one node: both would hand out the same GPU.
    without_dra = {"key": gpus.DEVICES_LABEL, "operator": "NotIn", "values": ["dra"]}
    return {
        "config": {"map": configs, "default": "default"},
        # 0.19.0 to 0.19.2 mounted every InfiniBand device into every pod, and with them other pods' EFA cards.
        "gdrcopyEnabled": False,
        "mofedEnabled": False,
        "affinity": _on(pools, without_dra),
        "tolerations": EVERYWHERE,
    }


def dcgm(pools: list[str]) -> Values:
    """DCGM's exporter, with the pods that use each GPU; a PodMonitor of the platform's own collects it."""
    return {
        "serviceMonitor": {"enabled": False},
        "affinity": _on(pools),
        "tolerations": EVERYWHERE,
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    }


def efa(pools: list[str]) -> Values:
    """The EFA plugin, by our label: its own list of instance types is always a release behind EC2's."""
    return {
        "supportedInstanceLabels": {"keys": [POOL_LABEL], "values": pools},
        "tolerations": EVERYWHERE,
    }


def mig_manager() -> Values:
    """NVIDIA's GPU operator for its MIG manager alone: driver and toolkit are the AMI's, the plugin is ours."""
    off = ("driver", "toolkit", "devicePlugin", "dcgmExporter", "gfd", "nodeStatusExporter")
    return {part: {"enabled": False} for part in off} | {
        "mig": {"strategy": "mixed"},
        "migManager": {"enabled": True, "env": [{"name": "WITH_REBOOT", "value": "true"}]},
        "daemonsets": {"tolerations": EVERYWHERE},
        "operator": {"tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}]},
    }


def dra() -> Values:
    """NVIDIA's DRA driver, for GPUs and not for multi-node NVLink, on the groups that chose it."""
    return {
        "gpuResourcesEnabledOverride": True,
        "nvidiaDriverRoot": "/",
        "resources": {"gpus": {"enabled": True}, "computeDomains": {"enabled": False}},
        "kubeletPlugin": {
            "affinity": _affinity([{"key": gpus.DEVICES_LABEL, "operator": "In", "values": ["dra"]}]),
            "tolerations": EVERYWHERE,
        },
    }


def _on(pools: list[str], *more: Values) -> Values:
    return _affinity([{"key": POOL_LABEL, "operator": "In", "values": pools}, *more])


def _affinity(expressions: list[Values]) -> Values:
    terms = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
