"""SQS: queues, whose settings are one map of texts, and their policies."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging

ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
TAGGING = Tagging(
    create={"tags": "{tagsAll}"},
    add=Call("TagQueue", {"QueueUrl": "{id}", "Tags": "{newTags}"}),
    remove=Call("UntagQueue", {"QueueUrl": "{id}", "TagKeys": "{tagKeys}"}),
)
READ = Call("GetQueueAttributes", {"QueueUrl": "{id}", "AttributeNames": ["All"]}, "Attributes")


def _attributes(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that a queue takes; a standard queue refuses even a false FIFO setting."""
    fifo_only = words("fifoQueue contentBasedDeduplication")
    return {
        attribute: inputs[name]
        for name, attribute in ATTRIBUTES.items()
        if inputs.get(name) is not None and not (name in fifo_only and inputs[name] is False)
    }


def _create(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    params = {"QueueName": inputs["name"], "Attributes": _attributes(inputs), "tags": inputs.get("tagsAll") or {}}
    return operation.call("CreateQueue", params)


def _set_attributes(operation: Operation) -> None:
    attributes = _attributes({name: operation.wanted(name) for name in ATTRIBUTES})
    attributes.pop("FifoQueue", None)
    if operation.raw.get("Policy"):  # moto forgets a policy that isn't sent along
        attributes.setdefault("Policy", operation.raw["Policy"])
    operation.call("SetQueueAttributes", {"QueueUrl": operation.id, "Attributes": attributes})


def _name(shown: dict[str, Any], operation: Operation) -> None:
    shown["name"] = operation.id.rsplit("/", 1)[-1]


QUEUE = Resource(
    token="aws:sqs/queue:Queue",
    service="sqs",
    id="{QueueUrl}",
    create=_create,
    consumes=words(" ".join(ATTRIBUTES), "name"),
    reads=(READ, Call("ListQueueTags", {"QueueUrl": "{id}"}, "{Tags: Tags}")),
    changes=(Change(" ".join(set(ATTRIBUTES) - {"fifoQueue"}), _set_attributes),),
    delete=(Call("DeleteQueue", {"QueueUrl": "{id}"}),),
    awaits_deletion=True,
    replaces=words("name namePrefix fifoQueue"),
    computed=words(
        "deduplicationScope fifoThroughputLimit kmsDataKeyReusePeriodSeconds policy redriveAllowPolicy redrivePolicy "
        "sqsManagedSseEnabled"
    ),
    documents=words("policy redrivePolicy redriveAllowPolicy"),
    defaults={
        "contentBasedDeduplication": False,
        "delaySeconds": 0,
        "fifoQueue": False,
        "maxMessageSize": 262144,
        "messageRetentionSeconds": 345600,
        "receiveWaitTimeSeconds": 0,
        "visibilityTimeoutSeconds": 30,
    },
    cleared={"kmsMasterKeyId": ""},
    names={**ATTRIBUTES, "arn": "QueueArn"},
    outputs={"url": "{id}"},
    naming=Naming(longest=80, suffix=lambda inputs: ".fifo" if inputs.get("fifoQueue") is True else ""),
    tagging=TAGGING,
    missing=words("AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist"),
    shown=_name,
    timeouts={"create": 180, "update": 180, "delete": 180},
)

QUEUE_POLICY = Resource(
    token="aws:sqs/queuePolicy:QueuePolicy",
    service="sqs",
    id="{queueUrl}",
    create=Call("SetQueueAttributes", {"QueueUrl": "{queueUrl}", "Attributes": {"Policy": "{policy}"}}),
    reads=(
        Call("GetQueueAttributes", {"QueueUrl": "{id}", "AttributeNames": ["Policy"]}, "Attributes.{policy: Policy}"),
    ),
    changes=(Change("policy", Call("SetQueueAttributes", {"QueueUrl": "{id}", "Attributes": {"Policy": "{policy}"}})),),
    delete=(Call("SetQueueAttributes", {"QueueUrl": "{id}", "Attributes": {"Policy": ""}}),),
    replaces=words("queueUrl"),
    documents=words("policy"),
    outputs={"queueUrl": "{id}"},
    missing=words("AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist"),
)

TYPES = (QUEUE, QUEUE_POLICY)
