"""What a sample prefers among the machines of its pool, in its manifest and in the plan's capacity table."""

from typing import Any

import pytest

from infra import contract, launches, preference, prices, ranking
from infra.config import InvalidPlatform, Platform, parse
from infra.pods import Pod, pods
from infra.schedulability import judge
from rayeks.plan.capacity import PodRow, capacity

SERVE = {"tenant": "research", "models": "artifacts", "pool": "ray-gpu-infer"}

POOL = {"train": "ray-cpu", "serve": "ray-gpu-infer"}


@pytest.fixture
def platform(values: dict[str, Any]):
    def make(**optimise: str) -> Platform:
        values["storage"]["buckets"]["artifacts"] = {}
        values["samples"]["serve"] = dict(SERVE)
        for sample in ("train", "serve"):
            values["samples"][sample].pop("optimise", None)
        for sample, choice in optimise.items():
            values["samples"][sample]["optimise"] = choice
        return parse(values)

    return make


def worker(platform: Platform, sample: str) -> Pod:
    manifest = launches.launches(platform)[sample]["manifest"]
    (found,) = (pod for pod in pods(manifest) if pod.selector[contract.POOL_LABEL] == POOL[sample])
    return found


def row(platform: Platform, sample: str) -> PodRow:
    name = worker(platform, sample).name
    return next(row for row in capacity(platform).pods if (row.sample, row.pod) == (sample, name))


def test_a_sample_that_says_nothing_asks_for_nothing(platform):
    plain = platform()
    assert "nodeAffinity" not in str(launches.launches(plain))
    assert all(row.optimise is None and row.choices == () for row in capacity(plain).pods)


def test_workers_prefer_the_types_and_their_head_does_not(platform):
    made = platform(train="performance")
    train, serve = (pods(launches.launches(made)[sample]["manifest"]) for sample in ("train", "serve"))
    assert {pod.name for pod in train if pod.prefer} == {"trainers"}
    assert not any(pod.prefer for pod in serve), "another sample's choice is its own"


@pytest.mark.parametrize("choice", ["cost", "balanced", "performance"])
@pytest.mark.parametrize("sample", ["train", "serve"])
def test_what_is_preferred_is_what_the_pool_may_launch_and_holds_the_pod(platform, sample: str, choice: str):
    made = platform(**{sample: choice})
    pod = worker(made, sample)
    fits = {fit.type for fit in judge(pod, launches.supplies(made), made.region).fits}
    assert pod.prefer and set(pod.prefer) <= fits


def test_a_preference_is_no_demand(platform):
    """Karpenter drops a preferred term that nothing satisfies; a required one would leave the pod Pending."""
    affinity = launches.launches(platform(train="cost"))["train"]["manifest"]["spec"]["rayClusterSpec"][
        "workerGroupSpecs"
    ][0]["template"]["spec"]["affinity"]
    assert list(affinity["nodeAffinity"]) == ["preferredDuringSchedulingIgnoredDuringExecution"]
    assert "podAffinity" in affinity, "the gang still prefers one zone"


def test_the_plan_shows_the_choice_that_was_made_and_what_the_others_would_cost(platform):
    found = row(platform(train="performance"), "train")
    assert found.optimise == "performance"
    by_choice = {choice.optimise: choice for choice in found.choices}
    assert list(by_choice) == list(ranking.WEIGHT_OF_PERFORMANCE)
    assert by_choice["cost"].usd <= by_choice["balanced"].usd <= by_choice["performance"].usd
    assert by_choice["cost"].performance <= by_choice["performance"].performance
    assert row(platform(train="performance"), "serve").choices == ()


def test_the_plan_counts_the_machines_that_are_tried_first(platform):
    cheap, fast = (row(platform(train=choice), "train") for choice in ("cost", "performance"))
    assert set(cheap.nodes) <= set(worker(platform(train="cost"), "train").prefer)
    assert set(fast.nodes) <= set(worker(platform(train="performance"), "train").prefer)
    assert cheap.usd and fast.usd and cheap.usd <= fast.usd


def test_the_first_type_for_cost_is_the_cheapest_that_there_is(platform):
    """Another judge than the ranking: every type that fits, by its price and how many pods share it."""
    made = platform(train="cost")
    pod = worker(made, "train")
    supply = next(each for each in launches.supplies(made) if each.name == "ray-cpu")
    each = {
        machine.type: price.usd / machine.fits(pod)
        for machine in supply.machines
        if machine.fits(pod) and (price := prices.on_demand(machine.type, made.region))
    }
    assert each[preference.tradeoff(pod, [supply], made.region)[0].type] == min(each.values())


def test_a_pool_of_one_type_leaves_nothing_to_choose(values: dict[str, Any]):
    values["samples"]["train"] |= {"pool": "ray-gpu-train", "optimise": "cost"}
    with pytest.raises(InvalidPlatform) as told:
        parse(values)
    (problem,) = told.value.problems
    assert problem.path == "samples.train.optimise"
    assert "there is nothing to choose" in problem.message
    assert problem.fix == "leave it out, or choose pools.ray-gpu-train.instance_type"
