"""EFS: file systems, mount targets, access points and the backup switch."""

from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import MINUTES, Call, Change, Naming, Resource, Tagging

TAGGING = Tagging(
    create={"Tags": "{tagsAll}"},
    add=Call("TagResource", {"ResourceId": "{id}", "Tags": "{newTags}"}),
    remove=Call("UntagResource", {"ResourceId": "{id}", "TagKeys": "{tagKeys}"}),
)
LIFE_CYCLE: dict[str, Any] = {
    "awaits_deletion": True,
    "status": "LifeCycleState",
    "ready": words("available"),
    "failed": words("error"),
    "gone": words("deleted"),
}
FILE_SYSTEM_ARN = "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{fileSystemId}"


def _protection(shown: dict[str, Any], operation: Operation) -> None:
    found = operation.raw.get("FileSystemProtection") or {}
    if found.get("ReplicationOverwriteProtection"):
        shown["protection"] = {"replicationOverwrite": found["ReplicationOverwriteProtection"]}


FILE_SYSTEM = Resource(
    token="aws:efs/fileSystem:FileSystem",
    service="efs",
    id="{FileSystemId}",
    create=Call("CreateFileSystem"),
    reads=(
        Call("DescribeFileSystems", {"FileSystemId": "{id}"}, "FileSystems[0]"),
        Call("DescribeLifecycleConfiguration", {"FileSystemId": "{id}"}, "{LifecyclePolicies: LifecyclePolicies}"),
    ),
    changes=(
        Change(
            "throughputMode provisionedThroughputInMibps",
            Call(
                "UpdateFileSystem",
                {
                    "FileSystemId": "{id}",
                    "ThroughputMode": "{throughputMode}",
                    "ProvisionedThroughputInMibps": "{provisionedThroughputInMibps}",
                },
            ),
        ),
        Change("lifecyclePolicies", Call("PutLifecycleConfiguration", {"FileSystemId": "{id}"})),
        Change(
            "protection",
            lambda operation: operation.call(
                "UpdateFileSystemProtection",
                {
                    "FileSystemId": operation.id,
                    "ReplicationOverwriteProtection": operation.inputs["protection"]["replicationOverwrite"],
                },
            ),
        ),
    ),
    delete=(Call("DeleteFileSystem", {"FileSystemId": "{id}"}),),
    **LIFE_CYCLE,
    replaces=words("availabilityZoneName creationToken encrypted kmsKeyId performanceMode"),
    computed=words("availabilityZoneName creationToken encrypted kmsKeyId performanceMode protection"),
    unordered=words("lifecyclePolicies"),
    defaults={"throughputMode": "bursting"},
    cleared={"lifecyclePolicies": [], "provisionedThroughputInMibps": None},
    names={"arn": "FileSystemArn"},
    outputs={"dnsName": "{id}.efs.{region}.amazonaws.com"},
    busy=words("FileSystemInUse"),
    naming=Naming("creationToken", longest=64),
    shown=_protection,
    tagging=TAGGING,
)

MOUNT_TARGET = Resource(
    token="aws:efs/mountTarget:MountTarget",
    service="efs",
    id="{MountTargetId}",
    create=Call("CreateMountTarget"),
    reads=(
        Call("DescribeMountTargets", {"MountTargetId": "{id}"}, "MountTargets[0]"),
        Call("DescribeMountTargetSecurityGroups", {"MountTargetId": "{id}"}, "{SecurityGroups: SecurityGroups}"),
    ),
    changes=(Change("securityGroups", Call("ModifyMountTargetSecurityGroups", {"MountTargetId": "{id}"})),),
    delete=(Call("DeleteMountTarget", {"MountTargetId": "{id}"}),),
    **LIFE_CYCLE,
    replaces=words("fileSystemId subnetId ipAddress ipAddressType ipv6Address"),
    computed=words("ipAddress ipAddressType ipv6Address securityGroups"),
    unordered=words("securityGroups"),
    outputs={
        "fileSystemArn": FILE_SYSTEM_ARN,
        "dnsName": "{fileSystemId}.efs.{region}.amazonaws.com",
        "mountTargetDnsName": "{AvailabilityZoneName}.{fileSystemId}.efs.{region}.amazonaws.com",
    },
    delete_before_replace=True,  # one mount target a zone
    timeouts={"create": 30 * MINUTES, "delete": 10 * MINUTES},
)

ACCESS_POINT = Resource(
    token="aws:efs/accessPoint:AccessPoint",
    service="efs",
    id="{AccessPointId}",
    create=Call("CreateAccessPoint"),
    reads=(Call("DescribeAccessPoints", {"AccessPointId": "{id}"}, "AccessPoints[0]"),),
    delete=(Call("DeleteAccessPoint", {"AccessPointId": "{id}"}),),
    **LIFE_CYCLE,
    replaces=words("fileSystemId posixUser rootDirectory"),
    computed=words("rootDirectory rootDirectory.path"),
    unordered=words("posixUser.secondaryGids"),
    names={"arn": "AccessPointArn"},
    outputs={"fileSystemArn": FILE_SYSTEM_ARN},
    tagging=TAGGING,
)


def _backup_policy(operation: Operation) -> dict[str, Any] | None:
    """A file system without backups has no policy; what is on its way to a state counts as that state."""
    answer = operation.call("DescribeBackupPolicy", {"FileSystemId": operation.id})
    status = answer["BackupPolicy"]["Status"].replace("ENABLING", "ENABLED").replace("DISABLING", "DISABLED")
    wanted = ((operation.inputs or operation.state).get("backupPolicy") or {}).get("status")
    if status == "DISABLED" and wanted != "DISABLED":
        return None
    return {"backupPolicy": {"status": status}, "fileSystemId": operation.id}


BACKUP_POLICY = Resource(
    token="aws:efs/backupPolicy:BackupPolicy",
    service="efs",
    id="{fileSystemId}",
    create=Call("PutBackupPolicy"),
    reads=(_backup_policy,),
    changes=(Change("backupPolicy", Call("PutBackupPolicy", {"FileSystemId": "{id}"})),),
    delete=(Call("PutBackupPolicy", {"FileSystemId": "{id}", "BackupPolicy": {"Status": "DISABLED"}}),),
    replaces=words("fileSystemId"),
)

TYPES = (FILE_SYSTEM, MOUNT_TARGET, ACCESS_POINT, BACKUP_POLICY)
