"""Reservations that are named by id, and the role that EC2 buys spot with."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import PLATFORM, only

KEY = "cr-0123456789abcdef0"
GROUP = "arn:aws:ec2:us-west-2:123456789012:placement-group/ray-test-train"
POOL = PLATFORM["pools"]["ray-gpu-train"] | {"reservations": [KEY], "capacity": ["reserved", "on-demand"]}


@pytest.fixture
def checked(find, answers) -> Callable[..., list]:
    """The findings about one reservation, with changes to what EC2 says of it, and to the pool that names it."""

    def run(pool: dict[str, Any] | None = None, **about: Any) -> list:
        reservation = {
            "CapacityReservationId": KEY,
            "InstanceType": "p5.48xlarge",
            "InstancePlatform": "Linux/UNIX",
            "AvailabilityZone": "us-west-2b",
            "TotalInstanceCount": 2,
            "AvailableInstanceCount": 2,
            "State": "active",
            "ReservationType": "default",
            "PlacementGroupArn": GROUP,
        } | about
        found = [reservation] if about.get("State") != "absent" else []
        answers.give("ec2", "DescribeCapacityReservations", {"CapacityReservations": found})
        return find("reservations", pools__ray_gpu_train=POOL | (pool or {}))

    return run


def test_a_reservation_that_is_what_the_pool_believes_passes(checked) -> None:
    (finding,) = checked()
    assert finding.status is Status.PASS
    assert "2 × p5.48xlarge in us-west-2b, 2 free" in finding.message


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"State": "absent"}, "no such reservation"),
        ({"State": "expired"}, "is expired"),
        ({"State": "cancelled"}, "is cancelled"),
        ({"InstanceType": "p4d.24xlarge"}, "is for p4d.24xlarge, not p5.48xlarge"),
        ({"AvailabilityZone": "us-west-2a"}, "is in us-west-2a, not us-west-2b"),
        ({"InstancePlatform": "Windows"}, "is for Windows"),
        ({"PlacementGroupArn": None}, "is in no placement group"),
        ({"PlacementGroupArn": GROUP.replace("train", "other")}, "is in the placement group ray-test-other"),
        ({"ReservationType": "capacity-block"}, "is a Capacity Block, which no placement group can hold"),
    ],
)
def test_a_reservation_that_the_pool_could_never_use_fails_with_the_reason(checked, about, says) -> None:
    finding = only(checked(**about))
    assert finding.status is Status.FAIL
    assert KEY in finding.subject
    assert says in finding.message
    assert finding.fix


def test_a_capacity_block_without_a_placement_group_passes(checked) -> None:
    (finding,) = checked({"placement_group": None}, ReservationType="capacity-block", PlacementGroupArn=None)
    assert finding.status is Status.PASS


def test_a_block_that_has_not_begun_is_warned_of_with_its_start(checked) -> None:
    start = datetime.now(UTC) + timedelta(days=9)
    finding = only(checked(State="scheduled", StartDate=start))
    assert finding.status is Status.WARN
    assert f"begins on {start:%Y-%m-%d}" in finding.message


def test_a_reservation_that_ends_soon_is_warned_of(checked) -> None:
    finding = only(checked(EndDate=datetime.now(UTC) + timedelta(days=2)))
    assert finding.status is Status.WARN
    assert "ends on" in finding.message


def test_a_capacity_block_group_needs_a_block(checked, find) -> None:
    group = {
        "instance_types": ["p5.48xlarge"],
        "capacity": "capacity-block",
        "accelerator": "nvidia",
        "reservation": KEY,
        "zones": ["us-west-2b"],
        "min": 0,
        "desired": 0,
        "max": 2,
    }
    checked(PlacementGroupArn=None)
    finding = only(find("reservations", node_groups__block=group))
    assert finding.status is Status.FAIL
    assert "is no Capacity Block" in finding.message


def test_real_reservations_of_the_account_are_looked_up(aws, find) -> None:
    made = aws("ec2").create_capacity_reservation(
        InstanceType="p5.48xlarge", InstancePlatform="Linux/UNIX", AvailabilityZone="us-west-2a", InstanceCount=1
    )["CapacityReservation"]["CapacityReservationId"]
    pool = POOL | {"reservations": [made], "placement_group": None}
    finding = only(find("reservations", pools__ray_gpu_train=pool))
    assert "is in us-west-2a, not us-west-2b" in finding.message


def test_a_missing_spot_role_fails_with_the_command_that_makes_it(aws, find) -> None:
    iam = aws("iam")
    for role in iam.list_roles(PathPrefix="/aws-service-role/spot.amazonaws.com/")["Roles"]:
        iam.delete_service_linked_role(RoleName=role["RoleName"])
    finding = only(find("spot-role"))
    assert finding.status is Status.FAIL
    assert "pools.ray-cpu" in finding.message
    assert "create-service-linked-role --aws-service-name spot.amazonaws.com" in finding.fix


def test_without_spot_nobody_needs_the_role(find, answers) -> None:
    on_demand = {
        key: pool | {"capacity": ["on-demand"]} for key, pool in PLATFORM["pools"].items() if key != "ray-head"
    }
    (finding,) = find("spot-role", pools={"ray-head": PLATFORM["pools"]["ray-head"], **on_demand})
    assert finding.status is Status.PASS
    assert ("iam", "ListRoles") not in answers.called
