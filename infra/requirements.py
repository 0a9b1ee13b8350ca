"""Karpenter's requirements, interpreted: the labels of an instance type from EC2's data, and who satisfies what.

Labels are those of Karpenter 1.14.1's `computeRequirements` (`pkg/providers/instancetype/types.go`), operators those
of its core (`pkg/scheduling/requirement.go`). What is read is the very list that `infra.karpenter` renders.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from infra import instances
from infra.instances import InstanceFacts

Requirement = Mapping[str, Any]
Labels = Mapping[str, str]

AWS = "karpenter.k8s.aws"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
ZONE = "topology.kubernetes.io/zone"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
FAMILY = f"{AWS}/instance-family"

ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
GENERATION = re.compile(r"^([a-z]+)(?:-[0-9]+tb)?([0-9]+)")
"""Category and generation of a family's name, as Karpenter reads it: `g` and `6` of `g6e`."""


@dataclass(frozen=True)
class Offering:
    """One way to buy an instance type."""

    zone: str
    capacity_type: str

    def labels(self) -> Labels:
        """The labels that the offering gives to a node."""
        return {ZONE: self.zone, CAPACITY_TYPE: self.capacity_type}


@cache
def labels(name: str) -> Labels:
    """The labels of every node of an instance type, whatever its zone; absent where Karpenter sets none."""
    facts = instances.known(name)
    architecture = next((ARCHITECTURES[kind] for kind in facts.architectures if kind in ARCHITECTURES), "other")
    found: dict[str, Any] = {
        INSTANCE_TYPE: name,
        "kubernetes.io/arch": architecture,
        "kubernetes.io/os": "linux",
        FAMILY: facts.family,
        f"{AWS}/instance-size": facts.size,
        f"{AWS}/instance-cpu": facts.vcpus,
        f"{AWS}/instance-memory": facts.memory_mib,
        f"{AWS}/instance-hypervisor": facts.hypervisor,
        f"{AWS}/instance-capability-flex": "true" if "-flex" in facts.family else "false",
    }
    if matched := GENERATION.match(facts.family):
        found[f"{AWS}/instance-category"], found[f"{AWS}/instance-generation"] = matched.groups()
    if facts.cpu_manufacturer:
        found[f"{AWS}/instance-cpu-manufacturer"] = facts.cpu_manufacturer.lower()
    if facts.nvme_gb:
        found[f"{AWS}/instance-local-nvme"] = facts.nvme_gb
    if facts.gpu_label:
        found[f"{AWS}/instance-gpu-name"] = facts.gpu_label
        found[f"{AWS}/instance-gpu-manufacturer"] = (facts.gpu_manufacturer or "").lower()
        found[f"{AWS}/instance-gpu-count"] = facts.gpu_count
        found[f"{AWS}/instance-gpu-memory"] = facts.gpu_memory_each_mib
    return {key: str(value) for key, value in found.items()}


def satisfied(requirement: Requirement, value: str | None) -> bool:
    """Whether a label's value (None: the label is absent) is one that the requirement allows."""
    operator, values = requirement["operator"], requirement.get("values", ())
    match operator:
        case "DoesNotExist":
            return value is None
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "In":
            return value in values
        case "Gt" | "Lt" | "Gte" | "Lte":
            if value is None or not value.isdigit():
                return False
            bound, held = int(values[0]), int(value)
            return {"Gt": held > bound, "Lt": held < bound, "Gte": held >= bound, "Lte": held <= bound}[operator]
    raise ValueError(f"Karpenter has no operator {operator!r}")


def types(
    requirements: Sequence[Requirement],
    *,
    region: str,
    zones: Iterable[str],
    reserved: Iterable[str] = (),
    among: Iterable[str] | None = None,
) -> dict[str, tuple[Offering, ...]]:
    """Instance type → the offerings that the requirements leave of it; a type with none is left out.

    `reserved` are types of which the EC2NodeClass names a reservation; `among` narrows where to look. Where the data
    does not hold the region, every zone is taken to offer every type.
    """
    zones = tuple(zones)
    of_type = [wanted for wanted in requirements if wanted["key"] not in (ZONE, CAPACITY_TYPE)]
    of_offering = [wanted for wanted in requirements if wanted["key"] in (ZONE, CAPACITY_TYPE)]
    names = instances.names() if among is None else tuple(among)
    for wanted in of_type:
        names = [name for name in names if satisfied(wanted, labels(name).get(wanted["key"]))]
    found = {
        name: tuple(
            offering
            for offering in offerings(name, region, zones, reserved=name in reserved)
            if all(satisfied(wanted, offering.labels()[wanted["key"]]) for wanted in of_offering)
        )
        for name in names
    }
    return {name: left for name, left in found.items() if left}


def offerings(name: str, region: str, zones: Iterable[str], *, reserved: bool = False) -> tuple[Offering, ...]:
    """The zones and capacity types in which EC2 offers a type."""
    facts = instances.known(name)
    kinds = [kind for kind in facts.usage_classes if kind in ("on-demand", "spot")] + ["reserved"] * reserved
    return tuple(
        Offering(zone, kind) for zone in zones if instances.offered(name, region, zone) is not False for kind in kinds
    )


def diverse(requirements: Iterable[Requirement], names: Iterable[str]) -> Requirement | None:
    """The first requirement whose `minValues` the types do not reach; None where all are reached.

    Karpenter (`minValuesPolicy: Strict`) launches nothing from a NodePool whose fitting types are less diverse.
    """
    names = tuple(names)
    for wanted in requirements:
        if "minValues" in wanted:
            values = {labels(name).get(wanted["key"]) for name in names} - {None}
            if len(values) < wanted["minValues"]:
                return wanted
    return None


def removed_the_last(requirements: Sequence[Requirement], **where: Any) -> Requirement | None:
    """Of a list that leaves no type, the requirement after which none was left; None where some are left."""
    for upto in range(1, len(requirements) + 1):
        if not types(requirements[:upto], **where):
            return requirements[upto - 1]
    return None


def spelt(requirement: Requirement) -> str:
    """A requirement for people: `instance-cpu Lte 2`."""
    key = requirement["key"].rpartition("/")[2]
    return " ".join([key, requirement["operator"], ", ".join(requirement.get("values", ()))]).strip()


def fits_node_class(facts: InstanceFacts, node_class: Mapping[str, Any], strategy: str | None = None) -> bool:
    """Whether a type has the cards that the EC2NodeClass lays interfaces on, and joins its placement group."""
    interfaces = node_class.get("networkInterfaces") or ()
    efa_only = sum(interface["interfaceType"] == "efa-only" for interface in interfaces)
    laid = all(
        interface["networkCardIndex"] < len(facts.network_cards)
        and interface["deviceIndex"] < facts.network_cards[interface["networkCardIndex"]]
        for interface in interfaces
    )
    return laid and efa_only <= facts.efa_interfaces and (strategy is None or strategy in facts.placement_strategies)
