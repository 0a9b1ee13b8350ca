"""Queues: what teams are promised, lend and borrow."""

from collections.abc import Iterator

import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra import contract, queueing
from infra.config.pools import CpuPool, GpuInferPool, Limits
from infra.config.queueing import Queueing
from infra.config.tenants import Quota, Tenant
from local.toolchain import module_dir

SETTINGS = Queueing()
POOLS = {
    "cpu": CpuPool(kind="ray-cpu", limits=Limits(cpu=100, memory_gib=400)),
    "more-cpu": CpuPool(kind="ray-cpu", limits=Limits(cpu=28, memory_gib=112)),
    "gpu": GpuInferPool(kind="ray-gpu-infer", limits=Limits(cpu=64, memory_gib=256, gpus=8)),
}
FLAVOURS = queueing.flavours(POOLS)
GPU = contract.GPU_RESOURCE


def team(cpu: int = 64, memory: str = "256Gi", gpus: int = 4) -> Tenant:
    return Tenant(cost_center="any", quota=Quota(cpu=cpu, memory=memory, gpus=gpus))


def test_a_flavour_is_all_pools_of_a_kind_and_gpus_come_first() -> None:
    assert [flavour.pool.name for flavour in FLAVOURS] == ["ray-gpu-infer", "ray-cpu"]
    assert FLAVOURS[1].limits == {"cpu": 128, "memory": 512, GPU: 0}


def test_a_flavour_is_selected_as_its_pool_is() -> None:
    for flavour in FLAVOURS:
        spec, placed = flavour.spec(), flavour.pool.scheduling()
        assert spec["nodeLabels"] == placed["nodeSelector"]
        assert {t["key"] for t in spec.get("nodeTaints", ())} == {t["key"] for t in placed.get("tolerations", ())}


quotas = st.builds(
    team, cpu=st.integers(1, 500), memory=st.integers(1, 2000).map("{}Gi".format), gpus=st.integers(0, 64)
)


@given(st.dictionaries(st.sampled_from(["ads", "maps", "research", "search"]), quotas, min_size=1))
def test_teams_are_never_promised_more_of_a_pool_than_it_can_launch(tenants: dict[str, Tenant]) -> None:
    shared = queueing.cohort(tenants, FLAVOURS, SETTINGS)["resourceGroups"][0]["flavors"]
    for flavour, left in zip(FLAVOURS, shared, strict=True):
        promises = [queueing.nominal(flavour, name, tenants) for name in tenants]
        for resource, remains in zip(queueing.RESOURCES, left["resources"], strict=True):
            promised = sum(promise[resource] for promise in promises)
            rest = int(remains["nominalQuota"].removesuffix("Gi"))
            assert promised + rest == flavour.limits[resource] and rest >= 0
        for name, promise in zip(tenants, promises, strict=True):
            most = queueing.reachable(flavour, name, tenants, SETTINGS)
            assert all(promise[r] <= most[r] <= flavour.limits[r] for r in queueing.RESOURCES)


def test_a_lone_team_is_promised_its_quota_where_the_pool_has_it() -> None:
    queue = queueing.cluster_queue("research", {"research": team()}, FLAVOURS, SETTINGS)
    gpu, cpu = queue["resourceGroups"][0]["flavors"]
    assert {r["name"]: r["nominalQuota"] for r in cpu["resources"]} == {"cpu": "64", "memory": "256Gi", GPU: "0"}
    assert {r["name"]: r["borrowingLimit"] for r in gpu["resources"]} == {"cpu": "0", "memory": "0Gi", GPU: "4"}


def test_what_may_not_be_lent_is_not() -> None:
    settings = Queueing(borrow=0)
    queue = queueing.cluster_queue("research", {"research": team(cpu=10)}, FLAVOURS, settings)
    limits = {r["borrowingLimit"] for f in queue["resourceGroups"][0]["flavors"] for r in f["resources"]}
    assert limits == {"0", "0Gi"}


def test_fair_shares_and_priorities_are_two_ways_to_decide_who_borrows() -> None:
    shares = queueing.cluster_queue("research", {"research": team()}, FLAVOURS, Queueing(fair_sharing=True))
    first = queueing.cluster_queue("research", {"research": team()}, FLAVOURS, Queueing(fair_sharing=False))
    assert shares["fairSharing"] == {"weight": "1"} and "borrowWithinCohort" not in shares["preemption"]
    assert "fairSharing" not in first and first["preemption"]["borrowWithinCohort"] == {"policy": "LowerPriority"}


def test_kueue_takes_the_three_frameworks_and_nothing_without_a_queue() -> None:
    text = queueing.chart_values(SETTINGS)["managerConfig"]["controllerManagerConfigYaml"]
    config = yaml.safe_load(text)
    assert config["integrations"]["frameworks"] == ["batch/job", "ray.io/rayjob", "ray.io/raycluster"]
    assert config["manageJobsWithoutQueueName"] is False
    assert config["waitForPodsReady"]["timeout"] == "30m"


def test_every_value_that_is_set_is_one_that_kueue_s_chart_reads() -> None:
    chart = module_dir("sigs.k8s.io/kueue") / "charts" / "kueue" / "values.yaml"

    def unread(ours: dict, theirs: dict, path: str = "") -> Iterator[str]:
        for key, value in ours.items():
            if key not in theirs:
                yield f"{path}{key}"
            elif isinstance(value, dict) and theirs[key]:
                yield from unread(value, theirs[key], f"{path}{key}.")

    assert list(unread(queueing.chart_values(SETTINGS), yaml.safe_load(chart.read_text()))) == []
