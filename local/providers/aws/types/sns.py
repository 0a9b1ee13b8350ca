"""SNS: topics, whose settings are one map of texts, their policies and subscriptions."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging

ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "fifoTopic": "FifoTopic",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}
READ = Call("GetTopicAttributes", {"TopicArn": "{id}"}, "Attributes")


def _attributes(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        attribute: inputs[name]
        for name, attribute in ATTRIBUTES.items()
        if inputs.get(name) not in (None, "", False) and name != "policy"
    }


def _create(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    params = {"Name": inputs["name"], "Attributes": _attributes(inputs), "Tags": inputs.get("tagsAll") or {}}
    return operation.call("CreateTopic", params)


def _set_attributes(operation: Operation) -> None:
    for name in operation.changed & (ATTRIBUTES.keys() - {"fifoTopic"}):
        value = operation.inputs.get(name)
        params = {"TopicArn": operation.id, "AttributeName": ATTRIBUTES[name]}
        operation.call("SetTopicAttributes", params | ({"AttributeValue": value} if value is not None else {}))


def _name(shown: dict[str, Any], operation: Operation) -> None:
    shown["name"] = operation.id.rsplit(":", 1)[-1]


def _default_policy(operation: Operation) -> None:
    """What AWS gives a new topic: a policy cannot be taken away, only replaced."""
    account = operation.cloud.account
    actions = "Publish RemovePermission SetTopicAttributes DeleteTopic ListSubscriptionsByTopic GetTopicAttributes"
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in (*actions.split(), "AddPermission", "Subscribe")],
        "Resource": operation.id,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    params = {"TopicArn": operation.id, "AttributeName": "Policy", "AttributeValue": json.dumps(policy)}
    operation.call("SetTopicAttributes", params)


def _unsubscribe(operation: Operation) -> None:
    """A subscription that nobody has confirmed cannot be ended; AWS forgets it after three days."""
    if operation.raw.get("PendingConfirmation") != "true":
        operation.call("Unsubscribe", {"SubscriptionArn": operation.id})


TOPIC = Resource(
    token="aws:sns/topic:Topic",
    service="sns",
    id="{TopicArn}",
    create=_create,
    consumes=words("name contentBasedDeduplication deliveryPolicy displayName fifoTopic kmsMasterKeyId"),
    reads=(READ, Call("ListTagsForResource", {"ResourceArn": "{id}"}, "{Tags: Tags}")),
    changes=(Change(" ".join(ATTRIBUTES.keys() - {"fifoTopic"}), _set_attributes),),
    delete=(Call("DeleteTopic", {"TopicArn": "{id}"}),),
    replaces=words("name namePrefix fifoTopic"),
    computed=words("policy signatureVersion tracingConfig"),
    documents=words("policy deliveryPolicy"),
    defaults={"contentBasedDeduplication": False, "fifoTopic": False},
    cleared={"displayName": "", "kmsMasterKeyId": ""},
    names=ATTRIBUTES,
    outputs={"arn": "{id}"},
    naming=Naming(longest=256, suffix=lambda inputs: ".fifo" if inputs.get("fifoTopic") is True else ""),
    tagging=Tagging(
        create={"Tags": "{tagsAll}"},
        add=Call("TagResource", {"ResourceArn": "{id}", "Tags": "{newTags}"}),
        remove=Call("UntagResource", {"ResourceArn": "{id}", "TagKeys": "{tagKeys}"}),
    ),
    missing=words("NotFound NotFoundException"),
    shown=_name,
)

PUT_POLICY = {"AttributeName": "Policy", "AttributeValue": "{policy}"}
TOPIC_POLICY = Resource(
    token="aws:sns/topicPolicy:TopicPolicy",
    service="sns",
    id="{arn}",
    create=Call("SetTopicAttributes", {"TopicArn": "{arn}", **PUT_POLICY}, "{arn: null}"),
    reads=(Call("GetTopicAttributes", {"TopicArn": "{id}"}, "Attributes.{policy: Policy, owner: Owner}"),),
    changes=(Change("policy", Call("SetTopicAttributes", {"TopicArn": "{id}", **PUT_POLICY})),),
    delete=(_default_policy,),
    replaces=words("arn"),
    documents=words("policy"),
    outputs={"arn": "{id}"},
    missing=words("NotFound NotFoundException"),
)

SUBSCRIPTION = Resource(
    token="aws:sns/topicSubscription:TopicSubscription",
    service="sns",
    id="{SubscriptionArn}",
    create=Call(
        "Subscribe",
        {"TopicArn": "{topic}", "Protocol": "{protocol}", "Endpoint": "{endpoint}", "ReturnSubscriptionArn": True},
    ),
    reads=(Call("GetSubscriptionAttributes", {"SubscriptionArn": "{id}"}, "Attributes"),),
    changes=(
        Change(
            "rawMessageDelivery",
            Call(
                "SetSubscriptionAttributes",
                {
                    "SubscriptionArn": "{id}",
                    "AttributeName": "RawMessageDelivery",
                    "AttributeValue": "{rawMessageDelivery}",
                },
            ),
        ),
    ),
    delete=(_unsubscribe,),
    replaces=words("topic protocol endpoint"),
    kept=words("confirmationTimeoutInMinutes endpointAutoConfirms"),
    names={"topic": "TopicArn", "ownerId": "Owner"},
    defaults={"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False, "rawMessageDelivery": False},
    outputs={"arn": "{id}"},
    missing=words("NotFound NotFoundException"),
)

TYPES = (TOPIC, TOPIC_POLICY, SUBSCRIPTION)
