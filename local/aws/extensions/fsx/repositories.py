"""Data repository associations: a folder of a Lustre file system linked to a prefix of a bucket."""

import secrets
from datetime import UTC, datetime

from local.aws.extensions.fsx.lustre import Document, Fsx, fsx, system_of
from local.aws.moto import Call, Fault, paged

MOST = 8
FILTERS = {"file-system-id": "FileSystemId"}


@fsx
def create_data_repository_association(call: Call, request: Document) -> Document:
    """Link a bucket; the link is AVAILABLE when next described."""
    state = call.state(Fsx)
    system = system_of(call, request["FileSystemId"])
    if system["LustreConfiguration"]["DeploymentType"] == "SCRATCH_1":
        raise Fault("UnsupportedOperation", "SCRATCH_1 file systems do not support data repository associations.")
    held = [item for item in state.associations.values() if item["FileSystemId"] == system["FileSystemId"]]
    if len(held) >= MOST:
        raise Fault("ServiceLimitExceeded", f"A file system has at most {MOST} data repository associations.")
    folder, source = request.get("FileSystemPath") or "/", request["DataRepositoryPath"]
    if not folder.startswith("/"):
        raise Fault("BadRequest", f"The file system path {folder} must begin with a slash.")
    for other in held:
        if _overlap(other["FileSystemPath"], folder) or _overlap(other["DataRepositoryPath"], source):
            raise Fault(
                "BadRequest",
                f"The path {folder} or {source} overlaps with the association {other['AssociationId']}.",
            )
    _bucket(call, source)
    key = f"dra-{secrets.token_hex(9)[:17]}"
    association = {
        "AssociationId": key,
        "ResourceARN": call.arn(f"association/{system['FileSystemId']}/{key}"),
        "FileSystemId": system["FileSystemId"],
        "Lifecycle": "AVAILABLE",
        "FileSystemPath": folder,
        "DataRepositoryPath": source,
        "BatchImportMetaDataOnCreate": bool(request.get("BatchImportMetaDataOnCreate")),
        "ImportedFileChunkSize": request.get("ImportedFileChunkSize") or 1024,
        "S3": request.get("S3") or {},
        "Tags": request.get("Tags") or [],
        "CreationTime": datetime.now(UTC),
    }
    state.associations[key] = association
    return {"Association": association | {"Lifecycle": "CREATING"}}


@fsx
def describe_data_repository_associations(call: Call, request: Document) -> Document:
    """Links by id or file system."""
    known = call.state(Fsx).associations
    found = [_association(call, key) for key in request.get("AssociationIds") or known]
    for wanted in request.get("Filters") or []:
        if wanted["Name"] in FILTERS:
            found = [item for item in found if item[FILTERS[wanted["Name"]]] in wanted["Values"]]
    page, token = paged(found, request, token="NextToken", size="MaxResults", most=25)
    return {"Associations": page, "NextToken": token}


@fsx
def update_data_repository_association(call: Call, request: Document) -> Document:
    """Change chunk size and the import and export policies."""
    association = _association(call, request["AssociationId"])
    if request.get("ImportedFileChunkSize"):
        association["ImportedFileChunkSize"] = request["ImportedFileChunkSize"]
    if request.get("S3") is not None:
        association["S3"] = association["S3"] | request["S3"]
    return {"Association": association | {"Lifecycle": "UPDATING"}}


@fsx
def delete_data_repository_association(call: Call, request: Document) -> Document:
    """Unlink a bucket."""
    association = _association(call, request["AssociationId"])
    del call.state(Fsx).associations[association["AssociationId"]]
    return {
        "AssociationId": association["AssociationId"],
        "Lifecycle": "DELETING",
        "DeleteDataInFileSystem": bool(request.get("DeleteDataInFileSystem")),
    }


def _association(call: Call, key: str) -> Document:
    found = call.state(Fsx).associations.get(key)
    if found is None:
        raise Fault("DataRepositoryAssociationNotFound", f"Data repository association '{key}' does not exist.")
    return found


def _overlap(one: str, other: str) -> bool:
    one, other = one.rstrip("/") + "/", other.rstrip("/") + "/"
    return one.startswith(other) or other.startswith(one)


def _bucket(call: Call, path: str) -> None:
    name = path.removeprefix("s3://").split("/")[0]
    if not path.startswith("s3://") or name not in call.backend("s3").buckets:
        raise Fault("BadRequest", f"Amazon FSx is unable to validate access to the S3 bucket {path}.")
