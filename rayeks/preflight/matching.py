"""Which instance types a Karpenter pool may launch: Karpenter's own labels of a type against a pool's requirements.

Pure functions on EC2's DescribeInstanceTypes documents. Labels as in karpenter-provider-aws 1.14,
pkg/providers/instancetype; only those that a pool of this platform may ask for.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]
Labels = dict[str, str]

_SCHEME = re.compile(r"^([a-z]+)(-[0-9]+tb)?([0-9]+).*\.")

ZONE = "topology.kubernetes.io/zone"
OFFERING_KEYS = {ZONE, "karpenter.sh/capacity-type"}
"""Labels of an offering rather than of a type."""

TYPE = "node.kubernetes.io/instance-type"
FAMILY = "karpenter.k8s.aws/instance-family"
CATEGORY = "karpenter.k8s.aws/instance-category"
GENERATION = "karpenter.k8s.aws/instance-generation"
LAST_GENERATION = 25
CPU = "karpenter.k8s.aws/instance-cpu"
EC2_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def labels(about: Document) -> Labels:
    """The labels that Karpenter gives to nodes of a type, from EC2's description of it."""
    name = about["InstanceType"]
    found = {
        TYPE: name,
        "kubernetes.io/os": "linux",
        FAMILY: name.split(".")[0],
        "karpenter.k8s.aws/instance-size": name.split(".")[1],
        CPU: str(about["VCpuInfo"]["DefaultVCpus"]),
        "karpenter.k8s.aws/instance-memory": str(about["MemoryInfo"]["SizeInMiB"]),
        "karpenter.k8s.aws/instance-hypervisor": about.get("Hypervisor") or "",
    }
    architectures = about["ProcessorInfo"]["SupportedArchitectures"]
    if "x86_64" in architectures or "arm64" in architectures:
        found["kubernetes.io/arch"] = "amd64" if "x86_64" in architectures else "arm64"
    scheme = _SCHEME.match(name)
    if scheme:
        found[CATEGORY] = scheme[1]
        found[GENERATION] = scheme[3]
    storage = about.get("InstanceStorageInfo") or {}
    if storage.get("NvmeSupport", "unsupported") != "unsupported" and storage.get("TotalSizeInGB"):
        found["karpenter.k8s.aws/instance-local-nvme"] = str(storage["TotalSizeInGB"])
    gpus = (about.get("GpuInfo") or {}).get("Gpus") or []
    if len(gpus) == 1:
        gpu = gpus[0]
        found |= {
            "karpenter.k8s.aws/instance-gpu-name": _kebab(gpu.get("Name", "")),
            "karpenter.k8s.aws/instance-gpu-manufacturer": _kebab(gpu.get("Manufacturer", "")),
            "karpenter.k8s.aws/instance-gpu-count": str(gpu.get("Count", 0)),
            "karpenter.k8s.aws/instance-gpu-memory": str((gpu.get("MemoryInfo") or {}).get("SizeInMiB", 0)),
        }
    return found


def satisfies(found: Labels, requirements: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a type of these labels may be launched; requirements on offerings are not looked at."""
    return all(
        _OPERATORS[requirement["operator"]](found.get(requirement["key"]), requirement.get("values") or [])
        for requirement in requirements
        if requirement["key"] not in OFFERING_KEYS
    )


def values(requirements: Iterable[Mapping[str, Any]], key: str) -> tuple[str, ...]:
    """The values that the requirements allow for a label; empty where they say nothing of it."""
    return next((tuple(item["values"]) for item in requirements if item["key"] == key and item["operator"] == "In"), ())


def filters(requirements: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """DescribeInstanceTypes filters that let through all types that fit, and few others: the whole list is long."""
    names = values(requirements, TYPE)
    names = names or tuple(f"{family}.*" for family in values(requirements, FAMILY))
    names = names or tuple(
        f"{category}{generation}*"
        for category in values(requirements, CATEGORY)
        for generation in range(_bound(requirements, GENERATION, "Gte", 1), LAST_GENERATION + 1)
    )
    architectures = [EC2_ARCHITECTURES[name] for name in values(requirements, "kubernetes.io/arch")]
    least_cpu, most_cpu = _bound(requirements, CPU, "Gte", 1), _bound(requirements, CPU, "Lte", 0)
    sizes = [str(size) for size in range(least_cpu, most_cpu + 1)]
    wanted = {
        "instance-type": names,
        "processor-info.supported-architecture": architectures,
        # EC2 takes 200 values of a filter at the most.
        "vcpu-info.default-vcpus": sizes if len(sizes) <= 200 else [],
    }
    return [{"Name": name, "Values": list(allowed)} for name, allowed in wanted.items() if allowed]


def _bound(requirements: Iterable[Mapping[str, Any]], key: str, operator: str, otherwise: int) -> int:
    found = (item["values"][0] for item in requirements if item["key"] == key and item["operator"] == operator)
    return int(next(found, otherwise))


def least(requirements: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Label → how many different values of it must be left to choose from (`minValues`)."""
    return {item["key"]: item["minValues"] for item in requirements if item.get("minValues")}


def _number(compare: Callable[[float, float], bool]) -> Callable[[str | None, list[str]], bool]:
    def test(value: str | None, wanted: list[str]) -> bool:
        return value is not None and compare(float(value), float(wanted[0]))

    return test


_OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, wanted: value in wanted,
    "NotIn": lambda value, wanted: value not in wanted,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": _number(lambda value, wanted: value > wanted),
    "Lt": _number(lambda value, wanted: value < wanted),
    "Gte": _number(lambda value, wanted: value >= wanted),
    "Lte": _number(lambda value, wanted: value <= wanted),
}


def _kebab(name: str) -> str:
    return name.lower().replace(" ", "-")
