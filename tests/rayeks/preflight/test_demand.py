"""How many vCPUs a stack may want, and whether the quotas can hold them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.config import parse
from rayeks.preflight.classes import ON_DEMAND_QUOTAS, SPOT_QUOTAS
from rayeks.preflight.demand import Demand, demands, pool_vcpus, shortfalls, squeezes, used
from tests.rayeks.preflight.conftest import values

STANDARD, G, P = (ON_DEMAND_QUOTAS[key] for key in ("standard", "g", "p"))
STANDARD_SPOT, G_SPOT, P5_SPOT = (SPOT_QUOTAS[key] for key in ("standard", "g", "p5"))


def described(name: str, vcpus: int, gpus: int = 0) -> dict[str, Any]:
    """An instance type as EC2 describes it, as far as pools look."""
    found: dict[str, Any] = {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": vcpus},
        "MemoryInfo": {"SizeInMiB": 4096 * vcpus},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "Hypervisor": "nitro",
    }
    gpu = {"Name": "L4", "Manufacturer": "NVIDIA", "Count": gpus, "MemoryInfo": {"SizeInMiB": 24576}}
    return found | ({"GpuInfo": {"Gpus": [gpu]}} if gpus else {})


TYPES = {
    item["InstanceType"]: item
    for item in [
        described("m7i.large", 2),
        described("m7a.large", 2),
        described("m7i.2xlarge", 8),
        described("m8i.2xlarge", 8),
        described("g6.xlarge", 4, 1),
        described("p5.48xlarge", 192, 8),
    ]
}


def wanted(**changes: Any) -> dict[str, Demand]:
    """The demands of the platform with those changes, by path."""
    return {demand.path: demand for demand in demands(parse(values(**changes)), TYPES)}


def test_a_node_group_wants_its_maximum_of_its_largest_type() -> None:
    found = wanted(node_groups__system__instance_types=["m7i.large", "m7i.2xlarge"])
    assert found["node_groups.system"] == Demand("node_groups.system", 24, (STANDARD,))


def test_a_pool_wants_its_limit_from_each_market_that_it_may_buy_in_spot_first() -> None:
    found = wanted()
    assert found["pools.ray-head"] == Demand("pools.ray-head", 32, (STANDARD,))
    assert found["pools.ray-cpu"] == Demand("pools.ray-cpu", 64, (STANDARD_SPOT, STANDARD))
    assert found["pools.ray-gpu-infer"] == Demand("pools.ray-gpu-infer", 32, (G_SPOT, G))
    assert found["pools.ray-gpu-train"] == Demand("pools.ray-gpu-train", 384, (P,))


def test_a_pool_of_one_type_wants_whole_machines() -> None:
    pool = parse(values(pools__ray_gpu_train__limits={"cpu": 500, "memory_gib": 4096, "gpus": 16})).pools
    assert pool_vcpus(pool["ray-gpu-train"], TYPES) == 384


def test_a_reservation_of_the_stack_counts_from_the_first_moment() -> None:
    assert wanted()["reservations.train"] == Demand("reservations.train", 192, (P,))


def test_what_a_pool_may_use_of_a_reservation_counts_once() -> None:
    pool = values()["pools"]["ray-gpu-train"] | {"reservations": ["train"], "capacity": ["reserved", "on-demand"]}
    found = wanted(pools__ray_gpu_train=pool, reservations__train__placement_group="train")
    assert "reservations.train" not in found
    assert found["pools.ray-gpu-train"].vcpus == 384


def test_capacity_blocks_count_against_no_quota() -> None:
    block = "cr-0123456789abcdef0"
    pool = values()["pools"]["ray-gpu-train"] | {"reservations": [block], "capacity": ["reserved"]}
    platform = parse(values(pools__ray_gpu_train=pool | {"placement_group": None}))
    assert "pools.ray-gpu-train" not in {demand.path for demand in demands(platform, TYPES, {block})}
    assert "pools.ray-gpu-train" in {demand.path for demand in demands(platform, TYPES)}


def test_two_markets_together_hold_what_neither_holds_alone() -> None:
    asked = [Demand("a", 100, (STANDARD_SPOT, STANDARD))]
    assert shortfalls(asked, {STANDARD_SPOT: 60, STANDARD: 60}) == []
    assert [short.wanted - short.free for short in shortfalls(asked, {STANDARD_SPOT: 60, STANDARD: 20})] == [20]


def test_what_only_one_market_may_supply_is_told_by_its_quota_alone() -> None:
    asked = [Demand("head", 50, (STANDARD,)), Demand("cpu", 100, (STANDARD_SPOT, STANDARD))]
    (short,) = shortfalls(asked, {STANDARD_SPOT: 1000, STANDARD: 40})
    assert (short.quotas, short.wanted, short.free) == ((STANDARD,), 50, 40)
    assert (short.raised, short.more) == (STANDARD, 10)
    assert [demand.path for demand in short.demands] == ["head"]


def test_what_both_markets_lack_once_one_is_mended_is_told_too() -> None:
    asked = [Demand("head", 50, (STANDARD,)), Demand("cpu", 100, (STANDARD_SPOT, STANDARD))]
    alone, together = shortfalls(asked, {STANDARD_SPOT: 5, STANDARD: 5})
    assert (alone.quotas, alone.raised, alone.more) == ((STANDARD,), STANDARD, 45)
    assert (set(together.quotas), together.wanted, together.free) == ({STANDARD, STANDARD_SPOT}, 150, 10)
    assert (together.raised, together.more) == (STANDARD_SPOT, 95)


def test_quotas_that_nothing_shares_are_told_apart() -> None:
    asked = [Demand("a", 10, (STANDARD,)), Demand("b", 10, (P,))]
    assert [short.quotas for short in shortfalls(asked, {STANDARD: 5, P: 5})] == [(STANDARD,), (P,)]


def test_a_full_market_is_a_squeeze_while_another_has_room() -> None:
    asked = [Demand("head", 50, (STANDARD,)), Demand("cpu", 100, (STANDARD_SPOT, STANDARD))]
    free = {STANDARD_SPOT: 1000, STANDARD: 60}
    assert shortfalls(asked, free) == []
    (squeeze,) = squeezes(asked, free)
    assert (squeeze.quotas, squeeze.wanted, squeeze.free) == ((STANDARD,), 150, 60)


QUOTAS = [STANDARD, STANDARD_SPOT, G]
DEMANDS = st.lists(
    st.tuples(st.integers(1, 6), st.lists(st.sampled_from(QUOTAS), min_size=1, max_size=3, unique=True)),
    max_size=4,
)


@given(DEMANDS, st.lists(st.integers(0, 8), min_size=3, max_size=3))
def test_a_shortfall_is_found_exactly_when_no_split_fits(given_demands: list, room: list[int]) -> None:
    asked = [Demand(str(index), vcpus, tuple(quotas)) for index, (vcpus, quotas) in enumerate(given_demands)]
    free = dict(zip(QUOTAS, room, strict=True))
    short = shortfalls(asked, free)
    assert (short == []) == _fits(asked, free)
    assert _fits(asked, free | {item.raised: free[item.raised] + item.more for item in short}), "all remedies suffice"


def _fits(asked: list[Demand], free: dict) -> bool:
    """By brute force: one vCPU after another into any quota that may hold it, with a way to move earlier ones."""
    units = [demand.quotas for demand in asked for _ in range(demand.vcpus)]
    held: dict = {quota: [] for quota in free}

    def place(unit: int, seen: set) -> bool:
        for quota in units[unit]:
            if quota in seen:
                continue
            seen.add(quota)
            if len(held[quota]) < free[quota]:
                held[quota].append(unit)
                return True
            for index, other in enumerate(held[quota]):
                if place(other, seen):
                    held[quota][index] = unit
                    return True
        return False

    return all(place(unit, set()) for unit in range(len(units)))


def instance(kind: str, state: str = "running", tags: dict[str, str] | None = None, **about: Any) -> dict[str, Any]:
    """An instance as EC2 describes it."""
    pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    return {"InstanceType": kind, "State": {"Name": state}, "Tags": pairs} | about


def reserved(key: str, free: int, **about: Any) -> dict[str, Any]:
    """A reservation of p5.48xlarge as EC2 describes it."""
    return {
        "CapacityReservationId": key,
        "InstanceType": "p5.48xlarge",
        "State": "active",
        "AvailableInstanceCount": free,
    } | about


def test_running_instances_of_others_are_in_use_by_market() -> None:
    found = used(
        [
            instance("m7i.2xlarge"),
            instance("m7i.large", InstanceLifecycle="spot"),
            instance("m7i.2xlarge", state="stopped"),
            instance("p5.48xlarge", InstanceLifecycle="capacity-block"),
        ],
        [],
        TYPES,
    )
    assert found == {STANDARD: 8, STANDARD_SPOT: 2}


@pytest.mark.parametrize(
    "tags",
    [{"kubernetes.io/cluster/ray": "owned"}, {"eks:cluster-name": "ray"}, {"eks:eks-cluster-name": "ray"}],
)
def test_the_clusters_own_instances_are_not_in_anybodys_way(tags: dict[str, str]) -> None:
    assert used([instance("m7i.large", tags=tags)], [], TYPES, cluster="ray") == {}
    assert used([instance("m7i.large", tags=tags)], [], TYPES, cluster="other") == {STANDARD: 2}


def test_empty_places_of_others_reservations_are_in_use_too() -> None:
    found = used(
        [],
        [
            reserved("cr-theirs", 2),
            reserved("cr-ours", 3),
            reserved("cr-block", 4, ReservationType="capacity-block"),
            reserved("cr-over", 5, State="cancelled"),
        ],
        TYPES,
        apart_from={"cr-ours"},
    )
    assert found == {P: 384}
