"""FSx for Lustre file systems, with the network interfaces they hold."""

import secrets
from datetime import UTC, datetime
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from local.aws.extensions.fsx.rules import automatic_iops, permits, problem
from local.aws.moto import Call, Fault, Service, State, paged

fsx = Service("fsx", invalid="BadRequest")

Document = dict[str, Any]
PERSISTENT_DEFAULTS = {
    "DailyAutomaticBackupStartTime": "05:00",
    "AutomaticBackupRetentionDays": 0,
    "CopyTagsToBackups": False,
}
UPDATABLE = (
    "WeeklyMaintenanceStartTime",
    "DailyAutomaticBackupStartTime",
    "AutomaticBackupRetentionDays",
    "DataCompressionType",
    "LogConfiguration",
    "RootSquashConfiguration",
    "PerUnitStorageThroughput",
    "MetadataConfiguration",
    "ThroughputCapacity",
    "DataReadCacheConfiguration",
)


class Fsx(State):
    """File systems and data repository associations by id."""

    service = "fsx"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.systems: dict[str, Document] = {}
        self.associations: dict[str, Document] = {}


@fsx
def create_file_system(call: Call, request: Document) -> Document:
    """Create a Lustre file system; it is AVAILABLE when next described."""
    if request["FileSystemType"] != "LUSTRE":
        raise Fault("BadRequest", f"The local AWS makes no file systems of type {request['FileSystemType']}.")
    wrong = problem(request)
    if wrong:
        raise Fault("BadRequest", wrong)
    if len(request["SubnetIds"]) != 1:
        raise Fault("InvalidNetworkSettings", "Exactly one subnet must be given for a Lustre file system.")
    subnet = _subnet(call, request["SubnetIds"][0])
    lustre = request.get("LustreConfiguration") or {}
    groups = _groups(call, request.get("SecurityGroupIds") or [], subnet, efa=bool(lustre.get("EfaEnabled")))
    key = f"fs-{secrets.token_hex(9)[:17]}"
    interfaces = _interfaces(call, key, subnet, groups, request.get("StorageCapacity") or 2400)
    system = {
        "OwnerId": call.account,
        "CreationTime": datetime.now(UTC),
        "FileSystemId": key,
        "FileSystemType": "LUSTRE",
        "Lifecycle": "AVAILABLE",
        "StorageCapacity": request.get("StorageCapacity"),
        "StorageType": request.get("StorageType") or "SSD",
        "VpcId": subnet.vpc_id,
        "SubnetIds": [subnet.id],
        "NetworkInterfaceIds": interfaces,
        "NetworkType": request.get("NetworkType") or "IPV4",
        "DNSName": f"{key}.fsx.{call.region}.amazonaws.com",
        "ResourceARN": call.arn(f"file-system/{key}"),
        "Tags": request.get("Tags") or [],
        "LustreConfiguration": _lustre(lustre, request.get("StorageCapacity") or 0),
        "FileSystemTypeVersion": request.get("FileSystemTypeVersion") or _version(lustre),
        "AdministrativeActions": [],
    }
    if system["LustreConfiguration"]["DeploymentType"].startswith("PERSISTENT"):
        system["KmsKeyId"] = _key(call, request.get("KmsKeyId"))
    call.state(Fsx).systems[key] = system
    return {"FileSystem": system | {"Lifecycle": "CREATING"}}


@fsx
def describe_file_systems(call: Call, request: Document) -> Document:
    """File systems, all or by id."""
    systems = call.state(Fsx).systems
    found = [system_of(call, key) for key in request.get("FileSystemIds") or systems]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"FileSystems": page, "NextToken": token}


@fsx
def update_file_system(call: Call, request: Document) -> Document:
    """Grow a file system, or change its throughput, compression, backups, logs."""
    system = system_of(call, request["FileSystemId"])
    given = {name: value for name, value in (request.get("LustreConfiguration") or {}).items() if value is not None}
    size, before = request.get("StorageCapacity"), system["StorageCapacity"]
    if size is not None and size < before:
        raise Fault("BadRequest", f"Storage capacity can't shrink from {before} to {size} GiB.")
    lustre = system["LustreConfiguration"]
    if lustre["EfaEnabled"] and given.get("PerUnitStorageThroughput") not in (None, lustre["PerUnitStorageThroughput"]):
        raise Fault("BadRequest", "PerUnitStorageThroughput of an EFA-enabled file system can't be changed.")
    wanted = lustre | {name: given[name] for name in UPDATABLE if name in given}
    if isinstance(given.get("MetadataConfiguration"), dict):
        wanted["MetadataConfiguration"] = (lustre.get("MetadataConfiguration") or {}) | given["MetadataConfiguration"]
        if wanted["MetadataConfiguration"].get("Mode") == "AUTOMATIC":
            wanted["MetadataConfiguration"] = {"Mode": "AUTOMATIC"}
    asked = wanted
    if (wanted.get("MetadataConfiguration") or {}).get("Mode") == "AUTOMATIC":
        asked = wanted | {"MetadataConfiguration": {"Mode": "AUTOMATIC"}}  # its IOPS are FSx's own choice
    wrong = problem(system | {"StorageCapacity": size or before, "LustreConfiguration": asked})
    if wrong:
        raise Fault("BadRequest", wrong)
    system |= {"StorageCapacity": size or before, "LustreConfiguration": wanted}
    if request.get("FileSystemTypeVersion"):
        system["FileSystemTypeVersion"] = request["FileSystemTypeVersion"]
    action = {
        "AdministrativeActionType": "FILE_SYSTEM_UPDATE",
        "RequestTime": datetime.now(UTC),
        "Status": "COMPLETED",
        "TargetFileSystemValues": {"StorageCapacity": size, "LustreConfiguration": given},
    }
    system["AdministrativeActions"] = [action, *system["AdministrativeActions"]][:10]
    return {"FileSystem": system | {"Lifecycle": "UPDATING"}}


@fsx
def delete_file_system(call: Call, request: Document) -> Document:
    """Delete a file system with its associations and interfaces."""
    state, key = call.state(Fsx), request["FileSystemId"]
    system = system_of(call, key)
    for interface in system["NetworkInterfaceIds"]:
        call.backend("ec2").delete_network_interface(interface)
    state.associations = {name: item for name, item in state.associations.items() if item["FileSystemId"] != key}
    del state.systems[key]
    return {"FileSystemId": key, "Lifecycle": "DELETING", "LustreResponse": {}}


@fsx
def describe_backups(call: Call, request: Document) -> Document:
    """Backups: none are made here."""
    return {"Backups": []}


@fsx
def tag_resource(call: Call, request: Document) -> Document:
    """Tag a file system or association."""
    item = _tagged(call, request["ResourceARN"])
    tags = {tag["Key"]: tag["Value"] for tag in [*item["Tags"], *request["Tags"]]}
    item["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {}


@fsx
def untag_resource(call: Call, request: Document) -> Document:
    """Take tags away."""
    item = _tagged(call, request["ResourceARN"])
    item["Tags"] = [tag for tag in item["Tags"] if tag["Key"] not in request["TagKeys"]]
    return {}


@fsx
def list_tags_for_resource(call: Call, request: Document) -> Document:
    """The tags of a file system or association."""
    page, token = paged(_tagged(call, request["ResourceARN"])["Tags"], request, token="NextToken", size="MaxResults")
    return {"Tags": page, "NextToken": token}


def system_of(call: Call, key: str) -> Document:
    """The file system of that id; FileSystemNotFound."""
    found = call.state(Fsx).systems.get(key)
    if found is None:
        raise Fault("FileSystemNotFound", f"File system '{key}' does not exist.")
    return found


def _tagged(call: Call, arn: str) -> Document:
    state = call.state(Fsx)
    for item in [*state.systems.values(), *state.associations.values()]:
        if item["ResourceARN"] == arn:
            return item
    raise Fault("ResourceNotFound", f"The resource {arn} does not exist.", ResourceARN=arn)


def _lustre(given: Document, size: int) -> Document:
    kind = given.get("DeploymentType") or "SCRATCH_1"
    about: Document = {
        "DeploymentType": kind,
        "MountName": "fsx" if kind == "SCRATCH_1" else secrets.token_hex(4),
        "WeeklyMaintenanceStartTime": "3:06:30",
        "DataCompressionType": "NONE",
        "LogConfiguration": {"Level": "DISABLED"},
        "RootSquashConfiguration": None,
        "EfaEnabled": False,
    }
    if kind.startswith("PERSISTENT"):
        about |= PERSISTENT_DEFAULTS
    ignored = ("ImportPath", "ExportPath", "ImportedFileChunkSize", "AutoImportPolicy")
    about |= {name: value for name, value in given.items() if value is not None and name not in ignored}
    if (given.get("MetadataConfiguration") or {}).get("Mode") == "AUTOMATIC":
        about["MetadataConfiguration"] = {"Mode": "AUTOMATIC", "Iops": automatic_iops(size)}
    return about


def _version(lustre: Document) -> str:
    if lustre.get("DeploymentType") != "PERSISTENT_2":
        return "2.10"
    return "2.15" if lustre.get("MetadataConfiguration") else "2.12"


def _key(call: Call, given: str | None) -> str:
    if not given:
        return call.arn("key/00000000-0000-0000-0000-000000000f5c", "kms")
    key = call.backend("kms").keys.get(given.rsplit("/", 1)[-1])
    if key is None or key.key_state != "Enabled":
        raise Fault("BadRequest", f"The KMS key {given} does not exist or can't be used.")
    return key.arn


def _subnet(call: Call, key: str) -> Any:
    try:
        return call.backend("ec2").get_subnet(key)
    except EC2ClientError:
        raise Fault("InvalidNetworkSettings", f"The subnet {key} does not exist.", InvalidSubnetId=key) from None


def _groups(call: Call, ids: list[str], subnet: Any, *, efa: bool) -> list[str]:
    backend = call.backend("ec2")
    ids = ids or [backend.get_security_group_by_name_or_id("default", subnet.vpc_id).id]
    groups = [backend.get_security_group_from_id(key) for key in ids]
    for key, group in zip(ids, groups, strict=True):
        if group is None or group.vpc_id != subnet.vpc_id:
            raise Fault(
                "InvalidNetworkSettings",
                f"The security group {key} does not exist in {subnet.vpc_id}.",
                InvalidSecurityGroupId=key,
            )
    for rules, way in (("ingress_rules", "inbound"), ("egress_rules", "outbound")):
        found = [rule for group in groups for rule in getattr(group, rules)]
        plain = [
            {"protocol": rule.ip_protocol, "low": rule.from_port or 0, "high": rule.to_port or 0} for rule in found
        ]
        if not permits(plain, 988):
            raise Fault(
                "InvalidNetworkSettings",
                "The file system cannot be created because the default security group in the subnet provided or the "
                f"provided security groups do not permit Lustre LNET network traffic on port 988 ({way}).",
                InvalidSecurityGroupId=ids[0],
            )
        own = any(rule.ip_protocol == "-1" and rule.source_group.get("GroupId") in ids for rule in found)
        if efa and not own:
            raise Fault(
                "InvalidNetworkSettings",
                f"An EFA-enabled file system needs a security group that allows all {way} traffic to itself.",
                InvalidSecurityGroupId=ids[0],
            )
    return ids


def _interfaces(call: Call, key: str, subnet: Any, groups: list[str], size: int) -> list[str]:
    """One interface for the metadata server and one for each 2.4 TiB, as Lustre's servers have."""
    made = []
    for _ in range(1 + min(9, max(1, size // 2400))):
        interface = call.backend("ec2").create_network_interface(
            subnet, [], group_ids=groups, description=f"Created by Amazon FSx for Lustre file system {key}"
        )
        interface.requester_managed, interface.status = True, "in-use"
        made.append(interface.id)
    return made
