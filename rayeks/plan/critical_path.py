"""When a stack is ready, and what decides it: the longest chain of creations, from dependencies and known times."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.contract import HEAD_ACCOUNT
from rayeks.plan.creation_times import IMAGE, NODE, Time, creation_time
from rayeks.plan.model import Plan, Resource

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
RELEASE = "kubernetes:helm.sh/v3:Release"
OPERATOR = "kuberay-operator"


@dataclass(frozen=True)
class Step:
    """One creation of a chain: when it can begin, how long it takes (seconds), and who says so."""

    name: str
    type: str
    start: float
    seconds: float
    source: str
    urn: str = ""


@dataclass(frozen=True)
class Chain:
    """What decides when something is ready: the steps, each of which waits for the one before."""

    goal: str
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """From the start of the deployment to the end of the last step."""
        return self.steps[-1].start + self.steps[-1].seconds if self.steps else 0.0


@dataclass(frozen=True)
class CriticalPath:
    """The two moments that matter, and the least that they could be."""

    first_ray_pod: Chain | None
    everything: Chain
    unavoidable: float
    """Seconds of control plane, node group and operator, one after the other: no order is faster."""

    @cached_property
    def ratio(self) -> float | None:
        """How far the moment at which Ray pods are let in is from the unavoidable; 1.0 is perfect."""
        if self.first_ray_pod is None or not self.unavoidable:
            return None
        return (self.first_ray_pod.seconds - NODE.seconds - IMAGE.seconds) / self.unavoidable

    def to_json(self) -> dict[str, Any]:
        """The path for machines."""
        return {
            "firstRayPod": _json(self.first_ray_pod) if self.first_ray_pod else None,
            "everything": _json(self.everything),
            "unavoidableSeconds": self.unavoidable,
            "ratio": round(self.ratio, 3) if self.ratio else None,
        }


@dataclass(frozen=True)
class Slot:
    """When a resource can begin and is done, and which other one it waited for last."""

    start: float
    finish: float
    because: str | None


def critical_path(plan: Plan, time: Callable[[Resource], Time] = creation_time) -> CriticalPath:
    """The critical path of a plan, with every creation taking what `time` says and none waiting for a worker."""
    slots = schedule(plan, time)
    pod = _first_ray_pod(plan, slots, time)
    last = max(plan.resources, key=lambda one: slots[one.urn].finish, default=None)
    everything = Chain("everything is made", _steps(plan, slots, time, last.urn) if last else ())
    return CriticalPath(pod, everything, _unavoidable(plan, time))


def schedule(plan: Plan, time: Callable[[Resource], Time] = creation_time) -> dict[str, Slot]:
    """When each resource begins and is done, as the engine orders them.

    A child begins once its parent is registered, a component is registered once what it depends on is there, and
    who depends on a remote component waits for all that the component makes.
    """
    below: dict[str, list[str]] = {}
    for resource in plan.resources:
        if resource.parent:
            below.setdefault(resource.parent, []).append(resource.urn)
    slots: dict[str, Slot] = {}

    def done(urn: str) -> tuple[float, str]:
        """When a dependency is satisfied, and by which resource."""
        resource, slot = plan.by_urn[urn], place(urn)
        if resource.custom or not resource.remote:
            return slot.finish, urn
        inside = (done_below(child) for child in below.get(urn, ()))
        return max([(slot.finish, urn), *inside], key=lambda one: one[0])

    def done_below(urn: str) -> tuple[float, str]:
        inside = (done_below(child) for child in below.get(urn, ()))
        return max([(place(urn).finish, urn), *inside], key=lambda one: one[0])

    def place(urn: str) -> Slot:
        if urn not in slots:
            resource = plan.by_urn[urn]
            waits = [done(other) for other in resource.dependencies if other in plan.by_urn]
            others = (resource.provider, resource.parent)
            waits += [(place(other).finish, other) for other in others if other and other in plan.by_urn]
            start, because = max(waits, key=lambda one: one[0], default=(0.0, None))
            slots[urn] = Slot(start, start + time(resource).seconds, because)
        return slots[urn]

    for resource in plan.resources:
        place(resource.urn)
    return slots


def _first_ray_pod(plan: Plan, slots: dict[str, Slot], time: Callable[[Resource], Time]) -> Chain | None:
    """A Ray pod needs the operator, one pool to launch its node, and one team's service account to run as."""
    operators = [one for one in plan.of_type(RELEASE) if OPERATOR in str(one.inputs.get("chart"))]
    pools = list(plan.of_type(NODE_POOL))
    accounts = [
        one
        for one in plan.of_type("kubernetes:core/v1:ServiceAccount")
        if (one.inputs.get("metadata") or {}).get("name") == HEAD_ACCOUNT
    ]
    if not operators or not pools:
        return None
    needed = [max(operators, key=lambda one: slots[one.urn].finish)]
    needed += [min(group, key=lambda one: slots[one.urn].finish) for group in (pools, accounts) if group]
    decisive = max(needed, key=lambda one: slots[one.urn].finish)
    steps = _steps(plan, slots, time, decisive.urn)
    ready = slots[decisive.urn].finish
    launch = Step("a node", "EC2 instance to Ready", ready, NODE.seconds, NODE.source)
    pull = Step("the Ray image", "image pull", ready + NODE.seconds, IMAGE.seconds, IMAGE.source)
    return Chain("the first Ray pod runs", (*steps, launch, pull))


def _steps(plan: Plan, slots: dict[str, Slot], time: Callable[[Resource], Time], urn: str) -> tuple[Step, ...]:
    """The chain that ends with a resource, without the links that take no time."""
    steps = []
    link: str | None = urn
    while link:
        resource, slot = plan.by_urn[link], slots[link]
        took = time(resource)
        if took.seconds:
            steps.append(Step(resource.name, resource.type, slot.start, took.seconds, took.source, link))
        link = slot.because
    return tuple(reversed(steps))


def _unavoidable(plan: Plan, time: Callable[[Resource], Time]) -> float:
    """The sum of what must come one after the other, whatever the order of the rest."""

    def least(resources: Iterable[Resource]) -> float:
        return min((time(one).seconds for one in resources), default=0.0)

    groups = [one for one in plan.of_type("aws:eks/nodeGroup:NodeGroup") if _desired(one)]
    operators = [one for one in plan.of_type(RELEASE) if OPERATOR in str(one.inputs.get("chart"))]
    return least(plan.of_type("aws:eks/cluster:Cluster")) + least(groups) + least(operators)


def _desired(group: Resource) -> Any:
    return (group.inputs.get("scalingConfig") or {}).get("desiredSize", 1)


def _json(chain: Chain) -> dict[str, Any]:
    return {
        "seconds": chain.seconds,
        "chain": [
            {
                "urn": step.urn or None,
                "type": step.type,
                "name": step.name,
                "start": step.start,
                "seconds": step.seconds,
                "source": step.source,
            }
            for step in chain.steps
        ],
    }
