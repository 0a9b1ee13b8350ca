"""Placement groups."""

from local.aws.extensions.ec2.service import (
    Document,
    ec2,
    forget_tags,
    know_prefix,
    new_id,
    select,
    tag,
    tags_of,
)
from local.aws.moto import Call, Fault, State

FILTERS = {
    "group-name": "GroupName",
    "group-arn": "GroupArn",
    "group-id": "GroupId",
    "spread-level": "SpreadLevel",
    "state": "State",
    "strategy": "Strategy",
}


class Capacity(State):
    """Placement groups by name; capacity reservations by id, and the block offerings that were quoted."""

    service = "ec2"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.groups: dict[str, Document] = {}
        self.reservations: dict[str, Document] = {}
        self.offerings: dict[str, Document] = {}


def patch() -> None:
    """Let the groups be tagged."""
    know_prefix("pg", "placement-group")


@ec2
def create_placement_group(call: Call, request: Document) -> Document:
    """Create a cluster, partition or spread group."""
    groups = call.state(Capacity).groups
    name, strategy = request.get("GroupName"), request.get("Strategy") or "cluster"
    if not name:
        raise Fault("MissingParameter", "The request must contain the parameter groupName")
    if name in groups:
        raise Fault("InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
    partitions = request.get("PartitionCount")
    if partitions is not None and strategy != "partition":
        raise Fault("InvalidParameterCombination", "Partition count can only be given with strategy 'partition'")
    if partitions is not None and not 1 <= partitions <= 7:
        raise Fault("InvalidParameterValue", f"Partition count {partitions} is not between 1 and 7")
    if request.get("SpreadLevel") and strategy != "spread":
        raise Fault("InvalidParameterCombination", "Spread level can only be given with strategy 'spread'")
    if len(groups) >= 500:
        raise Fault("PlacementGroupLimitExceeded", "You have reached the limit of 500 placement groups")
    group: Document = {
        "GroupName": name,
        "GroupId": new_id("pg"),
        "GroupArn": call.arn(f"placement-group/{name}"),
        "State": "available",
        "Strategy": strategy,
    }
    if strategy == "partition":
        group["PartitionCount"] = partitions or 2
    if strategy == "spread":
        group["SpreadLevel"] = request.get("SpreadLevel") or "rack"
    tag(call, group["GroupId"], request, "placement-group")
    groups[name] = group
    return {"PlacementGroup": _about(call, group)}


@ec2
def describe_placement_groups(call: Call, request: Document) -> Document:
    """Groups by name, id or filter."""
    groups = call.state(Capacity).groups
    by_id = {group["GroupId"]: group for group in groups.values()}
    unknown = [name for name in request.get("GroupNames") or [] if name not in groups]
    unknown += [key for key in request.get("GroupIds") or [] if key not in by_id]
    if unknown:
        raise Fault("InvalidPlacementGroup.Unknown", f"The Placement Group '{unknown[0]}' is unknown.")
    found = [
        _about(call, group)
        for group in groups.values()
        if (not request.get("GroupNames") or group["GroupName"] in request["GroupNames"])
        and (not request.get("GroupIds") or group["GroupId"] in request["GroupIds"])
    ]
    return {"PlacementGroups": select(found, request, FILTERS)}


@ec2
def delete_placement_group(call: Call, request: Document) -> Document:
    """Delete a group that nothing runs in."""
    groups, name = call.state(Capacity).groups, request["GroupName"]
    if name not in groups:
        raise Fault("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    arn = groups[name]["GroupArn"]
    reserved = [
        item
        for item in call.state(Capacity).reservations.values()
        if item.get("PlacementGroupArn") == arn and item["State"] == "active"
    ]
    if reserved or _instances(call, name):
        raise Fault("InvalidPlacementGroup.InUse", f"The placement group {name} is in use and may not be deleted.")
    forget_tags(call, groups.pop(name)["GroupId"])
    return {}


def _about(call: Call, group: Document) -> Document:
    return group | {"Tags": tags_of(call, group["GroupId"])}


def _instances(call: Call, name: str) -> bool:
    return any(
        instance.placement.group_name == name and instance._state.name != "terminated"
        for reservation in call.backend("ec2").reservations.values()
        for instance in reservation.instances
    )
