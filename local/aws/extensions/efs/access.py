"""How EFS file systems are reached: mount targets in the zones, and access points with their owners."""

import re
import secrets
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from local.aws.extensions.efs.systems import Document, Efs, efs, fault, system_of
from local.aws.moto import Call, paged

MOST_GROUPS = 5


@efs
def create_mount_target(call: Call, request: Document) -> Document:
    """Make a file system reachable in a zone; the target is available when next described."""
    state, system = call.state(Efs), system_of(call, request)
    backend = call.backend("ec2")
    try:
        subnet = backend.get_subnet(request["SubnetId"])
    except EC2ClientError:
        raise fault("SubnetNotFound", f"The subnet ID '{request['SubnetId']}' does not exist.") from None
    key = system["FileSystemId"]
    for other in state.targets.values():
        if other["FileSystemId"] != key:
            continue
        if other["VpcId"] != subnet.vpc_id:
            raise fault(
                "MountTargetConflict",
                "requested subnet for new mount target is not in the same VPC as existing mount targets",
            )
        if other["AvailabilityZoneName"] == subnet.availability_zone:
            raise fault("MountTargetConflict", "mount target already exists in this AZ")
    if system["AvailabilityZoneName"] not in (None, subnet.availability_zone):
        raise fault("AvailabilityZonesMismatch", f"The file system is in {system['AvailabilityZoneName']}.")
    groups = _groups(call, request.get("SecurityGroups"), subnet.vpc_id)
    interface = backend.create_network_interface(
        subnet, request.get("IpAddress") or [], group_ids=groups, description=f"EFS mount target for {key}"
    )
    interface.requester_managed, interface.status, interface.interface_type = True, "in-use", "efs"
    target = {
        "OwnerId": call.account,
        "MountTargetId": f"fsmt-{secrets.token_hex(9)[:17]}",
        "FileSystemId": key,
        "SubnetId": subnet.id,
        "LifeCycleState": "available",
        "IpAddress": interface.private_ip_address,
        "NetworkInterfaceId": interface.id,
        "AvailabilityZoneId": subnet.availability_zone_id,
        "AvailabilityZoneName": subnet.availability_zone,
        "VpcId": subnet.vpc_id,
    }
    state.targets[target["MountTargetId"]] = target
    return target | {"LifeCycleState": "creating"}


@efs
def describe_mount_targets(call: Call, request: Document) -> Document:
    """Mount targets by id, file system or access point."""
    targets = list(call.state(Efs).targets.values())
    if request.get("MountTargetId"):
        targets = [_target(call, request)]
    elif request.get("AccessPointId"):
        wanted = _point(call, request)["FileSystemId"]
        targets = [target for target in targets if target["FileSystemId"] == wanted]
    elif request.get("FileSystemId"):
        wanted = system_of(call, request)["FileSystemId"]
        targets = [target for target in targets if target["FileSystemId"] == wanted]
    else:
        raise fault("BadRequest", "Give a file system, a mount target or an access point.")
    page, marker = paged(targets, request, token="Marker", size="MaxItems")
    return {"MountTargets": page, "NextMarker": marker}


@efs
def delete_mount_target(call: Call, request: Document) -> Document:
    """Take a file system out of a zone."""
    target = _target(call, request)
    call.backend("ec2").delete_network_interface(target["NetworkInterfaceId"])
    del call.state(Efs).targets[target["MountTargetId"]]
    return {}


@efs
def describe_mount_target_security_groups(call: Call, request: Document) -> Document:
    """The groups of a mount target."""
    return {"SecurityGroups": [group.id for group in _interface(call, request).group_set]}


@efs
def modify_mount_target_security_groups(call: Call, request: Document) -> Document:
    """Put a mount target into other groups."""
    interface = _interface(call, request)
    groups = _groups(call, request.get("SecurityGroups"), interface.subnet.vpc_id)
    backend = call.backend("ec2")
    interface._group_set = [backend.get_security_group_from_id(key) for key in groups]
    return {}


@efs
def create_access_point(call: Call, request: Document) -> Document:
    """Create an access point; it is available when next described."""
    state, system = call.state(Efs), system_of(call, request)
    for point in state.points.values():
        if point["ClientToken"] == request["ClientToken"]:
            raise fault("AccessPointAlreadyExists", f"Access point already exists: {point['AccessPointId']}")
    root: Document = request.get("RootDirectory") or {}
    path = root.get("Path") or "/"
    if not path.startswith("/") or len(path) > 100 or path.count("/") > 4:
        raise fault(
            "BadRequest", f"The path {path} must begin with a slash and have at most four folders and 100 characters."
        )
    permissions = (root.get("CreationInfo") or {}).get("Permissions")
    if permissions is not None and not re.fullmatch(r"0?[0-7]{3}", permissions):
        raise fault("BadRequest", f"The permissions {permissions} are not three octal digits.")
    key = f"fsap-{secrets.token_hex(9)[:17]}"
    tags = request.get("Tags") or []
    state.points[key] = {
        "ClientToken": request["ClientToken"],
        "Name": next((tag["Value"] for tag in tags if tag["Key"] == "Name"), None),
        "Tags": tags,
        "AccessPointId": key,
        "AccessPointArn": call.arn(f"access-point/{key}", "elasticfilesystem"),
        "FileSystemId": system["FileSystemId"],
        "PosixUser": request.get("PosixUser"),
        "RootDirectory": {"Path": path} | {name: value for name, value in root.items() if name != "Path"},
        "OwnerId": call.account,
        "LifeCycleState": "available",
    }
    return state.points[key] | {"LifeCycleState": "creating"}


@efs
def describe_access_points(call: Call, request: Document) -> Document:
    """Access points, all, by id or by file system."""
    points = list(call.state(Efs).points.values())
    if request.get("AccessPointId"):
        points = [_point(call, request)]
    elif request.get("FileSystemId"):
        wanted = system_of(call, request)["FileSystemId"]
        points = [point for point in points if point["FileSystemId"] == wanted]
    page, token = paged(points, request, token="NextToken", size="MaxResults")
    return {"AccessPoints": page, "NextToken": token}


@efs
def delete_access_point(call: Call, request: Document) -> Document:
    """Delete an access point; its folder stays."""
    del call.state(Efs).points[_point(call, request)["AccessPointId"]]
    return {}


def _target(call: Call, request: Document) -> Document:
    found = call.state(Efs).targets.get(request["MountTargetId"])
    if found is None:
        raise fault("MountTargetNotFound", f"Mount target '{request['MountTargetId']}' does not exist.")
    return found


def _interface(call: Call, request: Document) -> Any:
    return call.backend("ec2").get_network_interface(_target(call, request)["NetworkInterfaceId"])


def _point(call: Call, request: Document) -> Document:
    key = request["AccessPointId"].rsplit("/", 1)[-1]
    found = call.state(Efs).points.get(key)
    if found is None:
        raise fault("AccessPointNotFound", f"Access point '{key}' does not exist.")
    return found


def _groups(call: Call, ids: list[str] | None, vpc_id: str) -> list[str]:
    backend = call.backend("ec2")
    ids = ids or [backend.get_security_group_by_name_or_id("default", vpc_id).id]
    if len(ids) > MOST_GROUPS:
        raise fault("SecurityGroupLimitExceeded", f"A mount target has at most {MOST_GROUPS} security groups.")
    for key in ids:
        group = backend.get_security_group_from_id(key)
        if group is None or group.vpc_id != vpc_id:
            raise fault("SecurityGroupNotFound", f"The security group '{key}' does not exist in {vpc_id}.")
    return ids
