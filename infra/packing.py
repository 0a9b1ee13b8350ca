"""How large a pool's machines may be, from the pods that it serves.

Karpenter fills one node with as many pending pods as any type holds, takes the cheapest type that holds so many, and
never asks whether several smaller nodes cost less (measured: one g6.12xlarge at $4.60 an hour for two one-GPU pods,
where two g6.xlarge cost $1.61). So a pool without a bound of its own gets the smallest at which that packing costs
about as little as at any other: small nodes also empty sooner, and a spot interruption takes fewer pods with it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from infra import requirements
from infra.allocatable import amounts
from infra.contract import GPU_RESOURCE, POOLS
from infra.pods import Pod
from infra.schedulability import Machine

NEAR = 1.05
"""A bound is as good as the best while its nodes cost at most so much more."""

PROMISED: Mapping[str, Mapping[str, str]] = {
    "ray-head": {"cpu": "4", "memory": "16Gi"},
    "ray-cpu": {"cpu": "8", "memory": "32Gi"},
    "ray-data": {"cpu": "8", "memory": "64Gi"},
    "ray-gpu-infer": {"cpu": "4", "memory": "16Gi", GPU_RESOURCE: "1"},
}
"""Kind → the pod that a pool of the kind runs whatever its bound: people launch more than the stack's own samples."""


def promised(kind: str) -> Pod:
    """The pod that a kind of pool promises to run."""
    contract = POOLS[kind]
    return Pod("promised", 1, amounts(PROMISED[kind]), contract.node_selector(), tuple(contract.tolerations()))


def nodes(pod: Pod, machines: Iterable[Machine], price: Callable[[str], float]) -> list[tuple[str, int]]:
    """The nodes that Karpenter launches when all of the pods are pending at once: (type, pods on it) each.

    Empty where no machine holds one.
    """
    holding = {machine.type: machine.fits(pod) for machine in machines}
    most = max(holding.values(), default=0)
    left, made = pod.count, []
    while most and left:
        here = min(left, most)
        cheapest = min((kind for kind, fits in holding.items() if fits >= here), key=lambda kind: (price(kind), kind))
        times = left // here
        made += [(cheapest, here)] * times
        left -= here * times
    return made


def usd(pods: Iterable[Pod], machines: Sequence[Machine], price: Callable[[str], float]) -> float:
    """$ per hour of the nodes for the pods; inf where one of them fits nowhere."""
    found = [nodes(pod, machines, price) for pod in pods]
    return sum(price(kind) for made in found for kind, _ in made) if all(found) else math.inf


def bound(
    pods: Sequence[Pod],
    least: Pod,
    machines: Sequence[Machine],
    size: Callable[[Machine], int],
    price: Callable[[str], float],
    *,
    needs: Sequence[requirements.Requirement] = (),
) -> int | None:
    """The bound on `size` for the pods, on which `least` fits too: see the module.

    Pods that no machine holds say nothing. None where `least` fits nowhere, or no bound leaves types as diverse as
    the `needs` ask.
    """
    served = [pod for pod in merged(pods) if any(machine.fits(pod) for machine in machines)]
    found = {}
    for most in sorted({size(machine) for machine in machines}):
        within = [machine for machine in machines if size(machine) <= most]
        if all(_diverse(pod, within, needs) for pod in (*served, least)):
            found[most] = usd(served, within, price)
    best = min(found.values(), default=math.inf)
    return next((most for most, cost in found.items() if cost <= best * NEAR), None)


def _diverse(pod: Pod, machines: Sequence[Machine], needs: Sequence[requirements.Requirement]) -> bool:
    able = [machine.type for machine in machines if machine.fits(pod)]
    return bool(able) and requirements.diverse(needs, able) is None


def merged(pods: Iterable[Pod]) -> list[Pod]:
    """Pods of one name, such as the heads of several jobs, as the largest of them so many times."""
    by_name: dict[str, Pod] = {}
    for pod in pods:
        other = by_name.pop(pod.name, None)
        if other:
            largest = {
                key: max(pod.requests.get(key, 0), other.requests.get(key, 0))
                for key in {**other.requests, **pod.requests}
            }
            pod = Pod(pod.name, pod.count + other.count, largest, pod.selector, pod.tolerations, pod.affinity)
        by_name[pod.name] = pod
    return list(by_name.values())
