"""What pods may use of an instance type: EC2's data less all that Karpenter, the kubelet and daemons take first.

The arithmetic is that of Karpenter 1.14.1 for AL2023, `pkg/providers/instancetype/types.go`: what Karpenter believes
of a machine decides whether it launches one, whatever the machine itself would later say.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.contract import EFA_RESOURCE, GPU_RESOURCE
from infra.instances import InstanceFacts

Amounts = Mapping[str, int]
"""Resource → amount: CPU in millicores, memory and ephemeral storage in bytes, everything else in pieces."""

MIB, GIB = 2**20, 2**30

VM_MEMORY_OVERHEAD = 0.075
"""Chart value `settings.vmMemoryOverheadPercent`: memory that EC2 lists and a virtual machine never sees."""

GRAVITON_CMA_MIB = 64
"""What an arm64 kernel keeps for contiguous allocations."""

EVICTION_MEMORY = 100 * MIB
"""The kubelet's hard eviction threshold `memory.available`."""

KUBE_RESERVED_STORAGE = 1 * GIB
DEFAULT_ROOT = 20 * GIB
"""Karpenter's own root volume, where the EC2NodeClass maps none."""

RESERVED_CPU = ((1000, 0.06), (1000, 0.01), (2000, 0.005), (math.inf, 0.0025))
"""The kubelet's share of the first core, of the second, of the next two, and of all above (millicores, share)."""

_SUFFIXES = {"m": 1e-3, "": 1, "k": 1e3} | {
    f"{letter}{i}": base**power
    for power, letter in enumerate("KMGTPE", start=1)
    for i, base in (("", 1000), ("i", 1024))
}


@dataclass(frozen=True)
class Daemon:
    """What the pods of one DaemonSet request on each node, and on which nodes they run."""

    name: str
    cpu_m: int
    memory_mib: int
    needs: str | None = None
    """The resource that a node must have for the daemon to run there; None for every node."""


DAEMONS = (
    Daemon("vpc-cni", 50, 0),
    Daemon("kube-proxy", 100, 0),
    Daemon("eks-pod-identity-agent", 0, 0),
    Daemon("eks-node-monitoring-agent", 10, 30),
    Daemon("aws-ebs-csi-driver", 30, 104),
    Daemon("aws-efs-csi-driver", 0, 0),
    Daemon("aws-fsx-csi-driver", 30, 104),
    Daemon("aws-mountpoint-s3-csi-driver", 10, 40),
    Daemon("fluent-bit", 50, 128),
    Daemon("nvidia-device-plugin", 0, 0, GPU_RESOURCE),
    Daemon("dcgm-exporter", 50, 256, GPU_RESOURCE),
    Daemon("aws-efa-k8s-device-plugin", 10, 20, EFA_RESOURCE),
)
"""By add-on or chart: requests of the node pods' containers together, from each chart's own values (2026-08).

A driver that a stack leaves out is counted all the same: 30 millicores decide nothing, and adding a file system later
must not make a job Pending.
"""


def quantity(text: str | int | float) -> float:
    """A Kubernetes quantity as a number: `500m` is 0.5, `2Gi` is 2147483648. Raises ValueError for another text."""
    text = str(text)
    digits = text.rstrip("mkKMGTPEi")
    suffix = text[len(digits) :]
    if suffix not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    return float(digits) * _SUFFIXES[suffix]


def amounts(requests: Mapping[str, Any]) -> dict[str, int]:
    """A container's requests in our units, rounded up as the scheduler does."""
    return {
        name: math.ceil(round(quantity(value) * (1000 if name == "cpu" else 1), 6)) for name, value in requests.items()
    }


def allocatable(facts: InstanceFacts, node_class: Mapping[str, Any] | None = None) -> dict[str, int]:
    """What Karpenter takes a node of the type to offer its pods, daemons' included.

    `node_class` is the spec of the EC2NodeClass: its root volume, RAID0, EFA interfaces and the kubelet's `maxPods`
    change the answer.
    """
    node_class = node_class or {}
    held = capacity(facts, node_class)
    reserved = {
        "cpu": reserved_cpu_m(facts.vcpus),
        "memory": (11 * _eni_limited_pods(facts, node_class) + 255) * MIB + EVICTION_MEMORY,
        "ephemeral-storage": KUBE_RESERVED_STORAGE + math.ceil(held["ephemeral-storage"] / 100 * 10),
    }
    return {name: amount - reserved.get(name, 0) for name, amount in held.items()}


def for_pods(
    facts: InstanceFacts, node_class: Mapping[str, Any] | None = None, daemons: tuple[Daemon, ...] = DAEMONS
) -> dict[str, int]:
    """What is left of a node of the type for pods that are not daemons."""
    free = allocatable(facts, node_class)
    for daemon in daemons:
        if daemon.needs is None or free.get(daemon.needs, 0):
            free["cpu"] -= daemon.cpu_m
            free["memory"] -= daemon.memory_mib * MIB
            free["pods"] -= 1
    return free


def capacity(facts: InstanceFacts, node_class: Mapping[str, Any]) -> dict[str, int]:
    """What the machine has, before anything is reserved; Karpenter holds a NodePool's limits against this."""
    memory = facts.memory_mib - (GRAVITON_CMA_MIB if facts.architectures[0] == "arm64" else 0)
    interfaces = node_class.get("networkInterfaces")
    efa = facts.efa_interfaces
    if interfaces is not None:
        efa = sum(interface["interfaceType"] == "efa-only" for interface in interfaces)
    return {
        "cpu": facts.vcpus * 1000,
        "memory": (memory - math.ceil(memory * VM_MEMORY_OVERHEAD)) * MIB,
        "ephemeral-storage": _storage(facts, node_class),
        "pods": max_pods(facts, node_class),
        GPU_RESOURCE: facts.gpus,
        EFA_RESOURCE: efa,
    }


def max_pods(facts: InstanceFacts, node_class: Mapping[str, Any]) -> int:
    """Pods that the kubelet admits: `kubelet.maxPods`, else what the interfaces' single addresses allow.

    Neither Karpenter nor nodeadm knows of prefix delegation: with it a node has addresses to spare, and this stays.
    """
    return node_class.get("kubelet", {}).get("maxPods") or _eni_limited_pods(facts, node_class)


def max_pods_with_prefixes(facts: InstanceFacts) -> int:
    """What AWS advises for `maxPods` under prefix delegation: 16 addresses a slot, and at most 110, or 250 on large
    machines. Source: amazon-eks-ami, `max-pods-calculator`; aws-eks-best-practices, "Prefix mode for Linux"."""
    slots = facts.interfaces * (facts.addresses_per_interface - 1)
    return min(16 * slots + 2, 110 if facts.vcpus < 30 else 250)


def reserved_cpu_m(vcpus: int) -> int:
    """Millicores that the kubelet keeps."""
    left, reserved = vcpus * 1000, 0
    for width, share in RESERVED_CPU:
        reserved += int(min(left, width) * share)
        left -= min(left, width)
    return reserved


def _eni_limited_pods(facts: InstanceFacts, node_class: Mapping[str, Any]) -> int:
    """Interfaces × (addresses less the interface's own), and two for pods of the host's network.

    An efa-only interface of card 0 takes a place and brings no address.
    """
    efa_only = sum(
        interface["networkCardIndex"] == 0 and interface["interfaceType"] == "efa-only"
        for interface in node_class.get("networkInterfaces") or ()
    )
    usable = max(facts.interfaces - efa_only, 0)
    return usable * (facts.addresses_per_interface - 1) + 2 if usable else 0


def _storage(facts: InstanceFacts, node_class: Mapping[str, Any]) -> int:
    """The joined NVMe disks under RAID0, else the root volume."""
    if node_class.get("instanceStorePolicy") == "RAID0" and facts.nvme_gb:
        return facts.nvme_gb * 10**9
    for mapping in node_class.get("blockDeviceMappings", ()):
        if mapping.get("rootVolume"):
            return int(quantity(mapping["ebs"]["volumeSize"]))
    return DEFAULT_ROOT
