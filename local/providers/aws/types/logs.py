"""CloudWatch Logs: log groups."""

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging


def _retention(operation: Operation) -> None:
    days = operation.inputs.get("retentionInDays")
    params = {"logGroupName": operation.id, **({"retentionInDays": days} if days else {})}
    operation.call("PutRetentionPolicy" if days else "DeleteRetentionPolicy", params)


def _key(operation: Operation) -> None:
    key = operation.inputs.get("kmsKeyId")
    params = {"logGroupName": operation.id, **({"kmsKeyId": key} if key else {})}
    operation.call("AssociateKmsKey" if key else "DisassociateKmsKey", params)


LOG_GROUP = Resource(
    token="aws:cloudwatch/logGroup:LogGroup",
    service="logs",
    id="{name}",
    create=Call("CreateLogGroup"),
    reads=(
        lambda operation: next(
            (
                {**group, "arn": group["arn"].removesuffix(":*")}
                for group in operation.call("DescribeLogGroups", {"logGroupNamePrefix": operation.id})["logGroups"]
                if group["logGroupName"] == operation.id
            ),
            None,
        ),
        lambda operation: operation.call(
            "ListTagsForResource",
            {
                "resourceArn": f"arn:{operation.cloud.partition}:logs:{operation.region}:{operation.cloud.account}"
                f":log-group:{operation.id}"
            },
        ),
    ),
    changes=(
        Change("retentionInDays", _retention),
        Change("kmsKeyId", _key),
        Change(
            "deletionProtectionEnabled",
            Call("PutLogGroupDeletionProtection", {"logGroupIdentifier": "{id}"}),
        ),
    ),
    delete=(Call("DeleteLogGroup", {"logGroupName": "{id}"}),),
    replaces=words("name namePrefix logGroupClass"),
    computed=words("logGroupClass deletionProtectionEnabled"),
    kept=words("skipDestroy"),
    names={"name": "logGroupName"},
    defaults={"retentionInDays": 0, "skipDestroy": False},
    naming=Naming(longest=255),
    tagging=Tagging(
        create={"tags": "{tagsAll}"},
        add=Call("TagResource", {"resourceArn": "{arn}", "tags": "{newTags}"}),
        remove=Call("UntagResource", {"resourceArn": "{arn}", "tagKeys": "{tagKeys}"}),
    ),
)

TYPES = (LOG_GROUP,)
