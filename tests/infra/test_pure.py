"""Sizes, rights, data sources and images: small rules, each with its reason."""

import pytest

from infra import iam_data, images, lustre, rights, sizing
from infra.config import parse
from infra.config.cost import Budget
from infra.config.data import GlueSource, RdsSource, RedshiftSource, S3Source
from infra.cost import alerts, budget_filter
from infra.iam import Aws
from infra.ray import operator_memory_mib

AWS = Aws("111111111111", "us-west-2")


@pytest.mark.parametrize(
    ("gib", "throughput", "efa", "accepted"),
    [
        (1200, 250, False, True),
        (2400, 250, False, True),
        (4800, 125, False, True),
        (3600, 250, False, False),
        (1000, 250, False, False),
        (38400, 125, True, True),
        (19200, 125, True, False),
        (4800, 1000, True, True),
    ],
)
def test_lustre_is_sold_in_steps(gib, throughput, efa, accepted):
    assert (lustre.size_problem(gib, throughput, efa=efa) is None) is accepted


@pytest.mark.parametrize(
    ("gib", "throughput", "efa", "sold"),
    [(1, 250, False, 1200), (1201, 250, False, 2400), (3600, 250, False, 4800), (100, 125, True, 38_400)],
)
def test_the_next_size_of_lustre_is_one_that_is_sold(gib, throughput, efa, sold):
    assert lustre.next_size(gib, throughput, efa=efa) == sold
    assert lustre.size_problem(sold, throughput, efa=efa) is None


def test_a_control_plane_of_tier_auto_grows_with_the_planned_nodes():
    assert [sizing.control_plane_tier(nodes) for nodes in (10, 500, 501, 4000, 9000, 90000)] == [
        "standard",
        "standard",
        "tier-xl",
        "tier-2xl",
        "tier-4xl",
        "tier-8xl",
    ]


def test_the_planned_nodes_are_the_limits_over_the_smallest_machines(values):
    platform = parse(values)
    assert sizing.pool_nodes(platform.pools["ray-cpu"]) == 64 // 4
    assert sizing.pool_nodes(platform.pools["ray-gpu-train"]) == 2, "384 vCPUs hold two p5.48xlarge"
    assert sizing.pool_nodes(platform.pools["ray-gpu-infer"]) == 4, "a GPU each"


def test_a_zone_must_hold_its_share_when_another_fails(values):
    platform = parse(values)
    wanted = sizing.nodes_per_zone(platform.network.zones, {}, {"ray-cpu": platform.pools["ray-cpu"]})
    assert wanted == {"us-west-2a": 8, "us-west-2b": 8, "us-west-2c": 8}


def test_the_operator_has_memory_for_its_pods_and_some_in_hand():
    assert operator_memory_mib(100) == 512
    assert operator_memory_mib(500) >= 500 * 1.25
    assert operator_memory_mib(5000) > operator_memory_mib(500)


def granted(role: str) -> set[tuple[str, str, str]]:
    return {(g.group, r, v) for g in rights.ROLES[role] for r in g.resources for v in g.verbs}


def test_each_role_holds_all_that_the_one_below_it_holds():
    assert granted("viewer") < granted("developer") < granted("admin")


@pytest.mark.parametrize("role", rights.ROLES)
@pytest.mark.parametrize(
    "kept", ["resourcequotas", "limitranges", "networkpolicies", "roles", "rolebindings", "serviceaccounts"]
)
def test_no_role_of_a_tenant_may_change_what_keeps_tenants_apart(role, kept):
    assert not {verb for _, resource, verb in granted(role) if resource == kept} - set(rights.READ)


def test_only_admins_read_secrets():
    assert ("", "secrets", "get") in granted("admin")
    assert not any(resource == "secrets" for _, resource, _ in granted("developer"))


SOURCES = {
    "lake": S3Source(kind="s3", bucket="acme-lake", prefixes=("curated/",)),
    "catalogue": GlueSource(kind="glue", database="events", workgroup="ray"),
    "warehouse": RedshiftSource(kind="redshift", cluster="dwh", database="prod", user="ray"),
    "orders": RdsSource(
        kind="rds", resource_id="db-ABCDEFGHIJKL01234", user="ray", security_group="sg-0123456789abcdef0"
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_reading_a_source_needs_no_wildcard_action_and_writes_nothing(name):
    for statement in iam_data.read(AWS, name, SOURCES[name]):
        for action in statement["Action"]:
            assert "*" not in action
            verb = action.split(":")[1]
            assert not verb.startswith(("Put", "Delete", "Create", "Update")), action
        if statement["Resource"] == ["*"]:
            assert statement.get("Condition"), "every resource only under a condition"


def test_a_bucket_of_somebody_else_is_read_under_its_prefixes_only():
    listing, reading = iam_data.read(AWS, "lake", SOURCES["lake"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["curated/*"]}}
    assert reading["Resource"] == ["arn:aws:s3:::acme-lake/curated/*"]


def test_images_expire_untagged_first_and_then_the_oldest():
    first, second = images.lifecycle(30)["rules"]
    assert first["selection"]["tagStatus"] == "untagged"
    assert second["selection"]["countNumber"] == 30


def test_a_teams_budget_counts_the_teams_tag_and_alerts_before_and_at_the_limit():
    budget = Budget(monthly_usd=100, team="research")
    assert budget_filter(budget, "prod") == "user:rayeks/team$research"
    assert alerts(budget) == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
