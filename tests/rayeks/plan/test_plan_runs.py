"""What a run of a sample costs: the machines that nobody has paid for yet, and every disk."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from infra import prices
from infra.config import assembled, parse
from infra.prices import Price
from local.home import root
from rayeks.plan.bill import NodeHour
from rayeks.plan.capacity import Capacity, PodRow
from rayeks.plan.runs import runs
from rayeks.plan.stackfile import read

TODAY = date(2026, 8, 1)
DISK = Price(0.08, "hour", "a list", TODAY)
ROW = PodRow(
    sample="train",
    pod="trainers",
    count=24,
    requests={},
    pool="ray-gpu-train",
    types=1,
    nodes={"p5.48xlarge": 3},
    usd=None,
    cheapest=None,
    per_node=8,
    least_usd=None,
    waste=None,
    lacks=(),
)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The platform of prod, whose reservation holds two machines at $55 each, and whose runs take two hours."""
    config = read("prod", root()).config
    values = json.loads(config["ray-on-eks:platform"]) | {"expected": {"run_hours": 2}}
    monkeypatch.setattr(prices, "on_demand", lambda kind, _: Price(55.0, "hour", "a list", TODAY))
    accounts = json.loads(config["aws:allowedAccountIds"])
    return parse(assembled(values, region=config["aws:region"], accounts=accounts, default_tags={}))


def hours(*markets: str) -> list[NodeHour]:
    return [NodeHour("ray-gpu-train", market, "p5.48xlarge", 1, None, DISK) for market in markets]


def test_machines_in_a_reservation_cost_a_run_their_disks_alone(platform):
    (run,) = runs(Capacity((), (ROW,)), platform, hours("reserved", "on-demand"))
    assert run.reserved == 2
    assert run.hour == 1 * Decimal("55.0") + 3 * Decimal("0.08")  # one machine beyond the reservation, three disks
    assert run.usd == Decimal("110.48")  # for two hours


def test_a_sample_that_no_pool_runs_has_no_price(platform):
    stuck = replace(ROW, pool=None, nodes={}, lacks=("no pool has a GPU",))
    (run,) = runs(Capacity((), (ROW, stuck)), platform, hours("reserved"))
    assert run.usd is None


def test_a_machine_without_a_price_leaves_the_run_without_one(platform, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prices, "on_demand", lambda *_: None)
    (run,) = runs(Capacity((), (ROW,)), platform, hours("reserved"))
    assert run.hour is None
