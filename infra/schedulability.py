"""Which pools can run a pod, how many fit on each instance type, what that costs, and what a pod that fits none lacks.

Pure arithmetic over the very objects that are applied: NodePools with their EC2NodeClasses on one side, manifests on
the other. The rules are those by which Karpenter 1.14.1 decides whether to launch a node for a pod.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from infra import allocatable, instances, prices, requirements
from infra.allocatable import GIB, Amounts
from infra.contract import GPU_RESOURCE
from infra.pods import Pod
from infra.requirements import Offering, Requirement

Taint = Mapping[str, str]


@dataclass(frozen=True)
class Machine:
    """An instance type as one pool may launch it."""

    type: str
    free: Amounts
    """What pods may use."""
    held: Amounts
    """What counts against the pool's limits."""
    offerings: tuple[Offering, ...]

    def fits(self, pod: Pod) -> int:
        """How many such pods the machine holds at once."""
        return min((self.free.get(name, 0) // amount for name, amount in wanted(pod).items()), default=0)


@dataclass(frozen=True)
class Supply:
    """Whatever launches nodes: a NodePool, or a managed node group."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    machines: tuple[Machine, ...]
    """Every type that its constraints leave, by name."""
    requirements: tuple[Requirement, ...] = ()
    limits: Amounts = field(default_factory=dict)
    weight: int = 0

    @cached_property
    def varying(self) -> frozenset[str]:
        """The labels that a node has of its type, its zone and the way it was bought."""
        of_types = {key for machine in self.machines for key in requirements.labels(machine.type)}
        return frozenset(of_types | {requirements.ZONE, requirements.CAPACITY_TYPE})


@dataclass(frozen=True)
class Fit:
    """A type of a pool that can run a pod: `per_node` at once, on `nodes` nodes for all of them."""

    pool: str
    type: str
    per_node: int
    nodes: int
    on_demand: float | None
    """$ per hour of one node; None where no price is known."""
    spot: float | None
    """$ per hour of one spot node; None where the pool may not use spot, or no price is known."""
    waste: float
    """The share of the nodes that the pods leave unused: the mean over CPU, memory and the GPUs that they have."""

    @property
    def usd(self) -> float:
        """$ per hour of one node as Karpenter buys it: spot where the pool may, else on-demand. inf where unknown."""
        return next((price for price in (self.spot, self.on_demand) if price is not None), math.inf)


@dataclass(frozen=True)
class Verdict:
    """What all pools can do for a pod: the fits, cheapest first; or why none can, the nearest miss first."""

    pod: Pod
    fits: tuple[Fit, ...]
    misses: tuple[str, ...]

    @property
    def cheapest(self) -> Fit | None:
        """The type on which all the pods together cost least."""
        return min(self.fits, key=lambda fit: (fit.usd * fit.nodes, fit.type), default=None)

    @property
    def packed(self) -> Fit | None:
        """The type that Karpenter takes: it fills one node with as many of the pods as any type holds, and only then
        looks for the cheapest type that holds so many."""
        best = max((min(fit.per_node, self.pod.count) for fit in self.fits), default=0)
        return min(
            (fit for fit in self.fits if fit.per_node >= best), key=lambda fit: (fit.usd, fit.type), default=None
        )


def node_pool(
    name: str,
    spec: Mapping[str, Any],
    node_class: Mapping[str, Any],
    *,
    region: str,
    zones: Iterable[str],
    strategy: str | None = None,
    reserved: Iterable[str] = (),
) -> Supply:
    """A NodePool with its EC2NodeClass (their specs, as applied) as a supply.

    `strategy` is that of the node class's placement group, `reserved` the types of its reservations.
    """
    asked = json.dumps([spec, node_class, region, list(zones), strategy, list(reserved)])
    return replace(_node_pool(asked), name=name)


@cache
def _node_pool(asked: str) -> Supply:
    """`node_pool` of its arguments as text: rules, plan and components ask the same, and it looks at every type."""
    spec, node_class, region, zones, strategy, reserved = json.loads(asked)
    template = spec["template"]
    needs = tuple(template["spec"]["requirements"])
    left = requirements.types(needs, region=region, zones=zones, reserved=reserved)
    return Supply(
        name="",
        labels=template["metadata"]["labels"],
        taints=tuple(template["spec"].get("taints", ())),
        requirements=needs,
        limits=allocatable.amounts(spec.get("limits", {})),
        weight=spec.get("weight", 0),
        machines=tuple(
            _machine(kind, offerings, node_class)
            for kind, offerings in left.items()
            if requirements.fits_node_class(instances.known(kind), node_class, strategy)
        ),
    )


def node_group(
    name: str,
    types: Sequence[str],
    *,
    labels: Mapping[str, str],
    taints: Sequence[Taint],
    node_class: Mapping[str, Any],
    zones: Iterable[str],
    capacity: str,
    most: int,
    devices: Mapping[str, Amounts] | None = None,
) -> Supply:
    """A managed node group of at most `most` nodes as a supply.

    `node_class` says its disks and interfaces, `devices` what a machine of a type has in place of whole GPUs.
    """
    offerings = tuple(Offering(zone, capacity) for zone in zones)
    machines = [_machine(kind, offerings, node_class) for kind in types if instances.facts(kind)]
    return Supply(
        name=name,
        labels=labels,
        taints=tuple(taints),
        limits={"nodes": most},
        machines=tuple(
            replace(machine, free={**machine.free, **(devices or {}).get(machine.type, {})}) for machine in machines
        ),
    )


def judge(pod: Pod, supplies: Iterable[Supply], region: str) -> Verdict:
    """Where a pod can run, among all supplies."""
    fits: list[Fit] = []
    misses: list[tuple[float, str]] = []
    for supply in supplies:
        reached = refusal(pod, supply)
        if reached is not None:
            misses.append((math.inf, f"{supply.name}: {reached}"))
            continue
        machines = _selected(pod, supply)
        able = [machine for machine in machines if machine.fits(pod)]
        if not able:
            misses.append(_nearest(pod, supply, machines))
            continue
        few = requirements.diverse(supply.requirements, [machine.type for machine in able])
        if few:
            misses.append((0.0, f"{supply.name}: {requirements.spelt(few)} needs {few['minValues']} different"))
            continue
        for machine in able:
            over = _beyond_limits(pod, machine, supply)
            if over is None:
                fits.append(_fit(pod, machine, supply.name, region))
            else:
                misses.append((0.5, f"{supply.name}: {over}"))
    fits.sort(key=lambda fit: (fit.usd * fit.nodes, fit.type))
    ordered = dict.fromkeys(text for _, text in sorted(misses, key=lambda miss: miss[0]))
    return Verdict(pod, tuple(fits), tuple(ordered))


def wanted(pod: Pod) -> Amounts:
    """The pod's requests with its own place among the node's pods."""
    return {**pod.requests, "pods": 1}


def refusal(pod: Pod, supply: Supply) -> str | None:
    """Why no node of the supply, whatever its type, takes the pod: a label or a taint; None where one may."""
    for key, value in pod.selector.items():
        if key not in supply.varying and supply.labels.get(key) != value:
            has = supply.labels.get(key)
            return f"its nodes have {key}={has}, not {value}" if has else f"its nodes have no label {key}"
    for taint in supply.taints:
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(each, taint) for each in pod.tolerations):
            return f"taint {taint['key']}={taint.get('value', '')}:{taint['effect']} is not tolerated"
    return None


def _tolerates(toleration: Mapping[str, str], taint: Taint) -> bool:
    """As `k8s.io/api` decides it: an empty key with Exists tolerates everything, an empty effect every effect."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key", "") in ("", taint["key"])
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")


def _selected(pod: Pod, supply: Supply) -> list[Machine]:
    """The machines with an offering that the pod's selector and required affinity allow."""

    def allowed(labels: Mapping[str, str], offering: Offering) -> bool:
        held = {**labels, **offering.labels()}
        chosen = all(held.get(key) == value for key, value in pod.selector.items())
        terms = pod.affinity or ((),)
        return chosen and any(
            all(requirements.satisfied(expression, held.get(expression["key"])) for expression in term)
            for term in terms
        )

    return [
        machine
        for machine in supply.machines
        for labels in [{**requirements.labels(machine.type), **supply.labels}]
        if any(allowed(labels, offering) for offering in machine.offerings)
    ]


def _nearest(pod: Pod, supply: Supply, machines: Sequence[Machine]) -> tuple[float, str]:
    """The type that lacks least, and what it lacks: how far off, and the words."""
    if not machines:
        return math.inf, f"{supply.name}: no instance type is left of it for the pod's selector"

    def lacks(machine: Machine) -> dict[str, float]:
        free = machine.free
        return {
            name: 1 - free.get(name, 0) / amount for name, amount in wanted(pod).items() if free.get(name, 0) < amount
        }

    nearest = min(machines, key=lambda machine: (max(lacks(machine).values()), machine.type))
    short = ", ".join(
        f"{spelt(name, wanted(pod)[name] - nearest.free.get(name, 0))} of {spelt(name, wanted(pod)[name])} {name}"
        for name in lacks(nearest)
    )
    return max(lacks(nearest).values()), f"{supply.name}: its nearest type, {nearest.type}, lacks {short}"


def _beyond_limits(pod: Pod, machine: Machine, supply: Supply) -> str | None:
    """What of the supply's limits the pods' nodes would exceed; None where they stay within."""
    nodes = math.ceil(pod.count / machine.fits(pod))
    needed = {name: nodes * amount for name, amount in machine.held.items()} | {"nodes": nodes}
    limits = dict(supply.limits)
    for name, most in limits.items():
        if needed.get(name, 0) > most:
            return (
                f"{pod.count} pods need {nodes} × {machine.type}, and its limit of {spelt(name, most)} {name} "
                f"is less than {spelt(name, needed[name])}"
            )
    return None


def _machine(kind: str, offerings: tuple[Offering, ...], node_class: Mapping[str, Any]) -> Machine:
    facts = instances.known(kind)
    return Machine(
        type=kind,
        free=allocatable.for_pods(facts, node_class),
        held=allocatable.capacity(facts, node_class),
        offerings=offerings,
    )


def _fit(pod: Pod, machine: Machine, pool: str, region: str) -> Fit:
    kinds = {offering.capacity_type for offering in machine.offerings}
    full, spot = prices.on_demand(machine.type, region), prices.spot(machine.type, region)
    per_node = machine.fits(pod)
    nodes = math.ceil(pod.count / per_node)
    used = [
        pod.count * pod.requests.get(name, 0) / (nodes * machine.free[name])
        for name in ("cpu", "memory", GPU_RESOURCE)
        if machine.free[name]
    ]
    return Fit(
        pool=pool,
        type=machine.type,
        per_node=per_node,
        nodes=nodes,
        on_demand=full.usd if full else None,
        spot=spot.usd if spot and "spot" in kinds else None,
        waste=1 - sum(used) / len(used),
    )


def spelt(name: str, amount: float) -> str:
    """An amount for people: CPU in cores, memory and storage in GiB."""
    if name == "cpu":
        return f"{amount / 1000:g}"
    return f"{amount / GIB:.1f} GiB" if name in ("memory", "ephemeral-storage") else f"{amount:g}"
