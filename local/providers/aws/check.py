"""Inputs as the engine keeps them: known names, fitting kinds, defaults and a name filled in, JSON compacted."""

import difflib
import hashlib
from collections.abc import Mapping
from typing import Any

from local.providers.aws import documents
from local.providers.aws.resource import Naming, Resource
from local.providers.aws.schema import Field, Kind, Schema
from local.providers.aws.tags import merged
from local.providers.wire import UNKNOWN

Failures = list[tuple[str, str]]
RANDOM_DIGITS = 7


def check(
    resource: Resource,
    schema: Schema,
    news: Mapping[str, Any],
    olds: Mapping[str, Any],
    *,
    name: str,
    seed: bytes,
    proposed: str | None,
    default_tags: Mapping[str, str],
    region: str,
) -> tuple[dict[str, Any], Failures]:
    """The inputs to keep, and every mistake in `news` as (property, reason).

    `proposed` is a name from the engine's autonaming configuration; `seed` makes the random part of other names.
    """
    failures: Failures = []
    given = {key: value for key, value in news.items() if value is not None and key != "__defaults"}
    checked = _object(given, schema.inputs, "", resource, failures)
    for key in given.keys() & schema.inputs.keys() - resource.supported:
        reason = f"{resource.token} does not support {key} here; extend {source_of(resource)}"
        failures.append((key, reason))
    defaulted = {key: value for key, value in resource.defaults.items() if key not in checked}
    checked.update(defaulted)
    if (naming := resource.naming) is not None and naming.property not in checked:
        defaulted[naming.property] = checked[naming.property] = _name(naming, checked, olds, name, seed, proposed)
    if resource.tagging is not None:
        checked["tagsAll"] = merged(default_tags, checked.get("tags"))
    if "region" in schema.inputs:
        checked.setdefault("region", region)
    if defaulted:
        checked["__defaults"] = sorted(defaulted)
    if resource.check is not None and not failures:
        failures.extend(resource.check(checked))
    return checked, failures


def source_of(resource: Resource) -> str:
    """The file whose row describes the resource, for the person who extends it."""
    return f"local/providers/aws/types/{resource.service.replace('-', '_')}*.py"


def _name(
    naming: Naming,
    inputs: Mapping[str, Any],
    olds: Mapping[str, Any],
    name: str,
    seed: bytes,
    proposed: str | None,
) -> Any:
    if olds.get(naming.property) is not None and naming.property in olds.get("__defaults", ()):
        return olds[naming.property]
    suffix = naming.suffix(inputs)
    digits = hashlib.sha256(seed or name.encode()).hexdigest()[:RANDOM_DIGITS]
    prefix = inputs.get("namePrefix") or inputs.get("bucketPrefix")
    if prefix is UNKNOWN:
        return UNKNOWN
    if prefix:
        made = f"{prefix}{digits}"
    elif proposed:
        made = proposed
    else:
        room = naming.longest - len(suffix) - len(digits) - 1
        made = f"{naming.prefix}{name[:room]}-{digits}"
    return (made.lower() if naming.lower else made) + suffix


def _object(
    values: Mapping[str, Any], fields: Mapping[str, Field], path: str, resource: Resource, failures: Failures
) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        if name in fields:
            fitted = _value(value, fields[name].kind, here, resource, failures)
            if fitted is not None:
                checked[name] = fitted
        elif here != "tagsAll":
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            failures.append((here, f"{resource.token} has no property {here}{hint}"))
    for name, field in fields.items():
        if field.required and values.get(name) is None and not (path == "" and name in resource.defaults):
            here = f"{path}.{name}" if path else name
            failures.append((here, f"{resource.token} needs {here}"))
    return checked


def _value(value: Any, kind: Kind, path: str, resource: Resource, failures: Failures) -> Any:
    if value is UNKNOWN:
        return value
    if kind.name == "object":
        if isinstance(value, Mapping):
            return _object(value, kind.fields, path, resource, failures)
        return _wrong(value, "an object", path, failures)
    if kind.name == "list" and kind.item is not None:
        if isinstance(value, list):
            return [_value(item, kind.item, path, resource, failures) for item in value]
        return _wrong(value, "a list", path, failures)
    if kind.name == "map" and kind.item is not None:
        if isinstance(value, Mapping):
            items = {key: _value(item, kind.item, path, resource, failures) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not None}
        return _wrong(value, "a map", path, failures)
    return _scalar(value, kind.name, path, resource, failures)


def _scalar(value: Any, kind: str, path: str, resource: Resource, failures: Failures) -> Any:
    if value is None or kind == "any":
        return value
    if kind == "string":
        if isinstance(value, Mapping | list):
            return _wrong(value, "a string", path, failures)
        text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        if path in resource.documents:
            try:
                return documents.compact(text)
            except ValueError as error:
                failures.append((path, f"{path} is not JSON: {error}"))
        return text
    if kind == "boolean":
        if isinstance(value, str) and value in ("true", "false"):
            return value == "true"
        return value if isinstance(value, bool) else _wrong(value, "true or false", path, failures)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _wrong(value, "a number", path, failures)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _wrong(value, "a number", path, failures)
    if kind == "integer":
        return int(value) if float(value).is_integer() else _wrong(value, "a whole number", path, failures)
    return value


def _wrong(value: Any, wanted: str, path: str, failures: Failures) -> Any:
    failures.append((path, f"{path} must be {wanted}, not {value!r}"))
    return None


def preview_state(
    schema: Schema, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, volatile: frozenset[str]
) -> dict[str, Any]:
    """The outputs that a preview promises: the inputs, what is known already, and unknowns for the rest.

    `state` is what exists, or None before a create; `volatile` are outputs that any update may change.
    """
    known = {name: value for name, value in inputs.items() if name in schema.state}
    if state is None:
        return {**dict.fromkeys(schema.state, UNKNOWN), **known}
    promised = {**state, **dict.fromkeys(volatile & state.keys(), UNKNOWN), **known}
    for name, value in known.items():
        before = state.get(name)
        if schema.state[name].kind.name == "object" and isinstance(value, Mapping) and isinstance(before, Mapping):
            promised[name] = {**before, **value}  # AWS's own words inside it, such as a cluster's security group
    return promised
