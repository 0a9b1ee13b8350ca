"""FSx for Lustre: file systems, and their ties to buckets."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import MINUTES, Call, Change, Resource, Tagging

TAGGING = Tagging(
    create={"Tags": "{tagsAll}"},
    add=Call("TagResource", {"ResourceARN": "{arn}", "Tags": "{newTags}"}),
    remove=Call("UntagResource", {"ResourceARN": "{arn}", "TagKeys": "{tagKeys}"}),
)


def _file_system(operation: Operation) -> dict[str, Any] | None:
    """The file system with what its Lustre part and that part's repository say, as pulumi_aws has them: flat."""
    found = operation.call("DescribeFileSystems", {"FileSystemIds": [operation.id]})["FileSystems"]
    if not found:
        return None
    lustre = found[0].get("LustreConfiguration") or {}
    repository = lustre.get("DataRepositoryConfiguration") or {}
    return {**found[0], **lustre, **repository}


def _smaller_is_another(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """Lustre storage can only grow, and a SCRATCH_1 file system not even that."""
    before, after = old.get("storageCapacity"), new.get("storageCapacity")
    known = isinstance(before, int) and isinstance(after, int)
    fixed = new.get("deploymentType") == "SCRATCH_1" or (known and after < before)
    return frozenset({"storageCapacity"} if fixed else ())


UPDATABLE = (
    "autoImportPolicy automaticBackupRetentionDays dailyAutomaticBackupStartTime dataCompressionType "
    "dataReadCacheConfiguration logConfiguration metadataConfiguration perUnitStorageThroughput "
    "rootSquashConfiguration storageCapacity throughputCapacity weeklyMaintenanceStartTime"
)

LUSTRE_FILE_SYSTEM = Resource(
    token="aws:fsx/lustreFileSystem:LustreFileSystem",
    service="fsx",
    id="{FileSystemId}",
    create=Call("CreateFileSystem", {"FileSystemType": "LUSTRE"}, "FileSystem", within="LustreConfiguration"),
    reads=(_file_system,),
    changes=(Change(UPDATABLE, Call("UpdateFileSystem", {"FileSystemId": "{id}"}, within="LustreConfiguration")),),
    delete=(
        Call(
            "DeleteFileSystem",
            {
                "FileSystemId": "{id}",
                "LustreConfiguration": {"SkipFinalBackup": "{skipFinalBackup}", "FinalBackupTags": "{finalBackupTags}"},
            },
        ),
    ),
    awaits_deletion=True,
    status="Lifecycle",
    ready=words("AVAILABLE"),
    failed=words("FAILED MISCONFIGURED MISCONFIGURED_UNAVAILABLE"),
    why="FailureDetails.Message",
    replaces=words(
        "copyTagsToBackups deploymentType driveCacheType efaEnabled exportPath fileSystemTypeVersion importPath",
        "importedFileChunkSize kmsKeyId securityGroupIds storageType subnetIds",
    ),
    forces=_smaller_is_another,
    kept=words("finalBackupTags securityGroupIds skipFinalBackup"),
    computed=words(
        "autoImportPolicy automaticBackupRetentionDays dailyAutomaticBackupStartTime dataReadCacheConfiguration",
        "efaEnabled exportPath fileSystemTypeVersion importedFileChunkSize kmsKeyId logConfiguration",
        "metadataConfiguration metadataConfiguration.iops perUnitStorageThroughput rootSquashConfiguration",
        "storageCapacity throughputCapacity weeklyMaintenanceStartTime",
    ),
    unordered=words("securityGroupIds networkInterfaceIds rootSquashConfiguration.noSquashNids"),
    defaults={
        "copyTagsToBackups": False,
        "dataCompressionType": "NONE",
        "deploymentType": "SCRATCH_1",
        "skipFinalBackup": True,
        "storageType": "SSD",
    },
    names={"arn": "ResourceARN", "dataReadCacheConfiguration.size": "SizeGiB"},
    tagging=TAGGING,
    timeouts={"create": 30 * MINUTES, "update": 30 * MINUTES, "delete": 30 * MINUTES},
)

DATA_REPOSITORY_ASSOCIATION = Resource(
    token="aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation",
    service="fsx",
    id="{AssociationId}",
    create=Call("CreateDataRepositoryAssociation", {}, "Association"),
    reads=(Call("DescribeDataRepositoryAssociations", {"AssociationIds": ["{id}"]}, "Associations[0]"),),
    changes=(
        Change(
            "importedFileChunkSize s3",
            Call("UpdateDataRepositoryAssociation", {"AssociationId": "{id}"}),
        ),
    ),
    delete=(
        Call(
            "DeleteDataRepositoryAssociation",
            {"AssociationId": "{id}", "DeleteDataInFileSystem": "{deleteDataInFilesystem}"},
        ),
    ),
    awaits_deletion=True,
    status="Lifecycle",
    ready=words("AVAILABLE"),
    failed=words("FAILED MISCONFIGURED"),
    why="FailureDetails.Message",
    replaces=words("batchImportMetaDataOnCreate dataRepositoryPath fileSystemId fileSystemPath"),
    kept=words("deleteDataInFilesystem"),
    computed=words("importedFileChunkSize s3"),
    unordered=words("s3.autoImportPolicy.events s3.autoExportPolicy.events"),
    defaults={"batchImportMetaDataOnCreate": False, "deleteDataInFilesystem": False},
    names={"arn": "ResourceARN"},
    tagging=TAGGING,
    timeouts={"create": 10 * MINUTES, "update": 10 * MINUTES, "delete": 10 * MINUTES},
)

TYPES = (LUSTRE_FILE_SYSTEM, DATA_REPOSITORY_ASSOCIATION)
