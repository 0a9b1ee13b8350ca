"""EFS file systems: throughput, life cycle, backup, policy, protection and tags."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from local.aws.extensions.ec2.service import zone_id
from local.aws.moto import Call, Fault, Service, State, paged

efs = Service("efs", invalid="BadRequest")

Document = dict[str, Any]


class Efs(State):
    """File systems, mount targets and access points by id."""

    service = "efs"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.systems: dict[str, Document] = {}
        self.targets: dict[str, Document] = {}
        self.points: dict[str, Document] = {}


def fault(code: str, message: str) -> Fault:
    """An error as EFS writes it: its code again in the body."""
    return Fault(code, message, ErrorCode=code)


def system_of(call: Call, request: Document) -> Document:
    """The file system that the request names; FileSystemNotFound."""
    key = request["FileSystemId"].rsplit("/", 1)[-1]
    found = call.state(Efs).systems.get(key)
    if found is None:
        raise fault("FileSystemNotFound", f"File system '{key}' does not exist.")
    return found


@efs
def create_file_system(call: Call, request: Document) -> Document:
    """Create a file system; it is available when next described."""
    systems = call.state(Efs).systems
    for known in systems.values():
        if known["CreationToken"] == request["CreationToken"]:
            raise Fault(
                "FileSystemAlreadyExists",
                f"File system '{known['FileSystemId']}' already exists with creation token "
                f"'{request['CreationToken']}'",
                ErrorCode="FileSystemAlreadyExists",
                FileSystemId=known["FileSystemId"],
            )
    if request.get("KmsKeyId") and not request.get("Encrypted"):
        raise fault("BadRequest", "KmsKeyId can only be given for an encrypted file system.")
    _throughput(request)
    zone = request.get("AvailabilityZoneName")
    key = f"fs-{secrets.token_hex(9)[:17]}"
    systems[key] = {
        "OwnerId": call.account,
        "CreationToken": request["CreationToken"],
        "FileSystemId": key,
        "FileSystemArn": call.arn(f"file-system/{key}", "elasticfilesystem"),
        "CreationTime": datetime.now(UTC),
        "LifeCycleState": "available",
        "SizeInBytes": {"Value": 6144, "ValueInIA": 0, "ValueInStandard": 6144, "ValueInArchive": 0},
        "PerformanceMode": request.get("PerformanceMode") or "generalPurpose",
        "Encrypted": bool(request.get("Encrypted")),
        "KmsKeyId": _key(call, request.get("KmsKeyId")) if request.get("Encrypted") else None,
        "ThroughputMode": request.get("ThroughputMode") or "bursting",
        "ProvisionedThroughputInMibps": request.get("ProvisionedThroughputInMibps"),
        "AvailabilityZoneName": zone,
        "AvailabilityZoneId": zone_id(call.at("ec2"), zone) if zone else None,
        "Tags": request.get("Tags") or [],
        "FileSystemProtection": {"ReplicationOverwriteProtection": "ENABLED"},
        "LifecyclePolicies": [],
        # One Zone file systems are backed up unless told otherwise.
        "Backup": "ENABLED" if request.get("Backup", bool(zone)) else None,
        "Policy": None,
    }
    return _about(call, systems[key]) | {"LifeCycleState": "creating"}


@efs
def describe_file_systems(call: Call, request: Document) -> Document:
    """File systems, all, by id or by creation token."""
    found = [system_of(call, request)] if request.get("FileSystemId") else list(call.state(Efs).systems.values())
    if request.get("CreationToken"):
        found = [system for system in found if system["CreationToken"] == request["CreationToken"]]
    page, marker = paged(found, request, token="Marker", size="MaxItems")
    return {"FileSystems": [_about(call, system) for system in page], "NextMarker": marker}


@efs
def update_file_system(call: Call, request: Document) -> Document:
    """Change the throughput."""
    system = system_of(call, request)
    wanted = {
        "ThroughputMode": request.get("ThroughputMode") or system["ThroughputMode"],
        "ProvisionedThroughputInMibps": request.get("ProvisionedThroughputInMibps"),
    }
    _throughput(wanted)
    system |= wanted
    return _about(call, system) | {"LifeCycleState": "updating"}


@efs
def update_file_system_protection(call: Call, request: Document) -> Document:
    """Change the protection against being overwritten by a replication."""
    system = system_of(call, request)
    if request.get("ReplicationOverwriteProtection"):
        system["FileSystemProtection"] = {"ReplicationOverwriteProtection": request["ReplicationOverwriteProtection"]}
    return system["FileSystemProtection"]


@efs
def delete_file_system(call: Call, request: Document) -> Document:
    """Delete a file system without mount targets; its access points go with it."""
    state, system = call.state(Efs), system_of(call, request)
    key = system["FileSystemId"]
    if any(target["FileSystemId"] == key for target in state.targets.values()):
        raise fault("FileSystemInUse", f"Cannot delete file system '{key}': it has mount targets.")
    state.points = {name: point for name, point in state.points.items() if point["FileSystemId"] != key}
    del state.systems[key]
    return {}


@efs
def put_lifecycle_configuration(call: Call, request: Document) -> Document:
    """When files move to colder storage and back."""
    system = system_of(call, request)
    system["LifecyclePolicies"] = request["LifecyclePolicies"]
    return {"LifecyclePolicies": system["LifecyclePolicies"]}


@efs
def describe_lifecycle_configuration(call: Call, request: Document) -> Document:
    """The life cycle policies."""
    return {"LifecyclePolicies": system_of(call, request)["LifecyclePolicies"]}


@efs
def put_backup_policy(call: Call, request: Document) -> Document:
    """Back up automatically, or no longer."""
    status = request["BackupPolicy"]["Status"]
    if status not in ("ENABLED", "DISABLED"):
        raise fault("BadRequest", f"The backup policy can't be set to {status}.")
    system_of(call, request)["Backup"] = status
    return {"BackupPolicy": {"Status": "ENABLING" if status == "ENABLED" else "DISABLING"}}


@efs
def describe_backup_policy(call: Call, request: Document) -> Document:
    """The backup policy; PolicyNotFound where none was ever set."""
    status = system_of(call, request)["Backup"]
    if status is None:
        raise fault("PolicyNotFound", "There is no backup policy for the file system.")
    return {"BackupPolicy": {"Status": status}}


@efs
def put_file_system_policy(call: Call, request: Document) -> Document:
    """Say who may mount and write."""
    system = system_of(call, request)
    try:
        json.loads(request["Policy"])
    except ValueError:
        raise fault("InvalidPolicyException", "The policy is not valid JSON.") from None
    system["Policy"] = request["Policy"]
    return {"FileSystemId": system["FileSystemId"], "Policy": system["Policy"]}


@efs
def describe_file_system_policy(call: Call, request: Document) -> Document:
    """The policy; PolicyNotFound where there is none."""
    system = system_of(call, request)
    if system["Policy"] is None:
        raise fault("PolicyNotFound", "There is no policy for the file system.")
    return {"FileSystemId": system["FileSystemId"], "Policy": system["Policy"]}


@efs
def delete_file_system_policy(call: Call, request: Document) -> Document:
    """Take the policy away."""
    system_of(call, request)["Policy"] = None
    return {}


@efs
def describe_replication_configurations(call: Call, request: Document) -> Document:
    """Replications: none can be made here."""
    if request.get("FileSystemId"):
        key = system_of(call, request)["FileSystemId"]
        raise fault("ReplicationNotFound", f"File system '{key}' has no replication configuration.")
    return {"Replications": []}


@efs
def tag_resource(call: Call, request: Document) -> Document:
    """Tag a file system or access point."""
    item = _tagged(call, request["ResourceId"])
    tags = {tag["Key"]: tag["Value"] for tag in [*item["Tags"], *request["Tags"]]}
    item["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {}


@efs
def untag_resource(call: Call, request: Document) -> Document:
    """Take tags away."""
    item = _tagged(call, request["ResourceId"])
    item["Tags"] = [tag for tag in item["Tags"] if tag["Key"] not in request["TagKeys"]]
    return {}


@efs
def list_tags_for_resource(call: Call, request: Document) -> Document:
    """The tags of a file system or access point."""
    page, token = paged(_tagged(call, request["ResourceId"])["Tags"], request, token="NextToken", size="MaxResults")
    return {"Tags": page, "NextToken": token}


@efs
def describe_tags(call: Call, request: Document) -> Document:
    """The tags of a file system, by the older name of the question."""
    return {"Tags": system_of(call, request)["Tags"]}


def _tagged(call: Call, resource: str) -> Document:
    state, key = call.state(Efs), resource.rsplit("/", 1)[-1]
    found = state.systems.get(key) or state.points.get(key)
    if found is None:
        code = "AccessPointNotFound" if key.startswith("fsap-") else "FileSystemNotFound"
        raise fault(code, f"'{key}' does not exist.")
    return found


def _about(call: Call, system: Document) -> Document:
    targets = call.state(Efs).targets.values()
    hidden = ("LifecyclePolicies", "Backup", "Policy")
    return {key: value for key, value in system.items() if key not in hidden} | {
        "NumberOfMountTargets": sum(item["FileSystemId"] == system["FileSystemId"] for item in targets),
        "Name": next((tag["Value"] for tag in system["Tags"] if tag["Key"] == "Name"), None),
    }


def _throughput(request: Document) -> None:
    provisioned = request.get("ThroughputMode") == "provisioned"
    if provisioned != (request.get("ProvisionedThroughputInMibps") is not None):
        raise fault(
            "BadRequest", "ProvisionedThroughputInMibps must be given with the mode provisioned, and only then."
        )
    if request.get("ThroughputMode") == "elastic" and request.get("PerformanceMode") == "maxIO":
        raise fault("BadRequest", "Elastic throughput is only supported with the performance mode generalPurpose.")


def _key(call: Call, given: str | None) -> str:
    if not given:
        return call.arn("key/00000000-0000-0000-0000-0000000000ef", "kms")
    kms = call.backend("kms")
    key = kms.keys.get(kms.get_key_id(given.rsplit("/", 1)[-1] if ":key/" in given else given))
    if key is None or key.key_state != "Enabled":
        raise fault("BadRequest", f"The KMS key {given} does not exist or can't be used.")
    return key.arn
