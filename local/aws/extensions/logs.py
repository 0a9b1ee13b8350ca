"""CloudWatch Logs: keys of log groups, and the few questions that newer clients ask."""

from typing import Any

from local.aws.moto import Call, Fault, Service, paged
from local.aws.policy import lets

logs = Service("logs", invalid="InvalidParameterException")

Document = dict[str, Any]
# What the service does with a group's key. Source: CloudWatch Logs user guide, "Encrypt log data using AWS KMS".
USED = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey")
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@logs
def create_log_group(call: Call, request: Document) -> Document:
    """Create a log group, encrypted with a key that exists."""
    if request.get("kmsKeyId"):
        _usable(call, request["kmsKeyId"], request["logGroupName"])
    group = call.backend().create_log_group(
        request["logGroupName"], request.get("tags") or {}, kmsKeyId=request.get("kmsKeyId")
    )
    group.group_class = request.get("logGroupClass") or "STANDARD"
    group.protected = bool(request.get("deletionProtectionEnabled"))
    return {}


@logs
def describe_log_groups(call: Call, request: Document) -> Document:
    """Log groups by prefix or pattern."""
    prefix, pattern = request.get("logGroupNamePrefix") or "", request.get("logGroupNamePattern") or ""
    if prefix and pattern:
        raise Fault("InvalidParameterException", "LogGroup name prefix and pattern are mutually exclusive parameters.")
    groups = sorted(call.backend().groups.values(), key=lambda group: group.name)
    found = [
        _about(group)
        for group in groups
        if group.name.startswith(prefix)
        and pattern in group.name
        and (not request.get("logGroupClass") or request["logGroupClass"] == _class(group))
    ]
    page, token = paged(found, request, size="limit", most=50)
    return {"logGroups": page, "nextToken": token}


@logs
def list_log_groups(call: Call, request: Document) -> Document:
    """Log groups by pattern, in short."""
    pattern = request.get("logGroupNamePattern") or ""
    found = [
        {key: _about(group)[key] for key in ("logGroupName", "logGroupArn", "logGroupClass")}
        for group in call.backend().groups.values()
        if pattern in group.name
    ]
    page, token = paged(found, request, size="limit", most=50)
    return {"logGroups": page, "nextToken": token}


@logs
def delete_log_group(call: Call, request: Document) -> Document:
    """Delete a log group that is not protected."""
    group = _group(call, request["logGroupName"])
    if getattr(group, "protected", False):
        raise Fault("OperationAbortedException", "The log group is protected from deletion.")
    call.backend().delete_log_group(group.name)
    return {}


@logs
def put_log_group_deletion_protection(call: Call, request: Document) -> Document:
    """Protect a log group, or no longer."""
    group = _group(call, request["logGroupIdentifier"].split(":log-group:")[-1])
    group.protected = bool(request["deletionProtectionEnabled"])
    return {}


@logs
def put_retention_policy(call: Call, request: Document) -> Document:
    """Keep events for so many days."""
    days = request["retentionInDays"]
    if days not in RETENTIONS:
        raise Fault(
            "InvalidParameterException", f"The specified retention {days} is none of {', '.join(map(str, RETENTIONS))}."
        )
    _group(call, request["logGroupName"]).retention_in_days = days
    return {}


@logs
def associate_kms_key(call: Call, request: Document) -> Document:
    """Encrypt what comes from now on with a key."""
    _usable(call, request["kmsKeyId"], request["logGroupName"])
    _group(call, request["logGroupName"]).kms_key_id = request["kmsKeyId"]
    return {}


@logs
def disassociate_kms_key(call: Call, request: Document) -> Document:
    """Leave what comes from now on to the service's own key."""
    _group(call, request["logGroupName"]).kms_key_id = None
    return {}


@logs
def describe_index_policies(call: Call, request: Document) -> Document:
    """Field index policies: none can be made here."""
    return {"indexPolicies": []}


def _about(group: Any) -> Document:
    about = group.to_describe_dict()
    arn = about["arn"].removesuffix(":*")
    return about | {
        "logGroupArn": arn,
        "logGroupClass": _class(group),
        "deletionProtectionEnabled": getattr(group, "protected", False),
    }


def _class(group: Any) -> str:
    return getattr(group, "group_class", "STANDARD")


def _group(call: Call, name: str) -> Any:
    found = call.backend().groups.get(name)
    if found is None:
        raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
    return found


def _usable(call: Call, arn: str, name: str) -> None:
    """Refuse a key that is not there, or whose own policy does not let this service use it."""
    key = call.backend("kms").keys.get(arn.rsplit("/", 1)[-1])
    service, group = f"logs.{call.region}.amazonaws.com", call.arn(f"log-group:{name}")
    context = {"kms:EncryptionContext:aws:logs:arn": [group]}
    if (
        key is None
        or key.key_state != "Enabled"
        or not all(lets(key.policy, service, action, key.arn, context) for action in USED)
    ):
        raise Fault(
            "AccessDeniedException",
            f"The specified KMS key does not exist or is not allowed to be used with Arn '{group}'",
        )
