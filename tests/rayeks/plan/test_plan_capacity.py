"""The capacity table: what a stack can launch, and what its samples take of it."""

import json
from io import StringIO

import pytest
from rich.console import Console

from infra.config import Platform
from local.home import root
from rayeks.plan import plan
from rayeks.plan.capacity import Capacity, capacity
from rayeks.plan.platform import platform
from rayeks.plan.stackfile import stacks

IN_AWS = [stack for stack in stacks(root()) if stack != "onprem"]


@pytest.fixture(scope="module", params=IN_AWS)
def planned(request) -> tuple[Platform, Capacity]:
    found = platform(plan(request.param, root=root()))
    return found, capacity(found)


def test_every_pool_of_every_stack_has_types_and_prices(planned):
    settings, table = planned
    assert [row.name for row in table.pools] == list(settings.pools)
    for row in table.pools:
        assert row.types and row.smallest and row.largest and row.nodes
        assert row.on_demand and row.typical and row.on_demand <= row.typical
        assert row.spot is None or row.spot < row.on_demand


def test_every_pod_of_every_sample_has_a_pool_and_a_price(planned):
    for row in planned[1].pods:
        assert row.pool and not row.lacks, f"{row.sample} {row.pod}: {row.lacks}"
        assert row.usd and row.least_usd and row.waste is not None and 0 <= row.waste < 1
        assert sum(row.nodes.values()) >= 1


def test_what_karpenter_packs_costs_little_more_than_the_cheapest_type(planned):
    """The bound of the machines is there for this: unbounded, packing tripled a bill."""
    for row in planned[1].pods:
        assert row.usd and row.least_usd
        assert row.usd <= 1.25 * row.least_usd, f"{row.sample} {row.pod}: {row.nodes} cost {row.usd}"


def test_a_choice_says_what_the_others_would_cost(planned):
    for row in planned[1].pools:
        if row.kind == "ray-gpu-train":
            assert row.choices == (), "one type leaves no choice"
            continue
        cost, balanced, fast = row.choices
        assert [choice.optimise for choice in row.choices] == ["cost", "balanced", "performance"]
        assert cost.performance == 1 <= balanced.performance <= fast.performance
        assert min(choice.usd for choice in row.choices) > 0


def test_the_table_is_read_by_people_and_by_machines(planned):
    table = planned[1]
    text = StringIO()
    Console(file=text, width=200).print(table.render())
    for row in (*(row.name for row in table.pools), *(row.sample for row in table.pods)):
        assert row in text.getvalue()
    document = json.loads(json.dumps(table.to_json()))
    assert {"pools", "pods"} == set(document)
    assert document["pods"][0]["nodes"]
