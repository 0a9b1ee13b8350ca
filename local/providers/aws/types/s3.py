"""S3: buckets, and the settings of a bucket that are resources of their own."""

from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import MINUTES, Call, Change, Naming, Resource, Step, Tagging

DELETED_AT_ONCE = 1000
NOT_THERE = words("404 NoSuchBucket")


def _create_bucket(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    params: dict[str, Any] = {"Bucket": inputs["bucket"]}
    if operation.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": operation.region}
    if inputs.get("objectLockEnabled"):
        params["ObjectLockEnabledForBucket"] = True
    return operation.call("CreateBucket", params)


def _object_lock(operation: Operation) -> dict[str, Any]:
    found = operation.call("GetObjectLockConfiguration", {"Bucket": operation.id})
    return {"objectLockEnabled": found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"}


def _tag(operation: Operation) -> None:
    """S3 takes the whole set of tags at once."""
    tags = operation.extra["allTags"]
    params: dict[str, Any] = {"Bucket": operation.id}
    if tags:
        operation.call("PutBucketTagging", {**params, "Tagging": {"TagSet": tags}})
    else:
        operation.call("DeleteBucketTagging", params)


def _empty(operation: Operation) -> None:
    """Delete every object and version, where the program allowed it."""
    if not operation.state.get("forceDestroy"):
        return
    found = operation.call("ListObjectVersions", {"Bucket": operation.id})
    entries = [*(found.get("Versions") or ()), *(found.get("DeleteMarkers") or ())]
    objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in entries]
    for start in range(0, len(objects), DELETED_AT_ONCE):
        batch = {"Objects": objects[start : start + DELETED_AT_ONCE], "Quiet": True}
        operation.call("DeleteObjects", {"Bucket": operation.id, "Delete": batch})
    for upload in operation.call("ListMultipartUploads", {"Bucket": operation.id}).get("Uploads") or ():
        params = {"Bucket": operation.id, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        operation.call("AbortMultipartUpload", params)


BUCKET = Resource(
    token="aws:s3/bucket:Bucket",
    service="s3",
    id="{bucket}",
    create=_create_bucket,
    consumes=words("bucket objectLockEnabled"),
    reads=(
        Call("HeadBucket", {"Bucket": "{id}"}),
        Call("GetBucketTagging", {"Bucket": "{id}"}, "{Tags: TagSet}"),
        _object_lock,
    ),
    delete=(_empty, Call("DeleteBucket", {"Bucket": "{id}"})),
    awaits_deletion=True,
    replaces=words("bucket bucketPrefix objectLockEnabled"),
    kept=words("forceDestroy"),
    computed=words("objectLockEnabled"),
    defaults={"forceDestroy": False},
    outputs={
        "arn": "arn:{partition}:s3:::{id}",
        "bucket": "{id}",
        "bucketDomainName": "{id}.s3.amazonaws.com",
        "bucketRegionalDomainName": "{id}.s3.{region}.amazonaws.com",
        "bucketRegion": "{region}",
    },
    naming=Naming("bucket", longest=63, lower=True),
    missing=NOT_THERE | words("ObjectLockConfigurationNotFoundError"),
    busy=words("OperationAborted"),
    tagging=Tagging(add=_tag, remove=None),
    timeouts={"delete": 60 * MINUTES},
)


def _setting(
    name: str,
    put: Step,
    read: Step,
    delete: Step,
    properties: str,
    **more: Any,
) -> Resource:
    """A setting of a bucket: put in one piece, gone with its bucket."""
    return Resource(
        token=f"aws:s3/bucket{name}:Bucket{name}",
        service="s3",
        id="{bucket}",
        create=put,
        consumes=words(properties, "bucket") | more.get("kept", frozenset()),
        reads=(read,),
        changes=(Change(properties, put),),
        delete=(delete,),
        missing=NOT_THERE,
        outputs={"bucket": "{id}", **more.pop("outputs", {})},
        replaces=words("bucket") | more.pop("replaces", frozenset()),
        busy=words("OperationAborted"),
        **more,
    )


def _versioning(operation: Operation) -> dict[str, Any] | None:
    """A bucket that was never versioned says nothing: that is a setting only where a program calls it Disabled."""
    found = operation.call("GetBucketVersioning", {"Bucket": operation.id})
    reference = operation.inputs or operation.state
    wanted = (reference.get("versioningConfiguration") or {}).get("status")
    status = found.get("Status") or ("Disabled" if wanted == "Disabled" else None)
    if status is None:
        return None
    setting = {"status": status, **({"mfaDelete": found["MFADelete"]} if "MFADelete" in found else {})}
    return {"versioningConfiguration": setting}


def _suspend(operation: Operation) -> None:
    if operation.raw["versioningConfiguration"]["status"] != "Disabled":
        params = {"Bucket": operation.id, "VersioningConfiguration": {"Status": "Suspended"}}
        operation.call("PutBucketVersioning", params)


def _put_versioning(operation: Operation) -> None:
    """S3 has no call that says Disabled: it is what a bucket is before it is ever versioned."""
    if operation.inputs["versioningConfiguration"]["status"] != "Disabled":
        names = words("versioningConfiguration mfa expectedBucketOwner")
        step = Call("PutBucketVersioning", {"Bucket": "{bucket}"})
        operation.run(step, {name: operation.inputs.get(name) for name in names})


def _lifecycle_defaults(shown: dict[str, Any], operation: Operation) -> None:
    for rule in shown.get("rules") or ():
        if rule.get("prefix") == "":
            del rule["prefix"]


BUCKET_SETTINGS = (
    _setting(
        "Versioning",
        _put_versioning,
        _versioning,
        _suspend,
        "versioningConfiguration",
        kept=words("mfa expectedBucketOwner"),
        computed=words("versioningConfiguration.mfaDelete"),
    ),
    _setting(
        "ServerSideEncryptionConfiguration",
        Call("PutBucketEncryption", {"Bucket": "{bucket}"}, within="ServerSideEncryptionConfiguration"),
        Call("GetBucketEncryption", {"Bucket": "{id}"}, "ServerSideEncryptionConfiguration"),
        Call("DeleteBucketEncryption", {"Bucket": "{id}"}),
        "rules",
        kept=words("expectedBucketOwner"),
        computed=words("rules.blockedEncryptionTypes rules.bucketKeyEnabled"),
        unordered=words("rules"),
    ),
    _setting(
        "PublicAccessBlock",
        Call("PutPublicAccessBlock", {"Bucket": "{bucket}"}, within="PublicAccessBlockConfiguration"),
        Call("GetPublicAccessBlock", {"Bucket": "{id}"}, "PublicAccessBlockConfiguration"),
        Call("DeletePublicAccessBlock", {"Bucket": "{id}"}),
        "blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets",
        kept=words("skipDestroy"),
        defaults={
            "blockPublicAcls": False,
            "blockPublicPolicy": False,
            "ignorePublicAcls": False,
            "restrictPublicBuckets": False,
        },
    ),
    _setting(
        "Policy",
        Call("PutBucketPolicy", {"Bucket": "{bucket}"}),
        Call("GetBucketPolicy", {"Bucket": "{id}"}, "{policy: Policy}"),
        Call("DeleteBucketPolicy", {"Bucket": "{id}"}),
        "policy",
        documents=words("policy"),
    ),
    _setting(
        "LifecycleConfiguration",
        Call("PutBucketLifecycleConfiguration", {"Bucket": "{bucket}"}, within="LifecycleConfiguration"),
        Call("GetBucketLifecycleConfiguration", {"Bucket": "{id}"}),
        Call("DeleteBucketLifecycle", {"Bucket": "{id}"}),
        "rules transitionDefaultMinimumObjectSize",
        replaces=words("expectedBucketOwner"),
        kept=words("expectedBucketOwner"),
        computed=words("transitionDefaultMinimumObjectSize rules.prefix rules.filter"),
        unordered=words("rules rules.transitions rules.noncurrentVersionTransitions"),
        cleared={"rules": []},
        shown=_lifecycle_defaults,
        timeouts={"create": 3 * MINUTES, "update": 3 * MINUTES},
    ),
    _setting(
        "OwnershipControls",
        Call("PutBucketOwnershipControls", {"Bucket": "{bucket}"}, within="OwnershipControls"),
        Call("GetBucketOwnershipControls", {"Bucket": "{id}"}, "OwnershipControls"),
        Call("DeleteBucketOwnershipControls", {"Bucket": "{id}"}),
        "rule",
        names={"rule": "Rules"},
    ),
)

TYPES = (BUCKET, *BUCKET_SETTINGS)
