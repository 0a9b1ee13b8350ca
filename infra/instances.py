"""Facts about EC2 instance types, from EC2's own DescribeInstanceTypes answers (moto ships them)."""

import gzip
import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class InstanceFacts:
    """What the platform needs to know of an instance type."""

    name: str
    vcpus: int
    memory_mib: int
    architectures: tuple[str, ...]
    gpus: int
    gpu_name: str | None
    gpu_memory_mib: int
    nvme_gb: int
    efa_interfaces: int
    efa_cards: tuple[int, ...]
    """The network cards that take an efa-only interface; on p6-b300 card 0 is not one of them."""
    placement_strategies: tuple[str, ...]
    gpu_manufacturer: str | None
    """Whoever makes them: `gpus` counts NVIDIA's alone, the resource that our pods ask for."""
    gpu_model: str | None
    gpu_count: int
    gpu_memory_each_mib: int
    hypervisor: str
    """`nitro`, `xen`, or empty for a metal machine."""
    usage_classes: tuple[str, ...]
    """`on-demand`, `spot`, `capacity-block`: how EC2 sells it."""
    interfaces: int
    """Network interfaces of the default card, the one that pods' addresses come from."""
    addresses_per_interface: int
    network_cards: tuple[int, ...]
    """Interfaces that each network card takes, by the card's index."""
    network_gbps: float
    """Baseline over all cards; a peak is lent for minutes. 0 where EC2 publishes none."""
    cores: int
    clock_ghz: float | None
    cpu_manufacturer: str | None

    @property
    def family(self) -> str:
        """The part before the dot: `p5` of `p5.48xlarge`."""
        return self.name.split(".")[0]

    @property
    def gpu_label(self) -> str | None:
        """The GPU as Karpenter labels it: `rtx-pro-server-6000`."""
        return self.gpu_model.lower().replace(" ", "-") if self.gpu_model else None

    @property
    def size(self) -> str:
        """The part after the dot: `48xlarge` of `p5.48xlarge`."""
        return self.name.partition(".")[2]


def _data() -> Path:
    """moto's folder of EC2 data, found without importing moto, which would cost a plan half a second."""
    found = find_spec("moto")
    assert found and found.submodule_search_locations, "moto is one of the platform's dependencies"
    return Path(found.submodule_search_locations[0]) / "ec2/resources"


@cache
def _table() -> dict[str, dict]:
    return json.loads(gzip.decompress((_data() / "instance_types.json.gz").read_bytes()))


@cache
def _offerings(region: str) -> dict[str, frozenset[str]] | None:
    path = _data() / f"instance_type_offerings/availability-zone/{region}.json.gz"
    if not path.is_file():
        return None
    offered: dict[str, set[str]] = {}
    for row in json.loads(gzip.decompress(path.read_bytes())):
        offered.setdefault(row["Location"], set()).add(row["InstanceType"])
    return {zone: frozenset(types) for zone, types in offered.items()}


@cache
def facts(name: str) -> InstanceFacts | None:
    """The facts of an instance type, or None where EC2 has no such type."""
    raw = _table().get(name)
    if raw is None:
        return None
    gpu = raw.get("GpuInfo", {})
    nvidia = [g for g in gpu.get("Gpus", []) if g.get("Manufacturer") == "NVIDIA"]
    first = next(iter(gpu.get("Gpus", ())), {})
    storage = raw.get("InstanceStorageInfo", {})
    network, processor = raw["NetworkInfo"], raw["ProcessorInfo"]
    cards = network.get("NetworkCards", ())
    return InstanceFacts(
        name=name,
        vcpus=raw["VCpuInfo"]["DefaultVCpus"],
        memory_mib=raw["MemoryInfo"]["SizeInMiB"],
        architectures=tuple(processor["SupportedArchitectures"]),
        gpus=sum(g["Count"] for g in nvidia),
        gpu_name=nvidia[0]["Name"] if nvidia else None,
        gpu_memory_mib=gpu.get("TotalGpuMemoryInMiB", 0),
        nvme_gb=0 if storage.get("NvmeSupport") == "unsupported" else storage.get("TotalSizeInGB", 0),
        efa_interfaces=network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        efa_cards=tuple(card["NetworkCardIndex"] for card in cards if "efa-only" in card.get("InterfaceTypes", ())),
        placement_strategies=tuple(raw.get("PlacementGroupInfo", {}).get("SupportedStrategies", ())),
        gpu_manufacturer=first.get("Manufacturer"),
        gpu_model=first.get("Name"),
        gpu_count=first.get("Count", 0),
        gpu_memory_each_mib=first.get("MemoryInfo", {}).get("SizeInMiB", 0),
        hypervisor=raw.get("Hypervisor", ""),
        usage_classes=tuple(raw["SupportedUsageClasses"]),
        interfaces=cards[network.get("DefaultNetworkCardIndex", 0)]["MaximumNetworkInterfaces"],
        addresses_per_interface=network["Ipv4AddressesPerInterface"],
        network_cards=tuple(card["MaximumNetworkInterfaces"] for card in cards),
        network_gbps=sum(card.get("BaselineBandwidthInGbps", 0) for card in cards),
        cores=raw["VCpuInfo"].get("DefaultCores", raw["VCpuInfo"]["DefaultVCpus"]),
        clock_ghz=processor.get("SustainedClockSpeedInGhz"),
        cpu_manufacturer=processor.get("Manufacturer"),
    )


def known(name: str) -> InstanceFacts:
    """The facts of an instance type that was checked to exist. Raises LookupError where it does not."""
    found = facts(name)
    if found is None:
        raise LookupError(f"EC2 has no instance type {name}")
    return found


@cache
def names() -> tuple[str, ...]:
    """Every instance type that EC2 has, in order of name."""
    return tuple(sorted(_table()))


def families() -> frozenset[str]:
    """Every instance family that EC2 has."""
    return frozenset(name.split(".")[0] for name in _table())


def zones(region: str) -> tuple[str, ...] | None:
    """The zones of a region in the offerings data; None where the data does not hold the region."""
    offered = _offerings(region)
    return None if offered is None else tuple(sorted(offered))


def offered(name: str, region: str, zone: str) -> bool | None:
    """Whether EC2 offers the type in the zone; None where the data does not hold the region."""
    table = _offerings(region)
    return None if table is None else name in table.get(zone, frozenset())
