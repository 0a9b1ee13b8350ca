"""What a workload prefers among the machines of its pools: money, speed, or both, whatever the pools themselves say."""

from collections.abc import Iterable, Mapping

from infra import ranking, samples
from infra.config.base import Optimise
from infra.config.samples import Samples
from infra.contract import POOL_LABEL
from infra.pods import Pod, pods
from infra.ranking import DIMENSIONS, Choice
from infra.samples import ANY_NAMES, Names, Spec
from infra.schedulability import Machine, Supply, judge, refusal


def specs(chosen: Samples, called: Names, supplies: Iterable[Supply], region: str) -> dict[str, Spec]:
    """Sample name → spec; each that says `optimise` asks for the machines that this comes to."""
    supplies = tuple(supplies)
    return {
        name: preferring(spec, optimise, supplies, region) if (optimise := getattr(chosen, name).optimise) else spec
        for name, spec in samples.specs(chosen, called).items()
    }


def preferring(spec: Spec, optimise: Optimise, supplies: Iterable[Supply], region: str) -> Spec:
    """A workload whose worker groups each try first the types that are best for them, and then the pool's others."""
    supplies, found = tuple(supplies), {pod.name: pod for pod in pods(samples.manifest(spec))}
    workers = tuple(
        group.model_copy(update={"prefer": _preferred(found[group.name], optimise, supplies, region)})
        for group in spec.cluster.workers
    )
    return spec.model_copy(update={"cluster": spec.cluster.model_copy(update={"workers": workers})})


def _preferred(pod: Pod, optimise: Optimise, supplies: Iterable[Supply], region: str) -> tuple[str, ...]:
    supply = _supply(pod, supplies)
    if supply is None:
        return ()
    found = ranking.ranked(pod.selector[POOL_LABEL], optimise, _able(pod, supply, region), [pod], region)
    return ranking.preferred(found, supply.requirements)


def tradeoff(pod: Pod, supplies: Iterable[Supply], region: str) -> tuple[Choice, ...]:
    """What each choice would come to for the pods of one group; empty where its pool has nothing to choose among."""
    supply = _supply(pod, supplies)
    return ranking.tradeoff(pod.selector[POOL_LABEL], _able(pod, supply, region), [pod], region) if supply else ()


def first(pod: Pod, machines: Iterable[Machine]) -> list[Machine]:
    """The machines that Karpenter looks at first: those that the pod prefers, where one of them holds it."""
    machines = list(machines)
    liked = [machine for machine in machines if machine.type in pod.prefer and machine.fits(pod)]
    return liked or machines


def sample_pods(chosen: Samples, supplies: Iterable[Supply], region: str) -> Mapping[str, tuple[Pod, ...]]:
    """Sample → the pods that it becomes, with what they prefer."""
    return {name: pods(samples.manifest(spec)) for name, spec in specs(chosen, ANY_NAMES, supplies, region).items()}


def _able(pod: Pod, supply: Supply, region: str) -> list[Machine]:
    """The machines of a pool on which all of the pods fit within its limits."""
    fits = {fit.type for fit in judge(pod, [supply], region).fits}
    return [machine for machine in supply.machines if machine.type in fits]


def _supply(pod: Pod, supplies: Iterable[Supply]) -> Supply | None:
    """The pool that launches machines for a pod, if its kind leaves the type open."""
    if pod.selector.get(POOL_LABEL) not in DIMENSIONS:
        return None
    return next((supply for supply in supplies if supply.requirements and refusal(pod, supply) is None), None)
