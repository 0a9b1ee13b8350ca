"""Asking AWS for prices: answers of the shape that botocore knows, and the local AWS; what is written, and what not."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra import prices
from rayeks.errors import UserError
from rayeks.prices import services, table
from rayeks.prices.refresh import Change, on_demand, refreshed, spot

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def product(kind: str, *usd: str) -> str:
    """A product as the Price List API gives it: JSON text within JSON."""
    dimensions = {f"R{at}": {"unit": "Hrs", "pricePerUnit": {"USD": price}} for at, price in enumerate(usd)}
    offer = {"priceDimensions": dimensions, "offerTermCode": "JRTCKXETXF"}
    return json.dumps({"product": {"attributes": {"instanceType": kind}}, "terms": {"OnDemand": {"S.J": offer}}})


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", **CREDENTIALS)


def test_on_demand_prices_are_read_from_all_pages_and_what_is_listed_at_nothing_is_no_price():
    pricing = client("pricing")
    pages: list[dict[str, Any]] = [
        {"PriceList": [product("m7i.large", "0.1008000000"), product("free.large", "0.0000000000")], "NextToken": "2"},
        {"PriceList": [product("p5.48xlarge", "0.0", "55.04")]},
    ]
    with Stubber(pricing) as stub:
        for page in pages:
            stub.add_response("get_products", page)
        assert on_demand(pricing, "us-west-2") == {"m7i.large": 0.1008, "p5.48xlarge": 55.04}
        stub.assert_no_pending_responses()


def test_the_last_spot_price_of_each_zone_counts():
    ec2 = client("ec2")
    rows = [
        {"AvailabilityZone": zone, "InstanceType": "g6.xlarge", "SpotPrice": usd, "Timestamp": NOW.replace(hour=hour)}
        for zone, usd, hour in (("us-west-2a", "0.300000", 3), ("us-west-2a", "0.400000", 9), ("us-west-2b", "0.5", 1))
    ]
    with Stubber(ec2) as stub:
        stub.add_response("describe_spot_price_history", {"SpotPriceHistory": rows, "NextToken": ""})
        assert spot(ec2, NOW) == {"us-west-2a": {"g6.xlarge": 0.4}, "us-west-2b": {"g6.xlarge": 0.5}}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a local AWS of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    log = tmp_path_factory.mktemp("aws") / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "local.aws", "--port", str(port)]
        server = subprocess.Popen(command, stdout=output, stderr=output, env=env)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/rayeks/boot", timeout=1).read()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def session(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    """A session that reaches the local AWS, as AWS_ENDPOINT_URL makes anyone's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    return boto3.Session(**CREDENTIALS)


def test_a_region_is_refreshed_from_the_local_aws_and_changed_prices_are_told(session: boto3.Session):
    held = table.read()
    held["on_demand"]["us-east-1"]["usd"]["m7i"]["large"] = 0.2
    found, changes = refreshed(held, ["us-west-2"], session, NOW)
    assert Change("us-west-2", "m7i.large on demand", 0.2, 0.1008) in changes
    assert found["on_demand"]["us-west-2"]["usd"]["p5"]["48xlarge"] == 55.04
    assert found["on_demand"]["us-west-2"]["date"] == "2026-11-23"
    assert found["services"] == held["services"], "the local AWS lists no services, and nothing is made up"


def offer(usagetype: str, *tiers: tuple[str, str]) -> str:
    """A product of a service as the Price List API gives it; `tiers` are (begin, USD)."""
    dimensions = {
        f"R{at}": {"beginRange": begin, "pricePerUnit": {"USD": usd}} for at, (begin, usd) in enumerate(tiers)
    }
    terms = {"OnDemand": {"S.J": {"priceDimensions": dimensions}}}
    return json.dumps({"product": {"attributes": {"usagetype": usagetype}}, "terms": terms})


ANSWERS = {
    "NAT Gateway": [offer("USW2-NatGateway-Hours", ("0", "0.0460")), offer("USW2-NatGateway-Bytes", ("0", "0.0450"))],
    "awskms": [
        offer("us-west-2-KMS-Keys", ("0", "1.00")),
        offer("us-west-2-KMS-Requests", ("0", "0.0"), ("20000", "0.000003")),
        offer("us-west-2-KMS-Requests-Asymmetric", ("0", "0.000015")),
    ],
    "AmazonECR": [offer("USW2-TimedStorage-ByteHrs", ("0", "0.10")), offer("TimedStorage-ByteHrs", ("0", "0.11"))],
    "gp3": [offer("USW2-EBS:VolumeP-Throughput.gp3", ("0", "40.96"))],
}


class PriceList:
    """Answers `get_products` with a few offers, by service or by what is filtered for, as AWS would."""

    def get_paginator(self, operation: str) -> "PriceList":
        assert operation == "get_products"
        return self

    def paginate(self, ServiceCode: str, Filters: list[dict[str, str]]) -> list[dict[str, list[str]]]:  # noqa: N803
        asked = [ServiceCode, *(item["Value"] for item in Filters)]
        return [{"PriceList": offers} for key, offers in ANSWERS.items() if key in asked]


def test_services_are_priced_by_their_first_charged_unit_and_what_is_not_listed_clearly_is_left_alone():
    found = services.usd(PriceList(), "us-west-2")
    assert found == {
        "nat.hour": 0.046,
        "nat.gb": 0.045,
        "kms.key": 1.0,
        "kms.requests": 0.03,
        "ebs.gp3.throughput": 0.04,
    }, "two prices for ECR are no price"


def test_a_refreshed_service_says_whence_and_when_and_the_others_keep_their_date(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(services, "usd", lambda pricing, region: {"nat.hour": 0.046, "nat.gb": 0.045})
    found, changes = refreshed(table.read(), ["us-west-2"], session, NOW)
    assert Change("us-west-2", "nat.hour", 0.045, 0.046) in changes
    assert not [change for change in changes if change.what == "nat.gb"]
    monkeypatch.setattr(prices, "_table", lambda: found)
    hour, key = prices.service("nat.hour", "us-west-2"), prices.service("kms.key", "us-west-2")
    assert hour and key
    assert (hour.usd, hour.unit, hour.source) == (0.046, "hour", "AWS Price List API, GetProducts")
    assert hour.date == NOW.date()
    assert key.date < hour.date


def test_every_listing_is_of_a_service_that_the_table_prices():
    units = {key: table.unit(table.read(), key) for key in services.LISTINGS}
    assert units["s3.put"] == "1,000 requests"
    assert services.LISTINGS["s3.put"].times == 1_000
    assert units["kms.requests"] == "10,000 requests"
    assert services.LISTINGS["kms.requests"].times == 10_000


def test_prices_that_were_seen_take_the_place_of_assumptions(session: boto3.Session, monkeypatch: pytest.MonkeyPatch):
    found, _ = refreshed(table.read(), ["us-west-2"], session, NOW)
    monkeypatch.setattr(prices, "_table", lambda: found)
    seen = prices.spot("m7i.large", "us-west-2", "us-west-2a")
    listed = prices.on_demand("m7i.large", "us-west-2")
    assert seen and listed
    assert seen.source == "EC2 DescribeSpotPriceHistory"
    assert listed.source == "AWS Price List API, GetProducts"
    assert seen.usd < listed.usd


def test_a_second_refresh_changes_nothing_and_writes_nothing(session: boto3.Session, tmp_path: Path):
    once, _ = refreshed(table.read(), ["us-west-2"], session, NOW)
    file = tmp_path / "prices.json"
    assert table.write(once, file)
    again, changes = refreshed(table.read(file), ["us-west-2"], session, NOW)
    assert changes == []
    assert not table.write(again, file)


def test_a_region_that_aws_does_not_list_is_refused(session: boto3.Session):
    with pytest.raises(UserError, match="AWS lists no machine in mars-north-1"):
        refreshed(table.read(), ["mars-north-1"], session, NOW)


def test_a_write_that_fails_leaves_the_table_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "prices.json"
    table.write({"a": 1}, file)

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        table.write({"a": 2}, file)
    assert [path.name for path in tmp_path.iterdir()] == ["prices.json"]
    assert table.read(file) == {"a": 1}


def test_the_table_in_the_repository_is_written_as_a_refresh_writes_it():
    assert prices.FILE.read_text() == table.formatted(table.read())
