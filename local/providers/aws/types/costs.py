"""Budgets with their notifications, and Cost Explorer's anomaly monitors and tags."""

from datetime import datetime
from typing import Any

from local.providers.aws.cloud import AwsError
from local.providers.aws.convert import to_members, words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging

SIMPLE = {"budgetType": "BudgetType", "timeUnit": "TimeUnit"}
SUBSCRIBERS = {"subscriberEmailAddresses": "EMAIL", "subscriberSnsTopicArns": "SNS"}
FOREVER = "2087-06-15_00:00"


def _owner(operation: Operation) -> str:
    return (
        operation.id.split(":", 1)[0] if operation.id else operation.inputs.get("accountId") or operation.cloud.account
    )


def _wanted(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    budget: dict[str, Any] = {member: inputs[name] for name, member in SIMPLE.items()}
    budget["BudgetName"] = inputs["name"]
    if inputs.get("limitAmount"):
        budget["BudgetLimit"] = {"Amount": inputs["limitAmount"], "Unit": inputs["limitUnit"]}
    budget["CostFilters"] = {item["name"]: item["values"] for item in inputs.get("costFilters") or ()}
    period = {"Start": inputs.get("timePeriodStart"), "End": inputs.get("timePeriodEnd")}
    dates = {key: datetime.strptime(text, "%Y-%m-%d_%H:%M") for key, text in period.items() if text}
    return budget | ({"TimePeriod": dates} if dates else {})


def _notifications(inputs: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, str]]]]:
    """(notification, subscribers) of every alert, in AWS's members."""
    found = []
    for item in inputs.get("notifications") or ():
        notification = {
            "NotificationType": item["notificationType"],
            "ComparisonOperator": item["comparisonOperator"],
            "Threshold": float(item["threshold"]),
            "ThresholdType": item["thresholdType"],
        }
        subscribers = [
            {"SubscriptionType": kind, "Address": address}
            for name, kind in SUBSCRIBERS.items()
            for address in item.get(name) or ()
        ]
        found.append((notification, subscribers))
    return found


def _create_budget(operation: Operation) -> dict[str, Any]:
    account = _owner(operation)
    alerts = [{"Notification": one, "Subscribers": who} for one, who in _notifications(operation.inputs)]
    params = {"AccountId": account, "Budget": _wanted(operation), "NotificationsWithSubscribers": alerts}
    operation.call("CreateBudget", params | {"ResourceTags": operation.inputs.get("tagsAll") or {}})
    operation.id = f"{account}:{operation.inputs['name']}"
    return {}


def _where(operation: Operation) -> dict[str, str]:
    account, name = operation.id.split(":", 1)
    return {"AccountId": account, "BudgetName": name}


def _arn(operation: Operation) -> str:
    account, name = operation.id.split(":", 1)
    return f"arn:{operation.cloud.partition}:budgets::{account}:budget/{name}"


def _budget(operation: Operation) -> dict[str, Any]:
    where = _where(operation)
    budget = operation.call("DescribeBudget", where)["Budget"]
    period = budget.get("TimePeriod") or {}
    limit = budget.get("BudgetLimit") or {}
    filters = [{"name": name, "values": values} for name, values in (budget.get("CostFilters") or {}).items()]
    return {
        "accountId": where["AccountId"],
        "name": where["BudgetName"],
        "arn": _arn(operation),
        "budgetType": budget["BudgetType"],
        "timeUnit": budget["TimeUnit"],
        "limitAmount": limit.get("Amount"),
        "limitUnit": limit.get("Unit"),
        "costFilters": sorted(filters, key=lambda item: item["name"]),
        "costTypes": budget.get("CostTypes"),
        "timePeriodStart": _stamp(period.get("Start")),
        "timePeriodEnd": _stamp(period.get("End")),
        "notifications": [_alert(operation, where, one) for one in _alerts(operation, where)],
    }


def _alerts(operation: Operation, where: dict[str, str]) -> list[dict[str, Any]]:
    return operation.call("DescribeNotificationsForBudget", where).get("Notifications") or []


def _alert(operation: Operation, where: dict[str, str], notification: dict[str, Any]) -> dict[str, Any]:
    asked = {key: notification[key] for key in ("NotificationType", "ComparisonOperator", "Threshold")}
    asked["ThresholdType"] = notification.get("ThresholdType", "PERCENTAGE")
    who = operation.call("DescribeSubscribersForNotification", where | {"Notification": asked}).get("Subscribers") or []
    return {
        "notificationType": asked["NotificationType"],
        "comparisonOperator": asked["ComparisonOperator"],
        "threshold": asked["Threshold"],
        "thresholdType": asked["ThresholdType"],
        **{
            name: addresses
            for name, kind in SUBSCRIBERS.items()
            if (addresses := [one["Address"] for one in who if one["SubscriptionType"] == kind])
        },
    }


def _stamp(moment: Any) -> str | None:
    return moment.strftime("%Y-%m-%d_%H:%M") if isinstance(moment, datetime) else None


def _update_budget(operation: Operation) -> None:
    operation.call("UpdateBudget", {"AccountId": _owner(operation), "NewBudget": _wanted(operation)})


def _replace_notifications(operation: Operation) -> None:
    """AWS has no update of a notification that would also change its kind: the old go, the new come."""
    where = _where(operation)
    for notification in _alerts(operation, where):
        kept = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
        asked = {key: notification[key] for key in kept if key in notification}
        operation.call("DeleteNotification", where | {"Notification": asked})
    for notification, subscribers in _notifications(operation.inputs):
        operation.call("CreateNotification", where | {"Notification": notification, "Subscribers": subscribers})


BUDGET = Resource(
    token="aws:budgets/budget:Budget",
    service="budgets",
    id="{accountId}:{name}",
    create=_create_budget,
    consumes=words(
        "name accountId budgetType timeUnit limitAmount limitUnit costFilters notifications "
        "timePeriodStart timePeriodEnd"
    ),
    reads=(
        _budget,
        lambda operation: {
            "Tags": operation.call("ListTagsForResource", {"ResourceARN": _arn(operation)})["ResourceTags"]
        },
    ),
    changes=(
        Change("budgetType timeUnit limitAmount limitUnit costFilters timePeriodStart timePeriodEnd", _update_budget),
        Change("notifications", _replace_notifications),
    ),
    delete=(lambda operation: operation.call("DeleteBudget", _where(operation)),),
    replaces=words("name namePrefix accountId"),
    computed=words("accountId costTypes timePeriodStart costFilters"),
    unordered=words("notifications costFilters"),
    defaults={"timePeriodEnd": FOREVER},
    naming=Naming(longest=100),
    tagging=Tagging(
        create={"ResourceTags": "{tagsAll}"},
        add=lambda operation: operation.call(
            "TagResource", {"ResourceARN": _arn(operation), "ResourceTags": operation.extra["newTags"]}
        ),
        remove=lambda operation: operation.call(
            "UntagResource", {"ResourceARN": _arn(operation), "ResourceTagKeys": list(operation.extra["tagKeys"])}
        ),
    ),
)

CE_TAGGING = Tagging(
    create={"ResourceTags": "{tagsAll}"},
    add=Call("TagResource", {"ResourceArn": "{id}", "ResourceTags": "{newTags}"}),
    remove=Call("UntagResource", {"ResourceArn": "{id}", "ResourceTagKeys": "{tagKeys}"}),
)
CE_TAGS = Call("ListTagsForResource", {"ResourceArn": "{id}"}, "{Tags: ResourceTags}")

ANOMALY_MONITOR = Resource(
    token="aws:costexplorer/anomalyMonitor:AnomalyMonitor",
    service="ce",
    id="{MonitorArn}",
    create=Call(
        "CreateAnomalyMonitor",
        {
            "AnomalyMonitor": {
                "MonitorName": "{name}",
                "MonitorType": "{monitorType}",
                "MonitorDimension": "{monitorDimension}",
            }
        },
    ),
    reads=(Call("GetAnomalyMonitors", {"MonitorArnList": ["{id}"]}, "AnomalyMonitors[0]"), CE_TAGS),
    changes=(Change("name", Call("UpdateAnomalyMonitor", {"MonitorArn": "{id}"})),),
    delete=(Call("DeleteAnomalyMonitor", {"MonitorArn": "{id}"}),),
    replaces=words("monitorType monitorDimension"),
    names={"name": "MonitorName", "arn": "MonitorArn"},
    naming=Naming(longest=1024),
    tagging=CE_TAGGING,
    missing=words("UnknownMonitorException"),
)

SUBSCRIPTION_NAMES = {
    "name": "SubscriptionName",
    "arn": "SubscriptionArn",
    "monitorArnLists": "MonitorArnList",
    "thresholdExpression.dimension": "Dimensions",
}


def _subscribe(operation: Operation) -> dict[str, Any]:
    shape = operation.cloud.model("ce", "CreateAnomalySubscription").input_shape.members["AnomalySubscription"]
    wanted = {name: value for name, value in operation.inputs.items() if name not in ("tags", "tagsAll")}
    subscription = to_members(wanted, shape, SUBSCRIPTION_NAMES)
    tags = operation.inputs.get("tagsAll") or {}
    params = {"AnomalySubscription": subscription} | ({"ResourceTags": tags} if tags else {})
    return operation.call("CreateAnomalySubscription", params)


ANOMALY_SUBSCRIPTION = Resource(
    token="aws:costexplorer/anomalySubscription:AnomalySubscription",
    service="ce",
    id="{SubscriptionArn}",
    create=_subscribe,
    consumes=words("name frequency monitorArnLists subscribers thresholdExpression accountId"),
    reads=(
        Call("GetAnomalySubscriptions", {"SubscriptionArnList": ["{id}"]}, "AnomalySubscriptions[0]"),
        CE_TAGS,
    ),
    changes=(
        Change(
            "frequency monitorArnLists subscribers thresholdExpression",
            Call("UpdateAnomalySubscription", {"SubscriptionArn": "{id}"}),
        ),
    ),
    delete=(Call("DeleteAnomalySubscription", {"SubscriptionArn": "{id}"}),),
    replaces=words("name"),
    kept=words("accountId"),
    computed=words("accountId thresholdExpression"),
    unordered=words("subscribers"),
    names=SUBSCRIPTION_NAMES,
    naming=Naming(longest=1024),
    tagging=CE_TAGGING,
    missing=words("UnknownSubscriptionException"),
)


def _activate(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    entry = {"TagKey": inputs["tagKey"], "Status": inputs["status"]}
    answer = operation.call("UpdateCostAllocationTagsStatus", {"CostAllocationTagsStatus": [entry]})
    _refused(answer)
    operation.id = inputs["tagKey"]
    return {}


def _refused(answer: dict[str, Any]) -> None:
    for error in answer.get("Errors") or ():
        raise AwsError("UpdateCostAllocationTagsStatus", error.get("Code", ""), error.get("Message", ""))


def _tag_status(operation: Operation) -> dict[str, Any] | None:
    found = operation.call("ListCostAllocationTags", {"TagKeys": [operation.id]}).get("CostAllocationTags") or []
    return next(iter(found), None)


def _deactivate(operation: Operation) -> None:
    entry = {"TagKey": operation.id, "Status": "Inactive"}
    operation.call("UpdateCostAllocationTagsStatus", {"CostAllocationTagsStatus": [entry]})


COST_ALLOCATION_TAG = Resource(
    token="aws:costexplorer/costAllocationTag:CostAllocationTag",
    service="ce",
    id="{tagKey}",
    create=_activate,
    consumes=words("tagKey status"),
    reads=(_tag_status,),
    changes=(Change("status", _activate),),
    delete=(_deactivate,),
    replaces=words("tagKey"),
)

TYPES = (BUDGET, ANOMALY_MONITOR, ANOMALY_SUBSCRIPTION, COST_ALLOCATION_TAG)
