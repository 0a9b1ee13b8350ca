"""Typed pools become the NodePools and EC2NodeClasses that the platform promises its jobs."""

import pytest

from infra import karpenter, sizing
from infra.config import parse
from infra.contract import POOLS as EVERY_POOL
from infra.contract import RAY_GPU_SHARED, RAY_HYBRID

POOLS = {name: pool for name, pool in EVERY_POOL.items() if pool not in (RAY_GPU_SHARED, RAY_HYBRID)}
"""Those that Karpenter launches: parts of GPUs are on managed groups alone."""


@pytest.fixture
def pools(values):
    return parse(values).pools


def spec_of(pools, name):
    return karpenter.node_pool(name, pools[name])["template"]["spec"]


def requirement(pools, name, key):
    return [r for r in karpenter.requirements(pools[name]) if r["key"] == key]


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_carries_the_labels_and_taints_that_its_jobs_rely_on(pools, name):
    made = karpenter.node_pool(name, pools[name])
    assert made["template"]["metadata"]["labels"] == POOLS[name].node_selector()
    tolerated = {toleration["key"] for toleration in POOLS[name].tolerations()}
    assert {taint["key"] for taint in made["template"]["spec"]["taints"]} == tolerated


@pytest.mark.parametrize("name", POOLS)
def test_every_pool_has_limits_a_drain_limit_and_never_consolidates_running_nodes(pools, name):
    made = karpenter.node_pool(name, pools[name])
    assert made["limits"]["cpu"]
    assert made["template"]["spec"]["terminationGracePeriod"]
    assert made["disruption"]["consolidationPolicy"] == "WhenEmpty"


def test_heads_run_on_demand_in_a_pool_of_their_own(pools):
    assert requirement(pools, "ray-head", "karpenter.sh/capacity-type")[0]["values"] == ["on-demand"]
    assert [taint["key"] for taint in spec_of(pools, "ray-head")["taints"]] == ["ray.io/head"]


def test_cpu_workers_keep_spot_diversity_and_their_machines_have_bounds(values):
    values["pools"]["ray-cpu"]["max_vcpus"] = 32
    pools = parse(values).pools
    family = requirement(pools, "ray-cpu", "karpenter.k8s.aws/instance-family")[0]
    assert family["minValues"] == 5
    bounds = requirement(pools, "ray-cpu", "karpenter.k8s.aws/instance-cpu")
    assert {(b["operator"], *b["values"]) for b in bounds} == {("Gte", "4"), ("Lte", "32")}


def test_a_cpu_pool_never_buys_a_gpu(pools):
    for name in ("ray-head", "ray-cpu", "ray-data"):
        assert requirement(pools, name, "karpenter.k8s.aws/instance-gpu-count")[0]["operator"] == "DoesNotExist"


def test_a_training_pool_is_one_type_in_one_zone_and_is_not_disturbed(pools):
    made = karpenter.node_pool("ray-gpu-train", pools["ray-gpu-train"])
    assert requirement(pools, "ray-gpu-train", "node.kubernetes.io/instance-type")[0]["values"] == ["p5.48xlarge"]
    assert requirement(pools, "ray-gpu-train", "topology.kubernetes.io/zone")[0]["values"] == ["us-west-2b"]
    assert {"nodes": "0", "reasons": ["Drifted"]} in made["disruption"]["budgets"]
    assert made["template"]["spec"]["expireAfter"] == "Never"


def test_a_training_node_class_selects_its_placement_group_and_every_efa_card(pools):
    made = karpenter.node_class(
        pools["ray-gpu-train"], cluster="c", role="r", security_group="sg-1", tags={}, placement_group="c-train"
    )
    assert made["placementGroupSelector"] == {"name": "c-train"}
    interfaces = made["networkInterfaces"]
    assert sum(i["interfaceType"] == "efa-only" for i in interfaces) == 32
    assert [i for i in interfaces if i["interfaceType"] == "interface"] == [
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}
    ]
    assert len({(i["networkCardIndex"], i["deviceIndex"]) for i in interfaces}) == len(interfaces)


@pytest.mark.parametrize(
    ("kind", "efa"),
    [("g6.xlarge", 0), ("g6.12xlarge", 1), ("g6e.48xlarge", 4), ("p5en.48xlarge", 16), ("p6-b300.48xlarge", 16)],
)
def test_the_interface_layout_follows_the_cards_that_ec2_reports(kind, efa):
    layout = karpenter.efa_interfaces(kind)
    assert sum(i["interfaceType"] == "efa-only" for i in layout) == efa


def test_gpu_and_data_nodes_put_scratch_on_nvme(pools):
    for name, pool in pools.items():
        made = karpenter.node_class(pool, cluster="c", role="r", security_group="sg-1", tags={})
        assert ("instanceStorePolicy" in made) == (name in ("ray-data", "ray-gpu-infer", "ray-gpu-train"))


def test_roots_are_encrypted_and_metadata_needs_a_token(pools):
    for pool in pools.values():
        made = karpenter.node_class(pool, cluster="c", role="r", security_group="sg-1", tags={})
        assert made["blockDeviceMappings"][0]["ebs"]["encrypted"] is True
        assert made["metadataOptions"]["httpTokens"] == "required"
        assert made["amiSelectorTerms"][0]["alias"] != "al2023@latest"


def test_a_card_that_takes_no_efa_gets_none():
    layout = karpenter.efa_interfaces("p6-b300.48xlarge")
    assert [i["interfaceType"] for i in layout if i["networkCardIndex"] == 0] == ["interface"]


def allowed(budgets, reason, hour):
    """Whether Karpenter may disrupt a node for the reason, `hour` hours into a week that begins on a Sunday."""

    def active(budget):
        if "schedule" not in budget:
            return True
        _, start, _, _, day = budget["schedule"].split()
        lasts = int(budget["duration"].removesuffix("h"))
        days = range(-7, 7) if day == "*" else (int(day) - 7, int(day))
        return any(0 <= hour - (24 * each + int(start)) < lasts for each in days)

    return all(b["nodes"] != "0" for b in budgets if active(b) and reason in b["reasons"])


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize(
    ("window", "first", "hours"),
    [
        ({"day": "saturday", "start": 3, "hours": 4}, {6 * 24 + 3}, 4),
        ({"day": "saturday", "start": 22, "hours": 6}, {6 * 24 + 22}, 6),
        ({"day": "sunday", "start": 0, "hours": 23}, {0}, 23),
        ({"start": 22, "hours": 4}, {24 * day + 22 for day in range(7)}, 4),
    ],
    ids=["a night", "into the next day and week", "all but an hour", "each night"],
)
def test_nodes_drift_in_their_maintenance_window_and_at_no_other_hour(values, name, window, first, hours):
    values["pools"][name]["maintenance"] = window
    budgets = karpenter.budgets(parse(values).pools[name])
    open_hours = {(start + hour) % 168 for start in first for hour in range(hours)}
    assert {hour for hour in range(168) if allowed(budgets, "Drifted", hour)} == open_hours
    assert all(allowed(budgets, "Empty", hour) for hour in range(168)), "empty nodes never wait for a window"


def test_a_pool_may_be_limited_in_nodes(values):
    values["pools"]["ray-cpu"]["limits"]["nodes"] = 3
    pool = parse(values).pools["ray-cpu"]
    assert karpenter.limits(pool)["nodes"] == "3"
    assert sizing.pool_nodes(pool) == 3
