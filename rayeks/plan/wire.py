"""Property values between the SDK's protobuf form and the plan's own: integers whole, secrets and outputs kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

from rayeks.plan.values import Secret

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@dataclass(frozen=True)
class Tracked:
    """A value together with the resources that it came from."""

    value: Any
    dependencies: frozenset[str]


@dataclass(frozen=True)
class Reference:
    """A resource as a value."""

    urn: str
    id: str
    version: str = ""


def decode(struct: Any) -> dict[str, Any]:
    """The properties of a protobuf Struct; whole numbers become int, since protobuf knows only doubles."""
    return {key: _decode(value) for key, value in sorted(struct.fields.items())}


def encode(properties: Mapping[str, Any]) -> Any:
    """The Struct of some properties; those that are None are left out, as the engine leaves them out."""
    struct: Any = struct_pb2.__dict__["Struct"]()
    struct.update({key: _encode(value) for key, value in properties.items() if value is not None})
    return struct


def _decode(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        return _special(fields) if SIGNATURE in fields else decode(value.struct_value)
    return None


def _special(fields: Any) -> Any:
    """A value that a signature marks: a secret, an output, a resource; assets stay mappings of what they hold."""
    signature = fields[SIGNATURE].string_value
    if signature == SECRET:
        return Secret(_decode(fields["value"]))
    if signature == OUTPUT:
        value = _decode(fields["value"]) if "value" in fields else rpc.UNKNOWN
        secret = "secret" in fields and fields["secret"].bool_value
        urns = _decode(fields["dependencies"]) if "dependencies" in fields else []
        return Tracked(Secret(value) if secret else value, frozenset(urns))
    if signature == RESOURCE:
        return fields["urn"].string_value
    return {key: _decode(value) for key, value in fields.items() if key != SIGNATURE}


def _encode(value: Any) -> Any:
    match value:
        case Secret(inner):
            return {SIGNATURE: SECRET, "value": _encode(inner)}
        case Tracked(inner):
            return _encode(inner)
        case Reference(urn, identity, version):
            return {SIGNATURE: RESOURCE, "urn": urn, "id": identity, "packageVersion": version}
        case Mapping():
            return {key: _encode(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [_encode(item) for item in value]
    return value


def untracked(value: Any) -> Any:
    """The value without the record of where it came from."""
    match value:
        case Tracked(inner):
            return untracked(inner)
        case Secret(inner):
            return Secret(untracked(inner))
        case Mapping():
            return {key: untracked(item) for key, item in value.items()}
        case list():
            return [untracked(item) for item in value]
    return value


def origins(values: Iterable[Any]) -> frozenset[str]:
    """The resources that any part of the values came from."""
    found: frozenset[str] = frozenset()
    for value in values:
        match value:
            case Tracked(inner, urns):
                found |= urns | origins([inner])
            case Secret(inner):
                found |= origins([inner])
            case Mapping():
                found |= origins(value.values())
            case list():
                found |= origins(value)
    return found
