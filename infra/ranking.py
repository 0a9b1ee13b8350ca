"""Which instance types a pool should prefer for what it wants: money, speed, or both at once.

One formula. What one pod gets of a machine is the speed of the cores and GPUs that it asks for, and its share of the
network and the scratch that nobody asks for; its performance is the weighted geometric mean of these; and

    score = a · ln(performance) − (1 − a) · ln($ per pod and hour),   a = 0 for cost, ½ balanced, ¾ performance.

So only ratios matter: no unit, no currency and no fitted constant moves the order, and a type that gives a pod less of
everything and is no cheaper never comes first. Memory and the number of cores and GPUs count through the price: they
decide how many pods share it, and a pod has no use for more than it asked for. Prices are on-demand ones, which stay;
spot prices follow them.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra import instances, prices, requirements
from infra.contract import GPU_RESOURCE
from infra.instances import InstanceFacts
from infra.pods import Pod
from infra.requirements import Requirement
from infra.schedulability import Machine

ACCELERATORS = Path(__file__).with_name("accelerators.json")
"""GPU as Karpenter labels it → dense BF16 tensor TFLOPS and memory bandwidth of one, with who published which figures.

The figures of L4, L40S, A100, B200, B300, T4 and V100 were held against second sources (resellers' and providers'
tables) as well; for the others there is NVIDIA's word alone. A GPU of which nobody says it is left out, not guessed.
"""

WEIGHT_OF_PERFORMANCE = {"cost": 0.0, "balanced": 0.5, "performance": 0.75}
"""Speed first is still not at any price: a tenth more is worth a third more money."""

DIMENSIONS: Mapping[str, Mapping[str, float]] = {
    "ray-head": {"cpu": 0.7, "network": 0.3},
    "ray-cpu": {"cpu": 0.8, "network": 0.2},
    "ray-data": {"cpu": 0.4, "network": 0.2, "scratch": 0.4},
    "ray-gpu-infer": {"flops": 0.3, "gpu_memory": 0.15, "gpu_bandwidth": 0.35, "cpu": 0.1, "network": 0.1},
}
"""Kind → what its jobs are bound by, in parts of one: our judgement of what each kind is for."""

HYPERTHREAD = 0.3
"""What a core's second thread adds, in cores; AMD's and Graviton's vCPUs are cores."""
DEFAULT_GHZ = 2.5
LEAST_GBPS = 0.1
"""For types of which EC2 publishes no baseline."""

CLOSE = 0.1
"""Types whose score is within so much of the best (about a tenth of the money or the speed) are preferred with it."""
MOST_PREFERRED = 40


@dataclass(frozen=True)
class Ranked:
    """A type with what one pod gets of it and pays for it, best first in a ranking."""

    type: str
    per_node: int
    usd_per_pod: float
    performance: float
    """Comparable within one ranking only: twice as much is twice as fast, in the weighted mean."""
    score: float


def score(performance: float, usd: float, optimise: str) -> float:
    """The formula of the module; higher is better."""
    share = WEIGHT_OF_PERFORMANCE[optimise]
    return round(share * math.log(performance) - (1 - share) * math.log(usd), 9)


def performance(gets: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The weighted geometric mean of what a pod gets in each dimension (all above 0)."""
    return math.exp(sum(weight * math.log(gets[dimension]) for dimension, weight in weights.items()))


def ranked(
    kind: str, optimise: str, machines: Iterable[Machine], pods: Iterable[Pod], region: str
) -> tuple[Ranked, ...]:
    """The types that hold the reference pod of `pods`, best first. Types without a known price are left out."""
    pod = reference(pods)
    found = []
    for machine in machines:
        price, fits = prices.on_demand(machine.type, region), machine.fits(pod)
        if price and fits:
            gets = dimensions(instances.known(machine.type), fits, scratch_gb=machine.held["ephemeral-storage"] / 1e9)
            if all(gets[dimension] > 0 for dimension in DIMENSIONS[kind]):
                speed = performance(gets, DIMENSIONS[kind])
                usd = price.usd / fits
                found.append(Ranked(machine.type, fits, usd, speed, score(speed, usd, optimise)))
    return tuple(sorted(found, key=order))


@dataclass(frozen=True)
class Choice:
    """What one choice of `optimise` comes to for a pool's reference pods, beside the cheapest choice."""

    optimise: str
    type: str
    nodes: int
    usd: float
    """$ per hour, on demand, of the nodes for all reference pods."""
    performance: float
    """Relative to the choice `cost`."""


def tradeoff(kind: str, machines: Sequence[Machine], pods: Sequence[Pod], region: str) -> tuple[Choice, ...]:
    """The three choices side by side; empty where no type with a known price holds the reference pod."""
    count = reference(pods).count
    first = {
        optimise: ranking[0]
        for optimise in WEIGHT_OF_PERFORMANCE
        if (ranking := ranked(kind, optimise, machines, pods, region))
    }
    return tuple(
        Choice(
            optimise,
            best.type,
            nodes := math.ceil(count / best.per_node),
            nodes * best.usd_per_pod * best.per_node,
            best.performance / first["cost"].performance,
        )
        for optimise, best in first.items()
    )


def order(entry: Ranked) -> tuple[float, float, float, str]:
    """Best score first; among equals the faster, then the cheaper, so that a worse type never precedes a better."""
    return (-entry.score, -entry.performance, entry.usd_per_pod, entry.type)


def reference(pods: Iterable[Pod]) -> Pod:
    """The pod that a pool is ranked for: the kind that asks for most GPUs, or else CPU, taken all together."""
    return max(
        pods, key=lambda pod: (pod.count * pod.requests.get(GPU_RESOURCE, 0), pod.count * pod.requests.get("cpu", 0))
    )


def preferred(ranking: Sequence[Ranked], needs: Iterable[Requirement] = ()) -> tuple[str, ...]:
    """The types to try first: all that are close to the best, and as many more as the needs' diversity takes."""
    needs = tuple(needs)
    chosen: list[str] = []
    for entry in ranking[:MOST_PREFERRED]:
        if ranking[0].score - entry.score > CLOSE and requirements.diverse(needs, chosen) is None:
            break
        chosen.append(entry.type)
    return tuple(chosen)


def dimensions(facts: InstanceFacts, pods: int, *, scratch_gb: float) -> dict[str, float]:
    """What one of `pods` pods on a machine gets in each dimension; 0 where nobody published how fast its GPU is.

    `cpu` is the speed of a vCPU (GHz of whole cores), `flops`, `gpu_bandwidth` and `gpu_memory` those of a GPU.
    """
    threads = facts.cores + HYPERTHREAD * (facts.vcpus - facts.cores)
    gpu = accelerator(facts)
    return {
        "cpu": threads / facts.vcpus * (facts.clock_ghz or DEFAULT_GHZ),
        "network": max(facts.network_gbps, LEAST_GBPS) / pods,
        "scratch": scratch_gb / pods,
        "flops": gpu["tflops"],
        "gpu_memory": facts.gpu_memory_each_mib / 1024,
        "gpu_bandwidth": gpu["gb_per_s"],
    }


def accelerator(facts: InstanceFacts) -> Mapping[str, float]:
    """What is published of a machine's GPU; zeros where nothing is, and such a type is never ranked.

    Karpenter's label leaves out the memory, of which an A100 has 40 GB or 80, and its speed with it.
    """
    known = accelerators()
    exact = f"{facts.gpu_label}-{round(facts.gpu_memory_each_mib / 1024)}gb"
    return known.get(exact) or known.get(facts.gpu_label or "") or {"tflops": 0, "gb_per_s": 0}


@cache
def accelerators() -> Mapping[str, Mapping[str, float]]:
    """The table of GPUs."""
    return json.loads(ACCELERATORS.read_text())
