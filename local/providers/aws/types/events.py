"""EventBridge: rules and their targets, which AWS keeps by PutRule and PutTargets alone."""

from typing import Any

from local.providers.aws.cloud import AwsError
from local.providers.aws.convert import to_members, words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging

RULE_READ = Call("DescribeRule", {"Name": "{name}", "EventBusName": "{eventBusName}"})
PUT_RULE = Call(
    "PutRule",
    {
        "Name": "{name}",
        "EventBusName": "{eventBusName}",
        "Description": "{description}",
        "EventPattern": "{eventPattern}",
        "ScheduleExpression": "{scheduleExpression}",
        "RoleArn": "{roleArn}",
        "State": "{state}",
    },
)
TARGET_NAMES = {
    "targetId": "Id",
    "kinesisTarget": "KinesisParameters",
    "sqsTarget": "SqsParameters",
    "httpTarget": "HttpParameters",
    "inputTransformer.inputPaths": "InputPathsMap",
}
TARGET_SETTINGS = words(
    "arn input inputPath inputTransformer roleArn retryPolicy deadLetterConfig sqsTarget kinesisTarget httpTarget"
)


def _put_target(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    shape = operation.cloud.model("events", "PutTargets").input_shape.members["Targets"].member
    wanted = {name: inputs[name] for name in TARGET_SETTINGS | {"targetId"} if inputs.get(name) is not None}
    target = to_members(wanted, shape, TARGET_NAMES)
    params = {"Rule": inputs["rule"], "EventBusName": inputs["eventBusName"], "Targets": [target]}
    _raise_failed(operation.call("PutTargets", params))
    return {}


def _raise_failed(answer: dict[str, Any]) -> None:
    for entry in answer.get("FailedEntries") or ():
        raise AwsError("PutTargets", entry.get("ErrorCode", ""), entry.get("ErrorMessage", ""))


def _target(operation: Operation) -> dict[str, Any] | None:
    rule, bus, target = (operation.scope(name) for name in ("rule", "eventBusName", "targetId"))
    targets = operation.call("ListTargetsByRule", {"Rule": rule, "EventBusName": bus})["Targets"]
    found = next((each for each in targets if each["Id"] == target), None)
    return found and {**found, "rule": rule, "eventBusName": bus}


def _rule_state(shown: dict[str, Any], operation: Operation) -> None:
    shown["isEnabled"] = str(shown.get("state", "")).startswith("ENABLED")


EVENT_RULE = Resource(
    token="aws:cloudwatch/eventRule:EventRule",
    service="events",
    id="{name}",
    create=PUT_RULE,
    reads=(RULE_READ, Call("ListTagsForResource", {"ResourceARN": "{arn}"}, "{Tags: Tags}")),
    changes=(Change("description eventPattern scheduleExpression roleArn state", PUT_RULE),),
    delete=(Call("DeleteRule", {"Name": "{name}", "EventBusName": "{eventBusName}", "Force": "{forceDestroy}"}),),
    replaces=words("name namePrefix eventBusName"),
    kept=words("forceDestroy"),
    computed=words("state"),
    documents=words("eventPattern"),
    defaults={"eventBusName": "default", "forceDestroy": False},
    cleared=dict.fromkeys(("description", "eventPattern", "roleArn", "scheduleExpression")),
    naming=Naming(longest=64),
    tagging=Tagging(
        create={"Tags": "{tagsAll}"},
        add=Call("TagResource", {"ResourceARN": "{arn}", "Tags": "{newTags}"}),
        remove=Call("UntagResource", {"ResourceARN": "{arn}", "TagKeys": "{tagKeys}"}),
    ),
    shown=_rule_state,
)

EVENT_TARGET = Resource(
    token="aws:cloudwatch/eventTarget:EventTarget",
    service="events",
    id="{rule}-{targetId}",
    create=_put_target,
    consumes=TARGET_SETTINGS | words("rule eventBusName targetId"),
    reads=(_target,),
    changes=(Change(" ".join(TARGET_SETTINGS), _put_target),),
    delete=(
        Call(
            "RemoveTargets",
            {"Rule": "{rule}", "EventBusName": "{eventBusName}", "Ids": ["{targetId}"], "Force": "{forceDestroy}"},
        ),
    ),
    replaces=words("rule targetId eventBusName"),
    kept=words("forceDestroy"),
    defaults={"eventBusName": "default", "forceDestroy": False},
    names=TARGET_NAMES,
    naming=Naming("targetId"),
)

TYPES = (EVENT_RULE, EVENT_TARGET)
