"""What a pool prefers: one formula over price and performance, in which only ratios matter."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra import fleet, instances, karpenter, packing, prices, ranking
from infra.config import parse
from infra.config.pools import GpuInferPool
from infra.ranking import DIMENSIONS, WEIGHT_OF_PERFORMANCE, Ranked, order, performance, preferred, score

CHOICES = list(WEIGHT_OF_PERFORMANCE)
amounts = st.floats(0.01, 1e6)
machines = st.lists(
    st.fixed_dictionaries({"usd": st.floats(0.01, 200)} | dict.fromkeys(DIMENSIONS["ray-data"], amounts)),
    min_size=2,
    max_size=8,
)


def ranked(drawn: list[dict[str, float]], optimise: str, times: float = 1.0) -> list[Ranked]:
    found = []
    for index, machine in enumerate(drawn):
        speed = performance(machine, DIMENSIONS["ray-data"])
        usd = machine["usd"] * times
        found.append(Ranked(str(index), 1, usd, speed, score(speed, usd, optimise)))
    return sorted(found, key=order)


@pytest.mark.parametrize("optimise", CHOICES)
@given(drawn=machines, data=st.data())
def test_a_type_that_gives_less_of_everything_and_costs_no_less_never_comes_first(optimise, drawn, data):
    better = drawn[0]
    worse = {name: amount * data.draw(st.floats(0.1, 0.99)) for name, amount in better.items()}
    worse["usd"] = better["usd"] * data.draw(st.floats(1, 3))
    places = [entry.type for entry in ranked([*drawn, worse], optimise)]
    assert places.index("0") < places.index(str(len(drawn)))


@pytest.mark.parametrize("optimise", CHOICES)
@given(drawn=machines, times=st.sampled_from([0.5, 2.0, 7.3, 150.0]))
def test_another_currency_does_not_change_the_order(optimise, drawn, times):
    scores = sorted(entry.score for entry in ranked(drawn, optimise))
    assume(all(b - a > 1e-6 for a, b in pairwise(scores)))
    assert [e.type for e in ranked(drawn, optimise)] == [e.type for e in ranked(drawn, optimise, times)]


@given(drawn=machines)
def test_from_cost_to_performance_the_first_choice_gets_dearer_and_faster(drawn):
    first = [ranked(drawn, optimise)[0] for optimise in ("cost", "balanced", "performance")]
    for one, two in pairwise(first):
        assert two.usd_per_pod >= one.usd_per_pod * (1 - 1e-8)
        assert two.performance >= one.performance * (1 - 1e-8)


@pytest.mark.parametrize("kind", DIMENSIONS)
def test_the_weights_of_a_kind_are_parts_of_one(kind):
    assert math.isclose(sum(DIMENSIONS[kind].values()), 1)


def test_every_gpu_that_a_pool_may_use_has_its_published_throughput():
    families = {"g4dn", "g5", "g6", "g6e", "g7e", "p3", "p4d", "p5", "p5en", "p6-b200", "p6-b300"}
    for name in instances.names():
        facts = instances.known(name)
        if facts.family in families and facts.gpus:
            whole = ranking.dimensions(facts, 1, scratch_gb=1)
            assert whole["flops"] > 0 and whole["gpu_bandwidth"] > 0 and whole["gpu_memory"] > 0, name


def test_the_preferred_are_close_to_the_best_and_diverse_enough():
    ranks = [
        Ranked(kind, 1, 1, 1, -0.06 * place) for place, kind in enumerate(["m7i.large", "m7i.xlarge", "c7i.large"])
    ]
    assert preferred(ranks) == ("m7i.large", "m7i.xlarge")
    families = {"key": "karpenter.k8s.aws/instance-family", "operator": "Exists", "minValues": 2}
    assert preferred(ranks, [families]) == ("m7i.large", "m7i.xlarge", "c7i.large")


@pytest.fixture
def choosing(values):
    def pools(optimise: str):
        values["pools"]["ray-gpu-infer"] |= {"optimise": optimise, "families": ["g5", "g6", "g6e"]}
        values["pools"]["ray-cpu"] |= {"optimise": optimise}
        return parse(values).pools

    return pools


def test_each_choice_prefers_what_its_name_says(choosing):
    def first(optimise: str) -> str:
        return choosing(optimise)["ray-gpu-infer"].prefer[0]

    def usd(kind: str) -> float:
        price = prices.on_demand(kind, "us-west-2")
        assert price
        return price.usd

    cheap, fast = first("cost"), first("performance")
    assert usd(cheap) == min(usd(kind) for kind in ("g6.2xlarge", "g5.2xlarge", "g6e.2xlarge"))
    assert fast.startswith("g6e."), "an L40S has three times the throughput and bandwidth of an L4"
    assert usd(cheap) <= usd(first("balanced")) <= usd(fast)


@pytest.mark.parametrize("optimise", CHOICES)
@pytest.mark.parametrize("name", ["ray-cpu", "ray-gpu-infer"])
def test_a_preference_is_two_node_pools_that_share_the_limits_and_leave_nothing_out(choosing, name, optimise):
    pool = choosing(optimise)[name]
    first, rest = karpenter.node_pools(name, pool).items()
    assert (first[0], rest[0]) == (name, f"{name}-rest")
    assert first[1]["weight"] > rest[1]["weight"]
    assert first[1]["template"]["spec"]["nodeClassRef"] == rest[1]["template"]["spec"]["nodeClassRef"]

    def number(text: str) -> int:
        return int(text.removesuffix("Gi"))

    for resource, whole in karpenter.limits(pool).items():
        assert number(first[1]["limits"][resource]) + number(rest[1]["limits"][resource]) == number(whole)
    parts = [node_types(spec) for _, spec in (first, rest)]
    whole = node_types(karpenter.node_pool(name, pool))
    assert parts[0] | parts[1] == whole and not parts[0] & parts[1]
    assert parts[0] == set(pool.prefer)


def node_types(spec) -> set[str]:
    supply = fleet.schedulability.node_pool("x", spec, {}, region="us-west-2", zones=["us-west-2a", "us-west-2b"])
    return {machine.type for machine in supply.machines}


def test_a_pool_without_a_preference_is_one_node_pool(values):
    pools = parse(values).pools
    assert all(len(karpenter.node_pools(name, pool)) == 1 for name, pool in pools.items())


def test_who_names_the_types_is_believed(values):
    values["pools"]["ray-gpu-infer"] |= {"optimise": "performance", "prefer": ["g6.2xlarge"]}
    pool = parse(values).pools["ray-gpu-infer"]
    assert isinstance(pool, GpuInferPool) and pool.prefer == ("g6.2xlarge",)


def test_the_promised_pod_of_a_kind_is_what_its_ranking_falls_back_to(values):
    values["samples"] = {}
    values["pools"]["ray-gpu-infer"]["optimise"] = "cost"
    pool = parse(values).pools["ray-gpu-infer"]
    assert isinstance(pool, GpuInferPool) and pool.prefer
    supply = fleet.pool_supply("p", pool, region="us-west-2", zones=["us-west-2a", "us-west-2b", "us-west-2c"])
    held = {machine.type: machine.fits(packing.promised("ray-gpu-infer")) for machine in supply.machines}
    assert all(held[kind] for kind in pool.prefer)
