"""Cost Explorer: anomaly monitors and subscriptions, and the tags that costs are allocated by."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from local.aws.extensions.tagging import tagged_resources
from local.aws.moto import Call, Fault, Service, State, paged

ce = Service("ce")

Document = dict[str, Any]
MOST_DIMENSIONAL = 1


class Anomalies(State):
    """Monitors, subscriptions and their tags by ARN; cost allocation tags by key."""

    service = "ce"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.known: dict[str, dict[str, Document]] = {"monitor": {}, "subscription": {}}
        self.tags: dict[str, dict[str, str]] = {}
        self.activated: dict[str, Document] = {}


@ce
def create_anomaly_monitor(call: Call, request: Document) -> Document:
    """Watch costs by service, or by what an expression selects."""
    state, given = call.state(Anomalies), request["AnomalyMonitor"]
    dimensional = given["MonitorType"] == "DIMENSIONAL"
    if dimensional != bool(given.get("MonitorDimension")):
        raise Fault("ValidationException", "MonitorDimension must be given with type DIMENSIONAL, and only then.")
    if not dimensional and not given.get("MonitorSpecification"):
        raise Fault("ValidationException", "A CUSTOM monitor needs a MonitorSpecification.")
    same = [
        item
        for item in state.known["monitor"].values()
        if item.get("MonitorDimension") == given.get("MonitorDimension")
    ]
    if dimensional and len(same) >= MOST_DIMENSIONAL:
        raise Fault("LimitExceededException", "Limit exceeded on dimensional spend monitor creation")
    arn = call.arn(f"anomalymonitor/{uuid.uuid4()}", region="")
    state.known["monitor"][arn] = {key: value for key, value in given.items() if value is not None} | {
        "MonitorArn": arn,
        "CreationDate": _now(),
        "LastUpdatedDate": _now(),
        "DimensionalValueCount": 1 if dimensional else 0,
    }
    state.tags[arn] = _tags(request)
    return {"MonitorArn": arn}


@ce
def get_anomaly_monitors(call: Call, request: Document) -> Document:
    """Monitors, all or by ARN."""
    every = call.state(Anomalies).known["monitor"]
    found = [_found(call, "monitor", arn) for arn in request.get("MonitorArnList") or every]
    page, token = paged(found, request, token="NextPageToken", size="MaxResults")
    return {"AnomalyMonitors": page, "NextPageToken": token}


@ce
def update_anomaly_monitor(call: Call, request: Document) -> Document:
    """Rename a monitor."""
    monitor = _found(call, "monitor", request["MonitorArn"])
    if request.get("MonitorName"):
        monitor["MonitorName"] = request["MonitorName"]
    monitor["LastUpdatedDate"] = _now()
    return {"MonitorArn": request["MonitorArn"]}


@ce
def delete_anomaly_monitor(call: Call, request: Document) -> Document:
    """Watch no longer."""
    return _forget(call, "monitor", request["MonitorArn"])


@ce
def create_anomaly_subscription(call: Call, request: Document) -> Document:
    """Tell somebody of anomalies."""
    state, given = call.state(Anomalies), request["AnomalySubscription"]
    if (given.get("Threshold") is None) == (given.get("ThresholdExpression") is None):
        raise Fault("ValidationException", "Give either Threshold or ThresholdExpression.")
    arn = call.arn(f"anomalysubscription/{uuid.uuid4()}", region="")
    subscription = {key: value for key, value in given.items() if value is not None}
    subscription |= {"SubscriptionArn": arn, "AccountId": call.account}
    state.known["subscription"][arn] = _subscription(call, subscription)
    state.tags[arn] = _tags(request)
    return {"SubscriptionArn": arn}


@ce
def get_anomaly_subscriptions(call: Call, request: Document) -> Document:
    """Subscriptions, all, by ARN or by monitor."""
    every = call.state(Anomalies).known["subscription"]
    found = [_found(call, "subscription", arn) for arn in request.get("SubscriptionArnList") or every]
    if request.get("MonitorArn"):
        found = [item for item in found if request["MonitorArn"] in item["MonitorArnList"]]
    page, token = paged(found, request, token="NextPageToken", size="MaxResults")
    return {"AnomalySubscriptions": page, "NextPageToken": token}


@ce
def update_anomaly_subscription(call: Call, request: Document) -> Document:
    """Change who hears what how often."""
    arn = request["SubscriptionArn"]
    wanted = _found(call, "subscription", arn) | {key: value for key, value in request.items() if value is not None}
    for given, other in (("Threshold", "ThresholdExpression"), ("ThresholdExpression", "Threshold")):
        if request.get(given) is not None:
            wanted.pop(other, None)
    call.state(Anomalies).known["subscription"][arn] = _subscription(call, wanted)
    return {"SubscriptionArn": arn}


@ce
def delete_anomaly_subscription(call: Call, request: Document) -> Document:
    """Tell no longer."""
    return _forget(call, "subscription", request["SubscriptionArn"])


@ce
def list_cost_allocation_tags(call: Call, request: Document) -> Document:
    """The tag keys that are in use in the account, and whether costs are allocated by them."""
    activated = call.state(Anomalies).activated
    keys = request.get("TagKeys")
    found = [
        activated.get(key) or {"TagKey": key, "Type": _type(key), "Status": "Inactive"}
        for key in sorted({*_used(call), *activated})
        if not keys or key in keys
    ]
    for field in ("Status", "Type"):
        if request.get(field):
            found = [tag for tag in found if tag[field] == request[field]]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"CostAllocationTags": page, "NextToken": token}


@ce
def update_cost_allocation_tags_status(call: Call, request: Document) -> Document:
    """Begin or end to allocate costs by tags; keys that nothing in the account bears are errors."""
    activated, used = call.state(Anomalies).activated, _used(call)
    errors = []
    for entry in request["CostAllocationTagsStatus"]:
        key = entry["TagKey"]
        if key not in used and key not in activated:
            errors.append({"TagKey": key, "Code": "TagKeysNotFoundException", "Message": "Tag keys not found"})
            continue
        now = _now()
        activated[key] = {
            "TagKey": key,
            "Type": _type(key),
            "Status": entry["Status"],
            "LastUpdatedDate": now,
            "LastUsedDate": now,
        }
    return {"Errors": errors}


@ce
def tag_resource(call: Call, request: Document) -> Document:
    """Tag a monitor, subscription or cost category."""
    tags = call.state(Anomalies).tags.get(request["ResourceArn"])
    if tags is None:
        call.backend().tag_resource(request["ResourceArn"], request["ResourceTags"])
    else:
        tags.update(_tags(request))
    return {}


@ce
def untag_resource(call: Call, request: Document) -> Document:
    """Take tags away."""
    tags = call.state(Anomalies).tags.get(request["ResourceArn"])
    if tags is None:
        call.backend().untag_resource(request["ResourceArn"], request["ResourceTagKeys"])
    else:
        for key in request["ResourceTagKeys"]:
            tags.pop(key, None)
    return {}


@ce
def list_tags_for_resource(call: Call, request: Document) -> Document:
    """The tags of a monitor, subscription or cost category."""
    tags = call.state(Anomalies).tags.get(request["ResourceArn"])
    if tags is None:
        return {"ResourceTags": call.backend().list_tags_for_resource(request["ResourceArn"])}
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tags(request: Document) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request.get("ResourceTags") or []}


def _found(call: Call, kind: str, arn: str) -> Document:
    found = call.state(Anomalies).known[kind].get(arn)
    if found is None:
        raise Fault(f"Unknown{kind.title()}Exception", f"The anomaly {kind} {arn} does not exist.")
    return found


def _forget(call: Call, kind: str, arn: str) -> Document:
    _found(call, kind, arn)
    state = call.state(Anomalies)
    del state.known[kind][arn]
    state.tags.pop(arn, None)
    return {}


def _subscription(call: Call, given: Document) -> Document:
    for arn in given["MonitorArnList"]:
        _found(call, "monitor", arn)
    kinds = {item["Type"] for item in given["Subscribers"]}
    if given["Frequency"] == "IMMEDIATE" and kinds != {"SNS"}:
        raise Fault("ValidationException", "An IMMEDIATE subscription takes SNS topics only.")
    if given["Frequency"] != "IMMEDIATE" and "SNS" in kinds:
        raise Fault("ValidationException", f"A {given['Frequency']} subscription takes e-mail addresses only.")
    return given | {"Subscribers": [{"Status": "CONFIRMED"} | item for item in given["Subscribers"]]}


def _type(key: str) -> str:
    return "AWSGenerated" if key.startswith("aws:") else "UserDefined"


def _used(call: Call) -> set[str]:
    return set(_keys(call))


def _keys(call: Call) -> Iterator[str]:
    for resource in tagged_resources(call):
        yield from resource.tags
