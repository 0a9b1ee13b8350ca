"""On-demand capacity reservations and Capacity Blocks."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from local.aws.extensions.ec2.placement import Capacity
from local.aws.extensions.ec2.service import (
    Document,
    ec2,
    know_prefix,
    named,
    new_id,
    select,
    tag,
    tags_of,
    zone_id,
)
from local.aws.moto import Call, Fault, paged

FILTERS = {
    "instance-type": "InstanceType",
    "owner-id": "OwnerId",
    "instance-platform": "InstancePlatform",
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "tenancy": "Tenancy",
    "state": "State",
    "start-date": "StartDate",
    "end-date": "EndDate",
    "end-date-type": "EndDateType",
    "instance-match-criteria": "InstanceMatchCriteria",
    "placement-group-arn": "PlacementGroupArn",
    "reservation-type": "ReservationType",
}
UNKNOWN = "InvalidCapacityReservationId.NotFound"
# Only these families are sold as Capacity Blocks.
BLOCK_FAMILIES = ("p4d", "p4de", "p5", "p5e", "p5en", "p6", "trn1", "trn2")
BLOCK_ZONE = "b"
# Dollars an hour and instance, of the order of the published block prices.
BLOCK_PRICES = {"p5": 31.46, "p5e": 34.6, "p5en": 36.2, "p4d": 11.8, "p4de": 14.9, "trn1": 9.5, "trn2": 17.9}


def patch() -> None:
    """Let reservations be tagged."""
    know_prefix("cr", "capacity-reservation")


@ec2
def create_capacity_reservation(call: Call, request: Document) -> Document:
    """Reserve capacity at once; it is active in the answer."""
    if request.get("StartDate"):
        raise Fault("Unsupported", "The local AWS does not take future-dated capacity reservations.")
    zone = _zone(call, request)
    _offered(call, request["InstanceType"], zone)
    limited = request.get("EndDateType") == "limited"
    if limited != bool(request.get("EndDate")):
        raise Fault("InvalidParameterCombination", "EndDate must be given with EndDateType 'limited', and only then.")
    _in_group(call, request.get("PlacementGroupArn"))
    key, now = new_id("cr"), datetime.now(UTC)
    reservation = {
        "CapacityReservationId": key,
        "OwnerId": call.account,
        "CapacityReservationArn": call.arn(f"capacity-reservation/{key}"),
        "AvailabilityZone": zone,
        "AvailabilityZoneId": zone_id(call, zone),
        "InstanceType": request["InstanceType"],
        "InstancePlatform": request["InstancePlatform"],
        "Tenancy": request.get("Tenancy") or "default",
        "TotalInstanceCount": request["InstanceCount"],
        "AvailableInstanceCount": request["InstanceCount"],
        "EbsOptimized": bool(request.get("EbsOptimized")),
        "EphemeralStorage": bool(request.get("EphemeralStorage")),
        "State": "active",
        "StartDate": now,
        "CreateDate": now,
        "EndDate": request.get("EndDate"),
        "EndDateType": request.get("EndDateType") or "unlimited",
        "InstanceMatchCriteria": request.get("InstanceMatchCriteria") or "open",
        "PlacementGroupArn": request.get("PlacementGroupArn"),
        "ReservationType": "default",
    }
    tag(call, key, request, "capacity-reservation")
    call.state(Capacity).reservations[key] = reservation
    return {"CapacityReservation": _about(call, reservation)}


@ec2
def describe_capacity_reservations(call: Call, request: Document) -> Document:
    """Reservations by id or filter; cancelled ones stay visible for a while."""
    known = call.state(Capacity).reservations
    found = named(known, request.get("CapacityReservationIds"), UNKNOWN, "Capacity Reservation")
    shown = select([_about(call, item) for item in found], request, FILTERS)
    page, token = paged(shown, request, token="NextToken", size="MaxResults")
    return {"CapacityReservations": page, "NextToken": token}


@ec2
def modify_capacity_reservation(call: Call, request: Document) -> Document:
    """Change count, end or matching."""
    reservation = _active(call, request["CapacityReservationId"])
    if request.get("InstanceCount") is not None:
        more = request["InstanceCount"] - reservation["TotalInstanceCount"]
        reservation["TotalInstanceCount"] += more
        reservation["AvailableInstanceCount"] += more
    for key in ("EndDate", "EndDateType", "InstanceMatchCriteria"):
        if request.get(key) is not None:
            reservation[key] = request[key]
    if reservation["EndDateType"] == "unlimited":
        reservation["EndDate"] = None
    return {"Return": True}


@ec2
def cancel_capacity_reservation(call: Call, request: Document) -> Document:
    """Give the capacity back."""
    reservation = _active(call, request["CapacityReservationId"])
    if reservation["ReservationType"] == "capacity-block":
        raise Fault("OperationNotPermitted", "Capacity Blocks can't be cancelled.")
    reservation |= {"State": "cancelled", "AvailableInstanceCount": 0, "TotalInstanceCount": 0}
    return {"Return": True}


@ec2
def describe_capacity_block_offerings(call: Call, request: Document) -> Document:
    """One block that could be bought: from the earliest day asked for, in the zone that has blocks here."""
    kind, hours = request.get("InstanceType"), request["CapacityDurationHours"]
    if not kind:
        raise Fault("MissingParameter", "The request must contain the parameter InstanceType")
    family = kind.split(".")[0].split("-")[0]
    if family not in BLOCK_FAMILIES:
        raise Fault("InvalidParameterValue", f"Instance type {kind} is not supported by Capacity Blocks")
    days = hours / 24
    if hours % 24 or not (1 <= days <= 14 or (days <= 182 and days % 7 == 0)):
        raise Fault("InvalidParameterValue", f"CapacityDurationHours {hours} is not a duration of Capacity Blocks")
    count = request.get("InstanceCount") or 1
    if not 1 <= count <= 64:
        raise Fault("InvalidParameterValue", f"InstanceCount {count} is not between 1 and 64")
    earliest = request.get("StartDateRange") or datetime.now(UTC)
    start = _next_start(earliest)
    if start > datetime.now(UTC) + timedelta(weeks=8) or (
        request.get("EndDateRange") and start + timedelta(hours=hours) > request["EndDateRange"]
    ):
        return {"CapacityBlockOfferings": []}
    offering = {
        "CapacityBlockOfferingId": new_id("cb"),
        "InstanceType": kind,
        "AvailabilityZone": f"{call.region}{BLOCK_ZONE}",
        "InstanceCount": count,
        "StartDate": start,
        "EndDate": start + timedelta(hours=hours),
        "CapacityBlockDurationHours": hours,
        "UpfrontFee": f"{BLOCK_PRICES.get(family, 60.0) * hours * count:.2f}",
        "CurrencyCode": "USD",
        "Tenancy": "default",
    }
    call.state(Capacity).offerings[offering["CapacityBlockOfferingId"]] = offering
    return {"CapacityBlockOfferings": [offering]}


@ec2
def purchase_capacity_block(call: Call, request: Document) -> Document:
    """Buy a quoted block: a targeted reservation that is scheduled until its start."""
    state = call.state(Capacity)
    offering = state.offerings.pop(request["CapacityBlockOfferingId"], None)
    if offering is None:
        raise Fault("InvalidParameterValue", "The Capacity Block offering does not exist or has expired.")
    key = new_id("cr")
    started = offering["StartDate"] <= datetime.now(UTC)
    reservation = {
        "CapacityReservationId": key,
        "OwnerId": call.account,
        "CapacityReservationArn": call.arn(f"capacity-reservation/{key}"),
        "AvailabilityZone": offering["AvailabilityZone"],
        "AvailabilityZoneId": zone_id(call, offering["AvailabilityZone"]),
        "InstanceType": offering["InstanceType"],
        "InstancePlatform": request["InstancePlatform"],
        "Tenancy": "default",
        "TotalInstanceCount": offering["InstanceCount"],
        "AvailableInstanceCount": offering["InstanceCount"] if started else 0,
        "EbsOptimized": True,
        "EphemeralStorage": False,
        "State": "active" if started else "scheduled",
        "StartDate": offering["StartDate"],
        "CreateDate": datetime.now(UTC),
        "EndDate": offering["EndDate"],
        "EndDateType": "limited",
        "InstanceMatchCriteria": "targeted",
        "ReservationType": "capacity-block",
    }
    tag(call, key, request, "capacity-reservation")
    state.reservations[key] = reservation
    return {"CapacityReservation": _about(call, reservation)}


def _next_start(earliest: Any) -> datetime:
    """Blocks begin at 11:30 UTC."""
    moment = earliest.astimezone(UTC) if isinstance(earliest, datetime) else datetime.now(UTC)
    start = moment.replace(hour=11, minute=30, second=0, microsecond=0)
    return start + timedelta(days=math.ceil(max(0.0, (moment - start).total_seconds()) / 86400))


def _about(call: Call, reservation: Document) -> Document:
    return reservation | {"Tags": tags_of(call, reservation["CapacityReservationId"])}


def _active(call: Call, key: str) -> Document:
    found = named(call.state(Capacity).reservations, [key], UNKNOWN, "Capacity Reservation")[0]
    if found["State"] not in ("active", "scheduled"):
        raise Fault(
            "InvalidCapacityReservationState",
            f"The Capacity Reservation {key} is in state {found['State']} and can't be changed.",
        )
    return found


def _zone(call: Call, request: Document) -> str:
    if request.get("AvailabilityZone"):
        zone_id(call, request["AvailabilityZone"])
        return request["AvailabilityZone"]
    for zone in call.backend("ec2").describe_availability_zones():
        if zone.zone_id == request.get("AvailabilityZoneId"):
            return zone.name
    raise Fault("MissingParameter", "The request must contain the parameter AvailabilityZone or AvailabilityZoneId")


def _offered(call: Call, kind: str, zone: str) -> None:
    offerings = call.backend("ec2").describe_instance_type_offerings("availability-zone", {"instance-type": [kind]})
    if not offerings:
        raise Fault("InvalidInstanceType", f"The instance type '{kind}' is not valid")
    if zone not in {offering["Location"] for offering in offerings}:
        raise Fault(
            "Unsupported", f"The requested instance type {kind} is not supported in the Availability Zone {zone}."
        )


def _in_group(call: Call, arn: str | None) -> None:
    if not arn:
        return
    groups = {group["GroupArn"]: group for group in call.state(Capacity).groups.values()}
    if arn not in groups:
        raise Fault("InvalidPlacementGroup.Unknown", f"The Placement Group '{arn}' is unknown.")
    if groups[arn]["Strategy"] != "cluster":
        raise Fault("InvalidParameterValue", "Capacity reservations can be made in cluster placement groups only.")
