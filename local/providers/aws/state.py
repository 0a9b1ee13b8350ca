"""What AWS says of a resource, in the engine's terms: its outputs, and the inputs that would describe it."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws import documents
from local.providers.aws.convert import is_empty, tag_map, to_properties
from local.providers.aws.operation import Operation
from local.providers.aws.resource import ABSENT, Resource, fill
from local.providers.aws.schema import Kind
from local.providers.aws.tags import own_tags

META = frozenset({"tags", "tagsAll", "region", "timeouts", "__defaults"})


def outputs(operation: Operation, default_tags: Mapping[str, str]) -> dict[str, Any]:
    """Every property of the type that `operation.raw` tells, in pulumi_aws's names, kinds and order."""
    resource, fields = operation.resource, operation.schema.state
    found = to_properties(operation.raw, fields, resource.names)
    for name, template in resource.outputs.items():
        value = fill(template, operation.scope)
        if value is not ABSENT:
            found.update(to_properties({name: value}, {name: fields[name]}, {}))
    reference = operation.inputs or operation.state or resource.defaults  # the last for an import
    for path in resource.kept:
        _keep(found, reference, path.split("."))
    if "region" in fields:
        found["region"] = operation.region
    if resource.tagging is not None:
        everything = tag_map(operation.raw.get("Tags", operation.raw.get("tags")))
        found["tagsAll"] = everything
        found["tags"] = own_tags(everything, default_tags, reference.get("tags"))
    if resource.shown is not None:
        resource.shown(found, operation)
    return {name: _settle(value, reference.get(name), resource, name) for name, value in found.items()}


def inputs(found: Mapping[str, Any], operation: Operation, old: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that describe what was found, in the words of `old` wherever those mean the same.

    With `old` inputs (a refresh) only what they say is told, and what AWS has beyond a type's own values; without
    (an import) everything that can be an input.
    """
    resource, fields = operation.resource, operation.schema.inputs
    described: dict[str, Any] = {}
    for name, value in old.items():
        if name in META or name not in fields:
            if name in found or name in {"__defaults", "timeouts"}:
                described[name] = found.get(name, value)
            continue
        actual = project(value, found.get(name), fields[name].kind, resource, name)
        if actual is not None:
            described[name] = actual
    for name in fields.keys() & found.keys() - old.keys() - META:
        if name in resource.supported and not is_empty(found[name]) and (not old or name not in resource.computed):
            described[name] = found[name]
    for name in ("tags", "tagsAll", "region"):
        if not is_empty(found.get(name)):
            described[name] = found[name]
    return described


def project(old: Any, actual: Any, kind: Kind, resource: Resource, path: str) -> Any:
    """`actual` as far as `old` speaks of it, and `old` itself where both mean the same."""
    if is_empty(actual) or actual is False:
        return old if is_empty(old) or old is False or old == 0 else actual
    if kind.name == "object" and isinstance(old, Mapping) and isinstance(actual, Mapping):
        parts = {
            name: project(value, actual.get(name), field.kind, resource, f"{path}.{name}")
            for name, value in old.items()
            if (field := kind.fields.get(name)) is not None
        }
        return {name: part for name, part in parts.items() if part is not None}
    if kind.name == "list" and kind.item is not None and isinstance(old, list) and isinstance(actual, list):
        ordered = _settle(actual, old, resource, path)
        told = [project(one, other, kind.item, resource, path) for one, other in zip(old, ordered, strict=False)]
        return told + ordered[len(told) :]
    return old if means_same(old, actual, resource, path) else actual


def means_same(one: Any, other: Any, resource: Resource, path: str) -> bool:
    """Whether two plain values of the property at `path` mean the same to AWS."""
    if path in resource.documents and isinstance(one, str) and isinstance(other, str):
        return documents.same(one, other)
    return one == other


def _keep(found: dict[str, Any], reference: Mapping[str, Any], path: list[str]) -> None:
    """Carry a value that AWS never tells from the reference into what was found."""
    name, rest = path[0], path[1:]
    if reference.get(name) is None:
        return
    if not rest:
        found[name] = reference[name]
    elif isinstance(reference[name], Mapping) and isinstance(found.setdefault(name, {}), dict):
        _keep(found[name], reference[name], rest)


def _settle(actual: Any, reference: Any, resource: Resource, path: str) -> Any:
    """`actual` with unordered lists in the reference's order, and documents in its words."""
    if isinstance(actual, Mapping):
        known = reference if isinstance(reference, Mapping) else {}
        return {name: _settle(value, known.get(name), resource, f"{path}.{name}") for name, value in actual.items()}
    if isinstance(actual, list):
        known = reference if isinstance(reference, list) else []
        items = [_settle(item, None, resource, path) for item in actual]
        if path in resource.unordered:
            items = in_order_of(known, sorted(items, key=sort_key))
        return [
            _settle(item, known[index] if index < len(known) else None, resource, path)
            for index, item in enumerate(items)
        ]
    if reference is not None and means_same(reference, actual, resource, path):
        return reference
    return actual


def in_order_of(reference: list[Any], items: list[Any]) -> list[Any]:
    """The items, those that the reference also has first and in its order."""
    left, ordered = list(items), []
    for wanted in reference:
        match = next((item for item in left if covers(item, wanted)), None)
        if match is not None:
            ordered.append(match)
            left.remove(match)
    return ordered + left


def covers(actual: Any, wanted: Any) -> bool:
    """Whether everything that `wanted` says is so in `actual`, whatever else that has."""
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        return all(is_empty(value) or covers(actual.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(actual, list):
        return len(wanted) == len(actual) and sorted(map(sort_key, wanted)) == sorted(map(sort_key, actual))
    return actual == wanted or (wanted is False and actual is None)


def sort_key(value: Any) -> str:
    """A text by which values of any kind can be sorted."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{sort_key(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sort_key(item) for item in value) + "]"
    return repr(value)
