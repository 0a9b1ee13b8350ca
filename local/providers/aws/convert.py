"""Property values to and from AWS's shapes: names matched without regard to case, values fitted to their kind."""

import datetime
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from local.providers.aws.schema import Field, Kind
from local.providers.wire import UNKNOWN
from rayeks.errors import UserError

Shape = Any  # botocore.model.Shape, whose subclasses differ in their attributes
Names = Mapping[str, str]  # dotted property path, or `*.name` anywhere -> AWS's member at that level, where they differ
TAG_KEYS = ("Key", "TagKey", "key")


@cache
def _members(shape: Shape) -> dict[str, str]:
    return {member.lower(): member for member in getattr(shape, "members", {})}


def member_of(path: str, shape: Shape, names: Names) -> str | None:
    """The member of `shape` that the property at the dotted `path` means, if it has one."""
    return _members(shape).get(_spelled(path, names).lower())


def _spelled(path: str, names: Names) -> str:
    last = path.rsplit(".", 1)[-1]
    return names.get(path) or names.get(f"*.{last}") or last


def to_params(values: Mapping[str, Any], shape: Shape, names: Names, within: str | None) -> dict[str, Any]:
    """The properties as parameters of a call: at the top, and in the structure `within` what has no place there."""
    top = to_members(values, shape, names)
    if within is None:
        return top
    rest = {name: value for name, value in values.items() if member_of(name, shape, names) is None}
    inner = to_members(rest, shape.members[within], names)
    return {**top, within: inner} if inner else top


def to_members(values: Mapping[str, Any], shape: Shape, names: Names, path: str = "") -> dict[str, Any]:
    """The properties that `shape` has members for, under those members' names; the rest is left out at the top.

    Raises UserError for a nested property that `shape` has no member for: it must not be lost.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        member = member_of(here, shape, names)
        if member is None and path and not is_empty(value):
            raise UserError(f"{here} has no member in AWS's {shape.name}", fix="add it to the row's names")
        if member is not None and value is not None:
            found[member] = _nested(value, shape.members[member], names, here)
    return found


def _nested(value: Any, shape: Shape, names: Names, path: str) -> Any:
    inner = shape
    while inner.type_name == "list":
        inner = inner.member
    tags = shape.type_name == "list" and _is_tag(inner) and isinstance(value, Mapping)
    if inner.type_name != "structure" or tags:
        return value
    if isinstance(value, Mapping):
        return to_members(value, inner, names, path)
    if isinstance(value, list):
        return [_nested(item, inner, names, path) for item in value]
    return value


def fit(value: Any, shape: Shape) -> Any:
    """`value` in the form that `shape` asks for: lists of one, tags as pairs, numbers and booleans from text."""
    kind = shape.type_name
    if kind == "structure":
        members = shape.members
        value = value[0] if isinstance(value, list) and value else value
        if not isinstance(value, Mapping):
            return {next(iter(members)): value} if len(members) == 1 else value
        return {key: fit(item, members[key]) if key in members else item for key, item in value.items()}
    if kind == "list":
        member = shape.member
        if isinstance(value, Mapping) and _is_tag(member):
            return _tag_pairs(value, member)
        return [fit(item, member) for item in (value if isinstance(value, list) else [value])]
    if kind == "map":
        if not isinstance(value, Mapping):
            return value
        return {str(key): fit(item, shape.value) for key, item in value.items()}
    if kind == "string":
        return _text(value)
    if kind in ("integer", "long"):
        return int(value) if isinstance(value, str | float) else value
    if kind in ("float", "double"):
        return float(value) if isinstance(value, str | int) else value
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    return value


def _is_tag(shape: Shape) -> bool:
    members = set(getattr(shape, "members", {}))
    return bool(members & set(TAG_KEYS)) and len(members) <= 2


def _tag_pairs(tags: Mapping[str, Any], shape: Shape) -> list[dict[str, Any]]:
    members = list(shape.members)
    key = next(member for member in members if member in TAG_KEYS)
    value = next((member for member in members if member != key), None)
    return [
        {key: name} if text is None or value is None else {key: name, value: _text(text)} for name, text in tags.items()
    ]


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def to_properties(raw: Mapping[str, Any], fields: Mapping[str, Field], names: Names, path: str = "") -> dict:
    """What AWS said, as properties: those of `fields` that `raw` has a member for, in their kind."""
    lower = {key.lower(): key for key in raw}
    found: dict[str, Any] = {}
    for name, field in fields.items():
        here = f"{path}.{name}" if path else name
        key = lower.get(_spelled(here, names).lower())
        if key is not None and raw[key] is not None:
            value = _property(raw[key], field.kind, names, here)
            if value is not None:
                found[name] = value
    return found


def _property(value: Any, kind: Kind, names: Names, path: str) -> Any:
    if kind.name == "object":
        value = value[0] if isinstance(value, list) and value else value
        if not isinstance(value, Mapping):
            return None
        return to_properties(value, kind.fields, names, path)
    if kind.name == "list" and kind.item is not None:
        values = value if isinstance(value, list | tuple) else [value]
        items = [_property(item, kind.item, names, path) for item in values]
        return [item for item in items if item is not None]
    if kind.name == "map" and kind.item is not None:
        pairs = tag_map(value) if isinstance(value, list) else value
        if not isinstance(pairs, Mapping):
            return None
        return {key: _property(item, kind.item, names, path) for key, item in pairs.items()}
    return _scalar(value, kind.name)


def _scalar(value: Any, kind: str) -> Any:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if kind == "string":
        if isinstance(value, datetime.datetime):
            return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if isinstance(value, Mapping) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
            return only
        if isinstance(value, Mapping | list):
            return json.dumps(value, sort_keys=True, separators=(",", ":"))
        return _text(value)
    if kind == "boolean":
        return value.lower() in ("true", "enabled") if isinstance(value, str) else bool(value)
    if kind == "integer":
        return int(value) if value != "" else None
    if kind == "number":
        return float(value) if value != "" else None
    return value


def tag_map(tags: Any) -> dict[str, str]:
    """AWS's tags as a map, from either of their forms, without the tags that AWS itself sets."""
    if isinstance(tags, list):
        key = next((name for name in TAG_KEYS if tags and name in tags[0]), "Key")
        value = {"TagKey": "TagValue", "key": "value"}.get(key, "Value")
        tags = {tag[key]: tag.get(value, "") for tag in tags}
    return {name: text for name, text in (tags or {}).items() if not name.startswith("aws:")}


def holds_unknown(value: Any) -> bool:
    """Whether `value` is, or holds anywhere, a value unknown in this preview."""
    if isinstance(value, Mapping):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_unknown(item) for item in value)
    return value is UNKNOWN


def is_empty(value: Any) -> bool:
    """Whether AWS and Pulumi both mean "not set" by `value`."""
    return value is None or (isinstance(value, str | list | Mapping) and len(value) == 0)


def words(*texts: str) -> frozenset[str]:
    """The words of some lines, so that a row can list many names without quotes."""
    return frozenset(word for text in texts for word in text.split())


def first(values: Iterable[Any]) -> Any:
    """The first of `values`, or None."""
    return next(iter(values), None)
