"""AWS Budgets in place of moto's: budgets with their notifications, subscribers and tags."""

from datetime import UTC, datetime
from typing import Any

from local.aws.moto import Call, Fault, Service, State, paged

budgets = Service("budgets", invalid="InvalidParameterException")

Document = dict[str, Any]
COST_TYPES = {
    "IncludeTax": True,
    "IncludeSubscription": True,
    "UseBlended": False,
    "IncludeRefund": True,
    "IncludeCredit": True,
    "IncludeUpfront": True,
    "IncludeRecurring": True,
    "IncludeOtherSubscription": True,
    "IncludeSupport": True,
    "IncludeDiscount": True,
    "UseAmortized": False,
}
FOREVER = datetime(2087, 6, 15, tzinfo=UTC)
MOST_NOTIFICATIONS = 10
MOST_SUBSCRIBERS = {"SNS": 1, "EMAIL": 10}


class Budgets(State):
    """Budgets by name; notifications as (notification, subscribers) by budget; tags by ARN."""

    service = "budgets"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.budgets: dict[str, Document] = {}
        self.notifications: dict[str, list[tuple[Document, list[Document]]]] = {}
        self.tags: dict[str, dict[str, str]] = {}


@budgets
def create_budget(call: Call, request: Document) -> Document:
    """Create a budget with its notifications, all or nothing."""
    state, budget = call.state(Budgets), _budget(request["Budget"])
    name = budget["BudgetName"]
    if name in state.budgets:
        raise Fault("DuplicateRecordException", f"Error creating budget: {name} - the budget already exists.")
    notifications = [
        (_notification(item["Notification"]), _subscribers(item["Subscribers"]))
        for item in request.get("NotificationsWithSubscribers") or []
    ]
    if len(notifications) > MOST_NOTIFICATIONS:
        raise Fault("CreationLimitExceededException", f"A budget has at most {MOST_NOTIFICATIONS} notifications.")
    state.budgets[name] = budget
    state.notifications[name] = notifications
    state.tags[_arn(call, name)] = {tag["Key"]: tag["Value"] for tag in request.get("ResourceTags") or []}
    return {}


@budgets
def describe_budget(call: Call, request: Document) -> Document:
    """One budget."""
    return {"Budget": _found(call, request["BudgetName"])}


@budgets
def describe_budgets(call: Call, request: Document) -> Document:
    """All budgets."""
    page, token = paged(list(call.state(Budgets).budgets.values()), request, token="NextToken", size="MaxResults")
    return {"Budgets": page, "NextToken": token}


@budgets
def update_budget(call: Call, request: Document) -> Document:
    """Replace a budget's settings."""
    wanted = request["NewBudget"]
    before = _found(call, wanted["BudgetName"])
    period = {"TimePeriod": before["TimePeriod"] | (wanted.get("TimePeriod") or {})}
    call.state(Budgets).budgets[wanted["BudgetName"]] = _budget(wanted | period)
    return {}


@budgets
def delete_budget(call: Call, request: Document) -> Document:
    """Delete a budget with its notifications."""
    state, name = call.state(Budgets), request["BudgetName"]
    _found(call, name)
    del state.budgets[name]
    state.notifications.pop(name, None)
    state.tags.pop(_arn(call, name), None)
    return {}


@budgets
def create_notification(call: Call, request: Document) -> Document:
    """Add a notification."""
    held, wanted = _held(call, request), _notification(request["Notification"])
    if any(_same(wanted, known) for known, _ in held):
        raise Fault("DuplicateRecordException", "The notification already exists.")
    if len(held) >= MOST_NOTIFICATIONS:
        raise Fault("CreationLimitExceededException", f"A budget has at most {MOST_NOTIFICATIONS} notifications.")
    held.append((wanted, _subscribers(request["Subscribers"])))
    return {}


@budgets
def describe_notifications_for_budget(call: Call, request: Document) -> Document:
    """The notifications of a budget."""
    found = [notification for notification, _ in _held(call, request)]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"Notifications": page, "NextToken": token}


@budgets
def update_notification(call: Call, request: Document) -> Document:
    """Change a notification, keeping its subscribers."""
    held = _held(call, request)
    index = _index(held, request["OldNotification"])
    held[index] = (_notification(request["NewNotification"]), held[index][1])
    return {}


@budgets
def delete_notification(call: Call, request: Document) -> Document:
    """Remove a notification with its subscribers."""
    held = _held(call, request)
    del held[_index(held, request["Notification"])]
    return {}


@budgets
def describe_subscribers_for_notification(call: Call, request: Document) -> Document:
    """Who hears of a notification."""
    held = _held(call, request)
    found = held[_index(held, request["Notification"])][1]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"Subscribers": page, "NextToken": token}


@budgets
def create_subscriber(call: Call, request: Document) -> Document:
    """Let another one hear."""
    held = _held(call, request)
    subscribers = held[_index(held, request["Notification"])][1]
    if request["Subscriber"] in subscribers:
        raise Fault("DuplicateRecordException", "The subscriber already exists.")
    subscribers[:] = _subscribers([*subscribers, request["Subscriber"]])
    return {}


@budgets
def update_subscriber(call: Call, request: Document) -> Document:
    """Exchange one who hears for another."""
    held = _held(call, request)
    subscribers = held[_index(held, request["Notification"])][1]
    _known(subscribers, request["OldSubscriber"])
    wanted = [request["NewSubscriber"] if item == request["OldSubscriber"] else item for item in subscribers]
    subscribers[:] = _subscribers(wanted)
    return {}


@budgets
def delete_subscriber(call: Call, request: Document) -> Document:
    """Let one hear no more; the last one takes the notification along."""
    held = _held(call, request)
    index = _index(held, request["Notification"])
    _known(held[index][1], request["Subscriber"])
    held[index][1].remove(request["Subscriber"])
    if not held[index][1]:
        del held[index]
    return {}


@budgets
def tag_resource(call: Call, request: Document) -> Document:
    """Tag a budget."""
    _tags(call, request).update({tag["Key"]: tag["Value"] for tag in request["ResourceTags"]})
    return {}


@budgets
def untag_resource(call: Call, request: Document) -> Document:
    """Take tags away."""
    for key in request["ResourceTagKeys"]:
        _tags(call, request).pop(key, None)
    return {}


@budgets
def list_tags_for_resource(call: Call, request: Document) -> Document:
    """The tags of a budget."""
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in _tags(call, request).items()]}


def _arn(call: Call, name: str) -> str:
    return call.arn(f"budget/{name}", region="")


def _found(call: Call, name: str) -> Document:
    found = call.state(Budgets).budgets.get(name)
    if found is None:
        raise Fault("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")
    return found


def _held(call: Call, request: Document) -> list[tuple[Document, list[Document]]]:
    _found(call, request["BudgetName"])
    return call.state(Budgets).notifications.setdefault(request["BudgetName"], [])


def _tags(call: Call, request: Document) -> dict[str, str]:
    found = call.state(Budgets).tags.get(request["ResourceARN"])
    if found is None:
        raise Fault("NotFoundException", f"The resource {request['ResourceARN']} does not exist.")
    return found


def _budget(given: Document) -> Document:
    name, kind = given["BudgetName"], given["BudgetType"]
    if ":" in name or "\\" in name or "/action/" in name:
        raise Fault("InvalidParameterException", f"The budget name {name} can't hold a colon, backslash or /action/.")
    limits = [bool(given.get(key)) for key in ("BudgetLimit", "PlannedBudgetLimits", "AutoAdjustData")]
    if kind == "COST" and not any(limits):
        raise Fault("InvalidParameterException", "A cost budget needs a limit, planned limits or auto-adjusting.")
    for limit in [given.get("BudgetLimit"), *(given.get("PlannedBudgetLimits") or {}).values()]:
        if limit and float(limit["Amount"]) <= 0 and kind in ("COST", "USAGE"):
            raise Fault("InvalidParameterException", f"The limit {limit['Amount']} must be greater than zero.")
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    budget = {key: value for key, value in given.items() if value is not None}
    if budget.get("BudgetLimit"):
        # AWS answers amounts with a decimal point.
        amount = budget["BudgetLimit"]["Amount"]
        budget["BudgetLimit"] = budget["BudgetLimit"] | {"Amount": amount if "." in amount else f"{amount}.0"}
    if not budget.get("FilterExpression"):
        budget["CostFilters"] = budget.get("CostFilters") or {}
        budget["CostTypes"] = COST_TYPES | (budget.get("CostTypes") or {})
    period = {"Start": start, "End": FOREVER} | (budget.get("TimePeriod") or {})
    return budget | {
        "TimePeriod": period,
        "CalculatedSpend": {"ActualSpend": {"Amount": "0.0", "Unit": "USD"}},
        "LastUpdatedTime": datetime.now(UTC),
        "HealthStatus": {"Status": "HEALTHY", "LastUpdatedTime": datetime.now(UTC)},
    }


def _notification(given: Document) -> Document:
    if given["Threshold"] < 0:
        raise Fault("InvalidParameterException", "The threshold can't be negative.")
    return {"ThresholdType": "PERCENTAGE", "NotificationState": "OK"} | {
        key: value for key, value in given.items() if value is not None
    }


def _same(one: Document, other: Document) -> bool:
    keys = ("NotificationType", "ComparisonOperator", "Threshold")
    return all(one[key] == other[key] for key in keys) and one.get("ThresholdType", "PERCENTAGE") == other.get(
        "ThresholdType", "PERCENTAGE"
    )


def _index(held: list[tuple[Document, list[Document]]], wanted: Document) -> int:
    for index, (known, _) in enumerate(held):
        if _same(wanted, known):
            return index
    raise Fault("NotFoundException", "Unable to find the notification of the budget.")


def _known(subscribers: list[Document], wanted: Document) -> None:
    if wanted not in subscribers:
        raise Fault("NotFoundException", f"Unable to find the subscriber {wanted['Address']}.")


def _subscribers(given: list[Document]) -> list[Document]:
    """The subscribers, as many as AWS takes. It does not ask the topic whether budgets may publish there."""
    if not given:
        raise Fault("InvalidParameterException", "A notification needs a subscriber.")
    for kind, most in MOST_SUBSCRIBERS.items():
        if sum(item["SubscriptionType"] == kind for item in given) > most:
            raise Fault(
                "CreationLimitExceededException",
                f"one notification can only have {most} subscribers with type of {kind}",
            )
    for item in given:
        if item["SubscriptionType"] == "SNS" and not item["Address"].startswith("arn:"):
            raise Fault("InvalidParameterException", f"The address {item['Address']} is not the ARN of an SNS topic.")
    return [dict(item) for item in given]
