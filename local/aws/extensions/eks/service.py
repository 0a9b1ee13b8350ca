"""What every part of EKS shares: its state, its errors, look-ups, ids and the record of updates."""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.aws.moto import Call, Fault, Service, State

eks = Service("eks", invalid="InvalidParameterException")

Document = dict[str, Any]


@dataclass
class Cluster:
    """A cluster and all that lives in it, each as AWS describes it."""

    about: Document
    nodegroups: dict[str, Document] = field(default_factory=dict)
    fargate: dict[str, Document] = field(default_factory=dict)
    addons: dict[str, Document] = field(default_factory=dict)
    entries: dict[str, Document] = field(default_factory=dict)
    policies: dict[str, dict[str, Document]] = field(default_factory=dict)
    associations: dict[str, Document] = field(default_factory=dict)
    updates: dict[str, Document] = field(default_factory=dict)
    machines: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.about["name"]

    @property
    def nodes(self) -> int:
        """How many nodes its managed groups want."""
        return sum(group["scalingConfig"]["desiredSize"] for group in self.nodegroups.values())


class Eks(State):
    """The clusters of an account in a region."""

    service = "eks"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.clusters: dict[str, Cluster] = {}


def find(call: Call, request: Document, key: str = "clusterName") -> Cluster:
    """The cluster that the request names; ResourceNotFoundException."""
    name = request[key]
    found = call.state(Eks).clusters.get(name)
    if found is None:
        raise not_found(f"No cluster found for name: {name}.", clusterName=name)
    return found


def active(call: Call, request: Document, key: str = "clusterName") -> Cluster:
    """The cluster that the request names, to be changed."""
    return find(call, request, key)


def not_found(message: str, **members: str) -> Fault:
    """ResourceNotFoundException (404)."""
    return Fault("ResourceNotFoundException", message, **members)


def in_use(message: str, **members: str) -> Fault:
    """ResourceInUseException (409)."""
    return Fault("ResourceInUseException", message, **members)


def invalid(message: str, **members: str) -> Fault:
    """InvalidParameterException (400)."""
    return Fault("InvalidParameterException", message, **members)


def refused(message: str, **members: str) -> Fault:
    """InvalidRequestException (400)."""
    return Fault("InvalidRequestException", message, **members)


def now() -> datetime:
    """The time that AWS would stamp."""
    return datetime.now(UTC)


def uid() -> str:
    """A fresh UUID."""
    return str(uuid.uuid4())


def short(text: str, length: int, alphabet: str = "0123456789abcdefghijklmnopqrstuvwxyz") -> str:
    """An id of `length` characters, always the same for the same text."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    result = ""
    for _ in range(length):
        number, rest = divmod(number, len(alphabet))
        result += alphabet[rest]
    return result


def record(cluster: Cluster, kind: str, params: Document, *, of: str = "") -> Document:
    """Note an update that has been done. The answer says InProgress, DescribeUpdate then Successful, as AWS."""
    update = {
        "id": uid(),
        "status": "Successful",
        "type": kind,
        "params": [{"type": key, "value": as_text(value)} for key, value in params.items()],
        "createdAt": now(),
        "errors": [],
    }
    cluster.updates[update["id"]] = {**update, "of": of}
    return {"update": {**update, "status": "InProgress"}}


def as_text(value: Any) -> str:
    """A parameter's value as an update shows it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)


def matches(item: Document, wanted: Document) -> bool:
    """Whether a repeated create asks for what there is (clients retry with their token)."""
    token = wanted.get("clientRequestToken")
    return bool(token) and item.get("clientRequestToken") == token
