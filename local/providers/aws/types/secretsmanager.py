"""Secrets Manager: secrets as containers; what is in them is not the platform's to know."""

from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging


def _secret(operation: Operation) -> dict[str, Any] | None:
    """The secret, unless it only waits for its end."""
    found = operation.call("DescribeSecret", {"SecretId": operation.id})
    if found.get("DeletedDate"):
        return None
    policy = operation.call("GetResourcePolicy", {"SecretId": operation.id}).get("ResourcePolicy")
    return {**found, **({"policy": policy} if policy else {})}


def _policy(operation: Operation) -> None:
    policy = operation.inputs.get("policy")
    params = {"SecretId": operation.id, **({"ResourcePolicy": policy} if policy else {})}
    operation.call("PutResourcePolicy" if policy else "DeleteResourcePolicy", params)


def _delete(operation: Operation) -> None:
    days = operation.state.get("recoveryWindowInDays", 30)
    when = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    operation.call("DeleteSecret", {"SecretId": operation.id, **when})


SECRET = Resource(
    token="aws:secretsmanager/secret:Secret",
    service="secretsmanager",
    id="{ARN}",
    create=Call("CreateSecret"),
    reads=(_secret,),
    changes=(
        Change("description kmsKeyId", Call("UpdateSecret", {"SecretId": "{id}"})),
        Change("policy", _policy),
    ),
    delete=(_delete,),
    awaits_deletion=True,
    replaces=words("name namePrefix"),
    kept=words("forceOverwriteReplicaSecret recoveryWindowInDays"),
    computed=words("policy"),
    documents=words("policy"),
    defaults={"forceOverwriteReplicaSecret": False, "recoveryWindowInDays": 30},
    cleared={"description": "", "kmsKeyId": "alias/aws/secretsmanager"},
    naming=Naming(longest=512),
    tagging=Tagging(
        create={"Tags": "{tagsAll}"},
        add=Call("TagResource", {"SecretId": "{id}", "Tags": "{newTags}"}),
        remove=Call("UntagResource", {"SecretId": "{id}", "TagKeys": "{tagKeys}"}),
    ),
)

TYPES = (SECRET,)
