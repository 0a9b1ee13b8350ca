"""KMS: keys, which AWS deletes days after it was asked to, and aliases."""

from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging


def _rotate(operation: Operation) -> None:
    enabled, days = operation.inputs.get("enableKeyRotation"), operation.inputs.get("rotationPeriodInDays")
    params: dict[str, Any] = {"KeyId": operation.id}
    if enabled and days:
        params["RotationPeriodInDays"] = days
    operation.call("EnableKeyRotation" if enabled else "DisableKeyRotation", params)


def _enable(operation: Operation) -> None:
    if operation.inputs.get("isEnabled", True) and not operation.raw.get("Enabled", True):
        operation.call("EnableKey", {"KeyId": operation.id})


def _disable(operation: Operation) -> None:
    if not operation.inputs.get("isEnabled", True):
        operation.call("DisableKey", {"KeyId": operation.id})


def _alias(operation: Operation) -> dict[str, Any]:
    """The key behind an alias, as the alias tells of it; a list of all aliases has many pages."""
    key = operation.call("DescribeKey", {"KeyId": operation.id})["KeyMetadata"]
    return {"AliasName": operation.id, "TargetKeyId": key["KeyId"], "TargetKeyArn": key["Arn"]}


def _same_key(shown: dict[str, Any], operation: Operation) -> None:
    """The key in the program's words: AWS answers with its id where an ARN was given."""
    wanted = (operation.inputs or operation.state).get("targetKeyId")
    if isinstance(wanted, str) and wanted.rsplit("/", 1)[-1] == shown.get("targetKeyId"):
        shown["targetKeyId"] = wanted


KEY = Resource(
    token="aws:kms/key:Key",
    service="kms",
    id="{KeyId}",
    create=Call("CreateKey", {}, "KeyMetadata"),
    reads=(
        Call("DescribeKey", {"KeyId": "{id}"}, "KeyMetadata"),
        Call("GetKeyPolicy", {"KeyId": "{id}", "PolicyName": "default"}, "{Policy: Policy}"),
        Call("GetKeyRotationStatus", {"KeyId": "{id}"}),
        Call("ListResourceTags", {"KeyId": "{id}"}, "{Tags: Tags}"),
    ),
    changes=(
        Change("isEnabled", _enable),
        Change("enableKeyRotation rotationPeriodInDays", _rotate),
        Change("description", Call("UpdateKeyDescription", {"KeyId": "{id}"})),
        Change("policy", Call("PutKeyPolicy", {"KeyId": "{id}", "PolicyName": "default"})),
        Change("isEnabled", _disable),
    ),
    delete=(Call("ScheduleKeyDeletion", {"KeyId": "{id}", "PendingWindowInDays": "{deletionWindowInDays}"}),),
    status="KeyState",
    ready=words("Enabled Disabled"),
    gone=words("PendingDeletion PendingReplicaDeletion"),
    replaces=words("customKeyStoreId customerMasterKeySpec keyUsage multiRegion xksKeyId"),
    kept=words("bypassPolicyLockoutSafetyCheck deletionWindowInDays"),
    computed=words("description multiRegion policy rotationPeriodInDays"),
    documents=words("policy"),
    defaults={
        "bypassPolicyLockoutSafetyCheck": False,
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    },
    names={
        "customerMasterKeySpec": "KeySpec",
        "isEnabled": "Enabled",
        "enableKeyRotation": "KeyRotationEnabled",
    },
    tagging=Tagging(
        create={"Tags": "{tagsAll}"},
        add=Call("TagResource", {"KeyId": "{id}", "Tags": "{newTags}"}),
        remove=Call("UntagResource", {"KeyId": "{id}", "TagKeys": "{tagKeys}"}),
    ),
)

ALIAS = Resource(
    token="aws:kms/alias:Alias",
    service="kms",
    id="{name}",
    create=Call("CreateAlias", {"AliasName": "{name}"}),
    reads=(_alias,),
    changes=(Change("targetKeyId", Call("UpdateAlias", {"AliasName": "{id}"})),),
    delete=(Call("DeleteAlias", {"AliasName": "{id}"}),),
    replaces=words("name namePrefix"),
    names={"name": "AliasName"},
    outputs={"arn": "arn:{partition}:kms:{region}:{account}:{id}", "targetKeyArn": "{TargetKeyArn}"},
    naming=Naming(longest=238, prefix="alias/"),
    shown=_same_key,
)

TYPES = (KEY, ALIAS)
