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

    @property
    def family(self) -> str:
        """The part before the dot: `p5` of `p5.48xlarge`."""
        return self.name.split(".")[0]


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


def facts(name: str) -> InstanceFacts | None:
    """The facts of an instance type, or None where EC2 has no such type."""
    raw = _table().get(name)
    if raw is None:
        return None
    gpu = raw.get("GpuInfo", {})
    nvidia = [g for g in gpu.get("Gpus", []) if g.get("Manufacturer") == "NVIDIA"]
    network = raw["NetworkInfo"]
    return InstanceFacts(
        name=name,
        vcpus=raw["VCpuInfo"]["DefaultVCpus"],
        memory_mib=raw["MemoryInfo"]["SizeInMiB"],
        architectures=tuple(raw["ProcessorInfo"]["SupportedArchitectures"]),
        gpus=sum(g["Count"] for g in nvidia),
        gpu_name=nvidia[0]["Name"] if nvidia else None,
        gpu_memory_mib=gpu.get("TotalGpuMemoryInMiB", 0),
        nvme_gb=raw.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        efa_interfaces=network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        efa_cards=tuple(
            card["NetworkCardIndex"]
            for card in network.get("NetworkCards", ())
            if "efa-only" in card.get("InterfaceTypes", ())
        ),
        placement_strategies=tuple(raw.get("PlacementGroupInfo", {}).get("SupportedStrategies", ())),
    )


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
