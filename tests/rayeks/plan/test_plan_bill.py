"""The monthly bill: recomputed by hand, exact to the cent, and honest about what it does not know."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

from infra import prices
from local.home import root
from rayeks.plan import Plan, Resource, plan
from rayeks.plan.bill import Bill, bill, total
from rayeks.plan.charges import PRICED
from rayeks.plan.free import FREE
from rayeks.plan.platform import platform
from rayeks.plan.stackfile import stacks

TODAY = date(2026, 8, 1)
VALUES: dict[str, Any] = {
    "name": "ray-bill",
    "environment": "dev",
    "network": {
        "cidr": "10.0.0.0/16",
        "zones": ["us-west-2a", "us-west-2b", "us-west-2c"],
        "nat": "per_zone",
        "interface_endpoints": ["sts", "ecr.dkr"],
    },
    "cluster": {
        "public_access_cidrs": ["203.0.113.0/24"],
        "tier": "tier-xl",
        "log_retention_days": 60,
        "access": {"platform": {"principal": "arn:aws:iam::111111111111:role/admin", "role": "admin"}},
    },
    "node_groups": {
        "system": {"instance_types": ["m7i.large"], "min": 2, "desired": 2, "max": 3, "disk_gib": 100},
    },
    "reservations": {"train": {"instance_type": "p5.48xlarge", "zone": "us-west-2b", "count": 1}},
    "pools": {
        "ray-head": {"kind": "ray-head", "limits": {"cpu": 32, "memory_gib": 128}},
        "ray-gpu-train": {
            "kind": "ray-gpu-train",
            "instance_type": "p5.48xlarge",
            "zone": "us-west-2b",
            "capacity": ["reserved", "on-demand"],
            "reservations": ["train"],
            "root_gib": 500,
            "limits": {"cpu": 192, "memory_gib": 2048, "gpus": 8},
        },
    },
    "storage": {
        "buckets": {"checkpoints": {}},
        "files": {},
        "scratch": {"zone": "us-west-2b", "size_gib": 1200, "throughput": 250, "keep": False},
    },
    "expected": {"buckets_gib": {"checkpoints": 2000}, "nat_gib": 1000, "node_hours": {"ray-head": 100}},
}
US_EAST = "us-east-1"
LISTED = {"source": "a price list", "date": "2026-07-01"}
SERVICES = {
    "eks.standard": 0.10,
    "eks.extended": 0.60,
    "eks.tier-xl": 1.65,
    "nat.hour": 0.045,
    "nat.gb": 0.045,
    "ipv4.hour": 0.005,
    "endpoint.hour": 0.01,
    "endpoint.gb": 0.01,
    "ebs.gp3.gb": 0.08,
    "ebs.gp3.iops": 0.005,
    "ebs.gp3.throughput": 0.04,
    "efs.standard.gb": 0.30,
    "efs.read.gb": 0.03,
    "efs.write.gb": 0.06,
    "efs.backup.gb": 0.05,
    "fsx.lustre.ssd-250.gb": 0.21,
    "s3.standard.gb": 0.023,
    "kms.key": 1.0,
    "logs.ingest.gb": 0.5,
    "logs.store.gb": 0.03,
}

IN_AWS = [stack for stack in stacks(root()) if stack != "onprem"]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A price table that no refresh changes."""
    found: dict[str, Any] = {
        "same_as": {"us-west-2": US_EAST},
        "on_demand": {US_EAST: LISTED | {"usd": {"m7i": {"large": 0.1008}, "p5": {"48xlarge": 55.04}}}},
        "spot": {},
        "services": {US_EAST: {key: LISTED | {"usd": usd, "unit": "unit"} for key, usd in SERVICES.items()}},
    }
    monkeypatch.setattr(prices, "_table", lambda: found)
    return found


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Plan]:
    """The project's own program on a stack file of these values; each section that is given replaces the whole one."""

    def make(**sections: Any) -> Plan:
        folder = tmp_path_factory.mktemp("project")
        (folder / "stacks").mkdir()
        shutil.copy(root() / "Pulumi.yaml", folder)
        shutil.copy(root() / "stacks/__main__.py", folder / "stacks")
        config = {
            "aws:region": "us-west-2",
            "aws:allowedAccountIds": ["111111111111"],
            "aws:defaultTags": {"tags": {"environment": "dev"}},
            "ray-on-eks:platform": VALUES | sections,
        }
        (folder / "stacks/Pulumi.any.yaml").write_text(yaml.safe_dump({"config": config}))
        return plan("any", root=folder)

    return make


@pytest.fixture(scope="module")
def at_rest(planned) -> Plan:
    """The plan of the values as they stand."""
    return planned()


def billed(planned: Plan, today: date = TODAY) -> Bill:
    return bill(planned, platform(planned), today)


def amounts(found: Bill, section: str) -> dict[str, str]:
    return {line.what: str(line.amount) for line in found.sections[section]}


def test_a_bill_is_what_one_comes_to_by_hand(at_rest, table):
    found = billed(at_rest)
    assert amounts(found, "Control plane") == {
        "EKS control plane, Kubernetes 1.35 in standard support": "73.00",  # 730 h x $0.10
        "provisioned capacity tier-xl": "1204.50",  # 730 h x $1.65
    }
    assert amounts(found, "Network") == {
        "NAT gateways": "98.55",  # 3 zones x 730 h x $0.045
        "public IPv4 addresses": "10.95",  # 3 gateways x 730 h x $0.005
        "interface endpoints": "43.80",  # 2 services x 3 zones x 730 h x $0.01
        "data through NAT": "45.00",  # 1,000 GB x $0.045
        "data through interface endpoints": "1.00",  # 100 GB x $0.01
    }
    assert amounts(found, "Nodes") == {
        "ray-bill-system: 2 × m7i.large, on demand": "147.17",  # 2 x 730 h x $0.1008 = 147.168
        "disks of ray-bill-system": "16.00",  # 2 x 100 GB x $0.08; 3,000 IOPS and 125 MB/s come with it
    }
    assert amounts(found, "Reservations") == {
        "ray-bill-train: 1 × p5.48xlarge, used or not": "40179.20",  # 730 h x $55.04
    }
    assert amounts(found, "Storage") == {
        "S3 bucket checkpoints": "46.00",  # 2,000 GB x $0.023
        "EFS": "30.00",  # 100 GB x $0.30
        "EFS, read": "6.00",  # 200 GB x $0.03
        "EFS, written": "3.00",  # 50 GB x $0.06
        "EFS, backups": "5.00",  # 100 GB x $0.05
        "FSx for Lustre, 250 MB/s per TiB": "252.00",  # 1,200 GB x $0.21
    }
    keys = sum(resource.type == "aws:kms/key:Key" for resource in at_rest.resources)
    assert amounts(found, "Keys and logs") == {
        "KMS keys": f"{keys}.00",  # each $1
        "logs /aws/eks/ray-bill/cluster, taken in": "5.00",  # 10 GB x $0.50
        "logs /aws/eks/ray-bill/cluster, 60 days kept": "0.60",  # 10 GB a month for two months x $0.03
    }
    # 73 + 1204.50 + 98.55 + 10.95 + 43.80 + 45 + 1 + 147.17 + 16 + 40179.20 + 46 + 30 + 6 + 3 + 5 + 252 + 5 + 0.60
    assert total(found.floor) == Decimal("42166.77") + keys


def test_an_hour_of_a_pool_is_its_cheapest_machine_with_its_disk(at_rest, table):
    table["on_demand"][US_EAST]["usd"]["m6i"] = {"large": 0.096, "xlarge": 0.192}
    hours = {(hour.pool, hour.market): hour for hour in billed(at_rest).node_hours}
    head = hours["ray-head", "on-demand"]
    # 100 GB x $0.08 + (600 - 125) MB/s x $0.04 = $27 a month; / 730 h = $0.036986
    assert (head.instance_type, head.usd) == ("m6i.large", Decimal("0.096") + Decimal("0.036986"))
    # A reserved machine is paid in the floor; its disk is not: (500 x $0.08 + 475 x $0.04) / 730 h
    assert hours["ray-gpu-train", "reserved"].usd == Decimal("0.080822")
    assert hours["ray-gpu-train", "on-demand"].usd == Decimal("55.04") + Decimal("0.080822")


def test_expected_node_hours_are_on_the_bill_above_the_floor(at_rest, table):
    found = billed(at_rest)
    # 100 h x $0.1008 and 100 h x $0.036986
    assert [line.amount for line in found.use] == [Decimal("10.08"), Decimal("3.70")]
    assert found.total == total(found.floor) + Decimal("13.78")


@pytest.mark.parametrize("stack", IN_AWS)
def test_the_parts_of_every_stacks_bill_make_its_total_exactly(stack: str):
    found = billed(plan(stack, root=root()))
    shown = [Decimal(line["usd"]) for line in found.to_json()["lines"]]
    assert sum(shown) == found.total == Decimal(found.to_json()["usdPerMonth"])
    assert sum(total(lines) for lines in found.sections.values()) == found.total
    assert found.unknown == ()


@pytest.mark.parametrize("stack", IN_AWS)
def test_every_aws_type_of_every_stack_is_priced_or_known_to_be_free(stack: str):
    types = {one.type for one in plan(stack, root=root()).resources if one.package == "aws" and not one.external}
    assert types - set(PRICED) - FREE == set()


def test_nothing_is_both_priced_and_free():
    assert set(PRICED) & FREE == set()


def test_a_missing_price_is_unknown_and_not_nothing(at_rest, table):
    del table["services"][US_EAST]["nat.hour"]
    found = billed(at_rest)
    nat = next(line for line in found.lines if line.what == "NAT gateways")
    assert nat.amount is None
    assert nat.to_json()["usd"] is None
    assert "NAT gateways" in found.unknown


def test_a_pool_without_a_price_is_unknown(at_rest, table):
    del table["on_demand"][US_EAST]["usd"]["m7i"]
    assert "an hour of pool ray-head, on-demand" in billed(at_rest).unknown


def test_a_type_that_nobody_put_a_price_on_is_unknown(at_rest, table):
    new = Resource(urn="urn:x", type="aws:rds/instance:Instance", name="db", inputs={})
    found = billed(replace(at_rest, resources=(*at_rest.resources, new)))
    assert found.unknown == ("aws:rds/instance:Instance",)


@pytest.mark.parametrize(
    ("today", "policy", "support"),
    [
        (date(2026, 12, 1), "EXTENDED", "standard"),
        (date(2026, 12, 2), "EXTENDED", "extended"),
        (date(2026, 12, 2), "STANDARD", "standard"),
    ],
)
def test_extended_support_is_charged_from_its_first_day_unless_eks_upgrades(at_rest, table, today, policy, support):
    cluster = next(at_rest.of_type("aws:eks/cluster:Cluster"))
    older = replace(cluster, inputs={**cluster.inputs, "version": "1.34", "upgradePolicy": {"supportType": policy}})
    changed = replace(at_rest, resources=tuple(older if one is cluster else one for one in at_rest.resources))
    assert f"EKS control plane, Kubernetes 1.34 in {support} support" in amounts(
        billed(changed, today), "Control plane"
    )


def test_machines_that_run_in_a_reservation_are_not_paid_twice(planned, table):
    training: dict[str, Any] = {
        "instance_types": ["p5.48xlarge"],
        "accelerator": "nvidia",
        "min": 1,
        "desired": 1,
        "max": 1,
    }
    training |= {"zones": ["us-west-2b"], "reservation": "train", "taints": [{"key": "nvidia.com/gpu"}]}
    found = billed(planned(node_groups=VALUES["node_groups"] | {"train": training}))
    assert sum(line.amount or 0 for line in found.lines if "p5.48xlarge" in line.what) == Decimal("40179.20")
    assert amounts(found, "Nodes")["disks of ray-bill-train"] == "8.00"  # 100 GB x $0.08
    # (600 - 125) MB/s x $0.04
    assert amounts(found, "Nodes")["disks of ray-bill-train, MB/s beyond 125"] == "19.00"


def test_one_regional_gateway_is_charged_in_every_zone_with_an_address_in_each(planned, table):
    found = amounts(billed(planned(network=VALUES["network"] | {"nat": "regional"})), "Network")
    assert (found["NAT gateways"], found["public IPv4 addresses"]) == ("98.55", "10.95")


def test_a_spot_group_is_charged_at_the_spot_price(planned, table):
    table["spot"]["us-west-2"] = LISTED | {"zones": {"us-west-2a": {"m7i": {"large": 0.04}}}}
    spot = {"instance_types": ["m7i.large"], "capacity": "spot", "min": 1, "desired": 1, "max": 1}
    found = billed(planned(node_groups=VALUES["node_groups"] | {"more": spot}))
    assert amounts(found, "Nodes")["ray-bill-more: 1 × m7i.large, spot"] == "29.20"  # 730 h x $0.04


def test_the_age_of_the_oldest_price_is_told(at_rest, table):
    table["services"][US_EAST]["kms.key"]["date"] = "2026-01-01"
    found = billed(at_rest)
    assert found.dates == (date(2026, 1, 1), date(2026, 7, 1))
    assert found.age(TODAY) == 212
