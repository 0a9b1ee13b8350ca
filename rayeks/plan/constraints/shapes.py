"""A resource's properties as an AWS request, held against the shapes of botocore's service models."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape

from rayeks.plan.constraints.requests import Request
from rayeks.plan.values import Secret, known, reveal

Broken = tuple[str, Any, str]
"""What breaks a rule: the property's path, its value, and the rule in words."""


@dataclass(frozen=True)
class Given:
    """A scalar of the request and the property that it came from."""

    value: Any
    path: str


WRONG_KIND = {
    "integer": "must be a whole number",
    "long": "must be a whole number",
    "float": "must be a number",
    "double": "must be a number",
    "boolean": "must be true or false",
    "structure": "must be an object",
    "list": "must be a list",
    "map": "must be a map",
    "string": "must be text",
}
"""What is said of a value that is of another kind altogether, by the kind it should be."""
TRUTHS = (True, False, "true", "false")
DOCUMENT = re.compile(r"(polic|document|pattern|expression|specification)[^.]*$", re.IGNORECASE)
"""Properties that may be an object, which the provider turns into JSON text."""
ANCHOR_INSIDE = re.compile(r"(?<![\[\\])\^")


def enumeration(service: str, shape: str) -> Callable[[Any], str | None]:
    """A rule: one of the values that a service's model lists, for a property whose own shape is free text."""

    def rule(value: Any) -> str | None:
        allowed = _model(service).shape_for(shape).metadata["enum"]
        return None if value in allowed else f"is not one of {service}'s {len(allowed)} values of {shape}"

    return rule


@cache
def _model(service: str) -> ServiceModel:
    # By its path: asking by the service's name alone, botocore looks through all four hundred of them first.
    loader = create_loader()
    version = loader.determine_latest_version(service, "service-2")
    return ServiceModel(loader.load_data(f"{service}/{version}/service-2"), service)


def violations(request: Request, inputs: Mapping[str, Any]) -> Iterator[Broken]:
    """What AWS's model of the operation does not allow. Values that are not known yet break no rule."""
    if request.only and not any(inputs.get(name) is not None for name in request.only - {"clusterName", "addonName"}):
        return
    shape: Any = _model(request.service).operation_model(request.operation).input_shape
    chosen = {key: value for key, value in inputs.items() if not request.only or key in request.only}
    if request.only:
        chosen |= {key: value for key, value in inputs.items() if key in request.names and value is not None}
    built = _build(chosen, shape, request, "", "")
    yield from _check(built, shape, "", request.filled)


def _build(inputs: Mapping[str, Any], shape: Any, request: Request, names: str, path: str) -> dict[str, Any]:
    """The members of a structure from the properties that go there."""
    built: dict[str, Any] = {}
    for key, value in inputs.items():
        target = _target(key, shape, request, names)
        if target is None or value is None:
            continue
        here = f"{path}.{key}" if path else key
        _put(built, shape, target.split("."), value, request, f"{names}.{key}".lstrip("."), here)
    return built


def _target(key: str, shape: Any, request: Request, names: str) -> str | None:
    """The path of the member for a property; None where the request has no place for it."""
    where = request.names.get(f"{names}.{key}".lstrip("."))
    if where is not None:
        return None if where == "-" else where
    member = _member(key, shape)
    if member is None and not names and request.below:
        inner = _member(key, shape.members[request.below])
        return f"{request.below}.{inner}" if inner else None
    return member


def _put(built: dict, shape: Any, target: list[str], value: Any, request: Request, names: str, path: str) -> None:
    """Places a value at a path of members; a list on the way gets one item."""
    head, *rest = target
    inner = shape.members[head]
    if not rest:
        built[head] = _convert(value, inner, request, names, path)
        return
    if inner.type_name == "list":
        items = built.setdefault(head, [{}])
        _put(items[0], inner.member, rest, value, request, names, path)
    else:
        _put(built.setdefault(head, {}), inner, rest, value, request, names, path)


def _convert(value: Any, shape: Any, request: Request, names: str, path: str) -> Any:
    """A property's value in the form of its shape, every scalar with the path that it came from."""
    if isinstance(value, Secret):
        value = reveal(value)
    kind = shape.type_name
    if kind == "structure":
        if isinstance(value, list) and len(value) == 1:
            value, path = value[0], f"{path}[0]"
        if isinstance(value, Mapping):
            return _build(value, shape, request, names, path)
        if not isinstance(value, list) and len(shape.members) == 1:
            (only, inner), *_ = shape.members.items()
            return {only: _convert(value, inner, request, names, path)}
        return Given(value, path)
    if kind == "list":
        if isinstance(value, Mapping) and shape.member.type_name == "structure" and not _is_entry(shape.member):
            value = [value]
        if isinstance(value, Mapping):
            return None  # tags, which have rules of their own
        if not isinstance(value, list):
            return [_convert(value, shape.member, request, names, path)]
        return [_convert(item, shape.member, request, names, f"{path}[{i}]") for i, item in enumerate(value)]
    if kind == "map" and isinstance(value, Mapping):
        return {key: _convert(item, shape.value, request, names, f"{path}.{key}") for key, item in value.items()}
    return Given(value, path)


def _check(value: Any, shape: Any, path: str, filled: frozenset[str] = frozenset()) -> Iterator[Broken]:
    if value is None:
        return
    kind = shape.type_name
    if isinstance(value, Given):
        yield from _scalar(value, shape)
    elif kind == "structure":
        for name in shape.required_members:
            token = shape.members[name].metadata.get("idempotencyToken")
            if value.get(name) is None and name not in filled and not token:
                yield (_join(path, name), None, f"{shape.name} needs {name}")
        for name, item in value.items():
            yield from _check(item, shape.members[name], _join(path, name), filled)
    elif kind == "list":
        yield from _size(shape, len(value), [_plain(item) for item in value], _path(value, path), "items")
        for index, item in enumerate(value):
            yield from _check(item, shape.member, f"{path}[{index}]", filled)
    elif kind == "map":
        yield from _size(shape, len(value), _plain(value), _path(list(value.values()), path), "entries")
        for key, item in value.items():
            yield from _scalar(Given(key, f"{path}.{key}"), shape.key)
            yield from _check(item, shape.value, f"{path}.{key}", filled)


def _scalar(given: Given, shape: Any) -> Iterator[Broken]:
    value, path, kind = given.value, given.path, shape.type_name
    if not known(value):
        return
    if kind == "string":
        yield from _string(value, path, shape)
    elif kind in ("integer", "long", "float", "double"):
        number = _number(value)
        if number is None or (kind in ("integer", "long") and not float(number).is_integer()):
            yield (path, value, WRONG_KIND[kind])
        else:
            yield from _size(shape, number, value, path, "")
    elif kind in ("structure", "list", "map") or (kind == "boolean" and value not in TRUTHS):
        yield (path, value, WRONG_KIND[kind])


def _string(value: Any, path: str, shape: Any) -> Iterator[Broken]:
    if isinstance(value, Mapping | list):
        if not DOCUMENT.search(path):
            yield (path, value, WRONG_KIND["string"])
        return
    text = str(value).lower() if isinstance(value, bool) else str(value)
    allowed = shape.metadata.get("enum")
    if allowed and text not in allowed:
        yield (path, value, f"must be one of {_listing(allowed)}")
        return
    yield from _size(shape, len(text), value, path, "characters")
    pattern = _pattern(shape.metadata.get("pattern"))
    if pattern and not pattern.fullmatch(text):
        yield (path, value, f"must match {pattern.pattern}")


def _size(shape: Shape, size: float, value: Any, path: str, unit: str) -> Iterator[Broken]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    words = f" {unit}" if unit else ""
    if low is not None and size < low:
        yield (path, value, f"must be at least {low}{words}")
    if high is not None and size > high:
        yield (path, value, f"must be at most {high}{words}")


@cache
def _pattern(text: str | None) -> re.Pattern[str] | None:
    """The model's pattern; None where there is none, or where no text could match it as Python reads it.

    Character classes such as \\p{L} are Java's, and some models have an anchor in the middle.
    """
    if not text or "\\p{" in text or ANCHOR_INSIDE.search(text.removeprefix("^")):
        return None
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None


def _member(key: str, shape: Any) -> str | None:
    """The member that a property's name means: in any case, singular or plural."""
    members = {name.lower(): name for name in getattr(shape, "members", {})}
    lower = key.lower()
    tries = (lower, lower.removesuffix("s"), lower + "s", re.sub("ies$", "y", lower), re.sub("lists$", "list", lower))
    return next((members[name] for name in tries if name in members), None)


def _is_entry(shape: Any) -> bool:
    """Whether a structure is a key and a value, which Pulumi writes as a map."""
    return {name.lower() for name in shape.members} <= {"key", "value", "tagkey", "tagvalue"}


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _listing(allowed: list[str], most: int = 12) -> str:
    return ", ".join(allowed) if len(allowed) <= most else f"{len(allowed)} values: {', '.join(allowed[:most])}, …"


def _plain(value: Any) -> Any:
    match value:
        case Given(inner):
            return inner
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value


def _path(items: list[Any], fallback: str) -> str:
    """The property behind a list: what its first item came from, without the index."""
    for item in items:
        if isinstance(item, Given):
            return re.sub(r"(\[\d+\]|\.[^.\[\]]+)$", "", item.path) or item.path
    return fallback


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
