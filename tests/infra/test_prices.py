"""The price table: what it knows, what it only assumes, and that what it does not know is never free."""

import datetime
import json
import subprocess
import sys

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from infra import prices


def test_an_on_demand_price_comes_with_its_source_and_date():
    price = prices.on_demand("g6e.xlarge", "us-east-1")
    assert price == prices.Price(
        1.861,
        "hour",
        "AWS Price List API, as github.com/aws/karpenter-provider-aws v1.14.1 carries it",
        datetime.date(2026, 7, 6),
    )


def test_a_region_that_is_assumed_equal_to_another_says_so():
    here, there = prices.on_demand("m7i.large", "us-west-2"), prices.on_demand("m7i.large", "us-east-1")
    assert here and there
    assert here.usd == there.usd
    assert here.source == f"assumed equal to us-east-1: {there.source}"


@pytest.mark.parametrize(
    ("instance_type", "region"), [("x9z.large", "us-east-1"), ("m7i.large", "eu-north-1"), ("m7i", "us-east-1")]
)
def test_what_has_no_price_is_none_and_never_free(instance_type: str, region: str):
    assert prices.on_demand(instance_type, region) is None
    assert prices.spot(instance_type, region) is None
    assert prices.service("nat.minute", region) is None


def test_every_price_is_above_zero_and_dated():
    table = json.loads(prices.FILE.read_bytes())
    for entry in table["on_demand"].values():
        assert all(usd > 0 for sizes in entry["usd"].values() for usd in sizes.values())
    for services in table["services"].values():
        for entry in services.values():
            assert entry["usd"] > 0
            assert entry["source"]
            assert datetime.date.fromisoformat(entry["date"]) <= datetime.datetime.now(datetime.UTC).date()


def test_a_spot_price_that_nobody_saw_says_from_what_it_is_assumed():
    known, unknown = prices.spot("g6.12xlarge", "us-west-2"), prices.spot("g7e.2xlarge", "us-west-2")
    assert known and unknown
    assert known.usd == pytest.approx(4.6016 * (100 - 62) / 100)
    assert known.source.startswith("assumed 62 % below on-demand, as for g6.12xlarge: AWS Spot Instance Advisor")
    assert "as for the g types together" in unknown.source


def test_every_family_that_a_pool_may_buy_has_a_price():
    families = {f"{letter}{generation}i" for letter in "cmr" for generation in (6, 7, 8)}
    families |= {
        "c7a",
        "m8g",
        "r8g",
        "i4i",
        "i7i",
        "i8g",
        "g4dn",
        "g5",
        "g6",
        "g6e",
        "g7e",
        "p4d",
        "p4de",
        "p5",
        "p5en",
    }
    families |= {"p6-b200", "p6-b300", "trn1"}
    types = [name for name in INSTANCE_TYPES if name.split(".")[0] in families]
    missing = [name for name in types if prices.on_demand(name, "us-west-2") is None]
    assert missing == []


def test_reading_the_module_reads_no_table():
    code = "import infra.prices as p; assert p._table.cache_info().currsize == 0; p.on_demand('m7i.large', 'us-west-2')"
    subprocess.run([sys.executable, "-c", code], check=True)
