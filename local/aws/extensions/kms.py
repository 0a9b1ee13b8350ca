"""KMS: rotation with a period of one's own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from local.aws.moto import Call, Fault, Service

kms = Service("kms")

Document = dict[str, Any]
DEFAULT_PERIOD_DAYS = 365


@kms
def enable_key_rotation(call: Call, request: Document) -> Document:
    """Rotate a key every so many days."""
    key = _key(call, request)
    if key.key_state != "Enabled":
        raise Fault("KMSInvalidStateException", f"{key.arn} is {_state(key)}.")
    key.key_rotation_status = True
    key.rotation_days = request.get("RotationPeriodInDays") or DEFAULT_PERIOD_DAYS
    return {}


@kms
def disable_key_rotation(call: Call, request: Document) -> Document:
    """Leave a key as it is."""
    key = _key(call, request)
    if key.key_state != "Enabled":
        raise Fault("KMSInvalidStateException", f"{key.arn} is {_state(key)}.")
    key.key_rotation_status = False
    return {}


@kms
def get_key_rotation_status(call: Call, request: Document) -> Document:
    """Whether and how often a key rotates."""
    key = _key(call, request)
    about: Document = {"KeyId": key.arn, "KeyRotationEnabled": key.key_rotation_status}
    if key.key_rotation_status:
        days = getattr(key, "rotation_days", DEFAULT_PERIOD_DAYS)
        about["RotationPeriodInDays"] = days
        about["NextRotationDate"] = datetime.now(UTC) + timedelta(days=days)
    return about


@kms
def schedule_key_deletion(call: Call, request: Document) -> Document:
    """Let a key go in 7 to 30 days."""
    key, days = _key(call, request), request.get("PendingWindowInDays", 30)
    if not 7 <= days <= 30:
        raise Fault("ValidationException", f"PendingWindowInDays {days} is not between 7 and 30 inclusive.")
    if key.key_state == "PendingDeletion":
        raise Fault("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    call.backend().schedule_key_deletion(key.id, days)
    return {
        "KeyId": key.arn,
        "DeletionDate": key.deletion_date,
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }


def _key(call: Call, request: Document) -> Any:
    backend = call.backend()
    key = backend.keys.get(backend.get_key_id(request["KeyId"]))
    if key is None:
        raise Fault("NotFoundException", f"Key '{call.arn('key/' + request['KeyId'])}' does not exist")
    return key


def _state(key: Any) -> str:
    return {"PendingDeletion": "pending deletion", "Disabled": "disabled"}.get(key.key_state, key.key_state)
