"""What a proof found, as data: who was placed on which machines, how fast, at what price, with how much left over."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

RESOURCES = ("cpu", "memory", "nvidia.com/gpu")
UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@dataclass(frozen=True)
class Machine:
    """A node that Karpenter made. `usd_per_hour` is None where no price is on record."""

    name: str
    pool: str
    instance_type: str
    zone: str
    capacity: str
    usd_per_hour: float | None
    allocatable: Mapping[str, float]


@dataclass(frozen=True)
class Pod:
    """A pod of something that was launched; `reason` says why it is not Ready."""

    name: str
    owner: str
    node: str | None
    ready: bool
    requests: Mapping[str, float]
    reason: str = ""


@dataclass(frozen=True)
class Placement:
    """One thing that was launched, and where it came to stand.

    `seconds` run from its apply until its last pod was Ready. A machine that it shares with others costs it the part
    that its pods ask for, by the resource that they ask most of; `stranded` is what nobody asks for of its machines.
    """

    what: str
    pods: int
    machines: tuple[Machine, ...]
    seconds: float
    usd_per_hour: float | None
    stranded: Mapping[str, float]
    faults: tuple[str, ...] = ()

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools that its pods are on."""
        return tuple(sorted({machine.pool for machine in self.machines}))

    @property
    def bought(self) -> str:
        """Its machines in words: `2 × g6.xlarge spot`."""
        kinds = Counter((machine.instance_type, machine.capacity) for machine in self.machines)
        return ", ".join(f"{count} × {kind} {capacity}" for (kind, capacity), count in sorted(kinds.items()))


@dataclass(frozen=True)
class Proof:
    """All of it. `drained_s` is how long the nodes took to be gone after the last thing was deleted."""

    stack: str
    classes: Mapping[str, float]
    placements: tuple[Placement, ...]
    drained_s: float | None
    seconds: float
    memory_mib: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was left Pending and no node was left over."""
        return not self.faults and not any(each.faults for each in self.placements)

    def to_json(self) -> dict[str, Any]:
        """The document for machines."""
        return asdict(self) | {"ok": self.ok}


def quantity(text: str | float) -> float:
    """A Kubernetes quantity as a number: `500m` is 0.5, `2Gi` is 2147483648."""
    if not isinstance(text, str):
        return float(text)
    unit = text.lstrip("0123456789.+-eE") if not text[-1:].isdigit() else ""
    return float(text[: len(text) - len(unit)]) * UNITS[unit] if unit else float(text)


def amounts(resources: Mapping[str, Any]) -> dict[str, float]:
    """The quantities that a proof counts, as numbers."""
    return {name: quantity(resources[name]) for name in RESOURCES if name in resources}


def requests(spec: Mapping[str, Any]) -> dict[str, float]:
    """What a pod asks for: the sum of its containers, or its largest init container where that is more."""
    total: dict[str, float] = {}
    for container in spec["containers"]:
        for name, amount in amounts(container.get("resources", {}).get("requests", {})).items():
            total[name] = total.get(name, 0.0) + amount
    for container in spec.get("initContainers", ()):
        for name, amount in amounts(container.get("resources", {}).get("requests", {})).items():
            total[name] = max(total.get(name, 0.0), amount)
    return total


def placement(what: str, seconds: float, pods: Sequence[Pod], everyone: Sequence[Pod], machines: Iterable[Machine]):
    """The placement of the pods of `what`, beside all pods that stand on the machines."""
    by_name = {machine.name: machine for machine in machines}
    mine = [by_name[name] for name in sorted({pod.node for pod in pods if pod.node}) if name in by_name]
    cost: float | None = 0.0
    stranded: dict[str, float] = {}
    for machine in mine:
        here = [pod for pod in everyone if pod.node == machine.name]
        share = _share(pods, here, machine)
        cost = None if cost is None or machine.usd_per_hour is None else cost + machine.usd_per_hour * share
        for name, held in machine.allocatable.items():
            free = held - sum(pod.requests.get(name, 0.0) for pod in here)
            stranded[name] = stranded.get(name, 0.0) + free * share
    faults = tuple(f"{pod.name}: {pod.reason or 'not Ready'}" for pod in pods if not pod.ready)
    return Placement(what, len(pods), tuple(mine), seconds, cost, stranded, faults)


def _share(pods: Sequence[Pod], here: Sequence[Pod], machine: Machine) -> float:
    """The part of a machine that some pods answer for: their dominant share among those of all its pods."""

    def dominant(pod: Pod) -> float:
        held = machine.allocatable
        return max((pod.requests.get(name, 0.0) / held[name] for name in held if held[name]), default=0.0)

    names = {pod.name for pod in pods}
    total = sum(dominant(pod) for pod in here)
    return sum(dominant(pod) for pod in here if pod.name in names) / total if total else 0.0
