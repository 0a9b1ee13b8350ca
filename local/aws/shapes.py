"""AWS's constraints on a request, from botocore's models: what a service refuses before it looks further."""

import re
from functools import lru_cache
from typing import Any


class Violation(Exception):
    """A value outside what the service's model allows; the message is worded as AWS words it."""


def check(shape: Any, value: Any, path: str = "") -> None:
    """Raise Violation unless `value` fits `shape`: required members, enums, patterns, lengths and ranges."""
    if shape is None or value is None:
        return
    kind = shape.type_name
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                raise _violation(None, _join(path, name), "Member must not be null")
        for name, member in shape.members.items():
            check(member, value.get(name), _join(path, name))
    elif kind == "list":
        _bounds(shape, len(value), value, path, "length")
        for index, item in enumerate(value, start=1):
            check(shape.member, item, f"{path}.{index}.member")
    elif kind == "map":
        _bounds(shape, len(value), value, path, "length")
        for key, item in value.items():
            check(shape.key, key, path)
            check(shape.value, item, f"{path}.{key}.member")
    elif kind == "string":
        _string(shape, str(value), path)
    elif kind in ("integer", "long", "float", "double"):
        _bounds(shape, value, value, path, "value")


def _string(shape: Any, value: str, path: str) -> None:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        raise _violation(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    _bounds(shape, len(value), value, path, "length")
    pattern = _compiled(shape.metadata.get("pattern"))
    if pattern and not pattern.fullmatch(value):
        raise _violation(value, path, f"Member must satisfy regular expression pattern: {pattern.pattern}")


def _bounds(shape: Any, size: float, value: Any, path: str, what: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        raise _violation(value, path, f"Member must have {what} greater than or equal to {low}")
    if high is not None and size > high:
        raise _violation(value, path, f"Member must have {what} less than or equal to {high}")


@lru_cache
def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The model's pattern, or None where there is none or where Python cannot read Java's dialect."""
    if not pattern:
        return None
    # \p{…} classes are Java's; and some patterns anchor in their middle, so that nothing could match them.
    if "\\p{" in pattern or re.search(r"[^(|\[\\]\^", pattern):
        return None
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _violation(value: Any, path: str, constraint: str) -> Violation:
    shown = "null" if value is None else f"'{value}'"
    return Violation(
        f"1 validation error detected: Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
    )
