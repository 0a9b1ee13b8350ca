"""Kinds of rules that AWS documents in words where its service models hold nothing."""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[Any], str | None]
"""Takes a known value and says in words what it breaks, or None."""


def between(low: float, high: float, step: float = 0) -> Rule:
    """A number within a range, in whole steps from its lower end if a step is given."""

    def rule(value: Any) -> str | None:
        number = _number(value)
        if number is None or not low <= number <= high:
            return f"must be from {low} to {high}"
        return f"must be {low} plus a multiple of {step}" if step and (number - low) % step else None

    return rule


def one_of(*allowed: Any) -> Rule:
    """One of some values; numbers may be written as text."""
    texts = {str(value) for value in allowed}
    return lambda value: None if str(value) in texts else f"must be one of {', '.join(map(str, allowed))}"


def matching(pattern: str, words: str) -> Rule:
    """Text of a form, which `words` describe."""
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: None if compiled.fullmatch(str(value)) else words


def block(shortest: int, longest: int) -> Rule:
    """An IPv4 range with its host bits clear and a prefix within bounds, as `10.0.0.0/16`."""

    def rule(value: Any) -> str | None:
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError as error:
            return f"must be an IPv4 range: {error}"
        return None if shortest <= network.prefixlen <= longest else f"must be a /{shortest} to a /{longest}"

    return rule


def document(longest: int, *, spaces: bool = True) -> Rule:
    """A JSON object of limited length; AWS does not count an IAM document's white space where `spaces` is off."""

    def rule(value: Any) -> str | None:
        try:
            parsed = json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            return f"must be JSON: {error}"
        if not isinstance(parsed, dict):
            return "must be a JSON object"
        text = value if isinstance(value, str) else json.dumps(value)
        length = len(text) if spaces else len(re.sub(r"\s", "", text))
        return None if length <= longest else f"has {length} characters, and AWS takes {longest}"

    return rule


def policy(longest: int) -> Rule:
    """An IAM policy: JSON with a version and statements that each say effect and action."""
    fits = document(longest, spaces=False)

    def rule(value: Any) -> str | None:
        broken = fits(value)
        if broken:
            return broken
        parsed = json.loads(value) if isinstance(value, str) else value
        if parsed.get("Version") not in ("2012-10-17", "2008-10-17"):
            return "must say Version 2012-10-17"
        statements = parsed.get("Statement")
        statements = [statements] if isinstance(statements, Mapping) else statements
        if not isinstance(statements, list) or not statements:
            return "must have a Statement"
        return next((one for one in map(_statement, statements) if one), None)

    return rule


def _statement(statement: Any) -> str | None:
    name = statement.get("Sid", "a statement") if isinstance(statement, Mapping) else "a statement"
    if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
        return f"{name} must say Effect Allow or Deny"
    if not re.fullmatch("[A-Za-z0-9]*", statement.get("Sid", "")):
        return f"Sid {name} may hold letters and digits only"
    if ("Action" in statement) == ("NotAction" in statement):
        return f"{name} must have either Action or NotAction"
    actions = statement.get("Action", statement.get("NotAction"))
    for action in [actions] if isinstance(actions, str) else actions:
        if not re.fullmatch(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", action):
            return f"{name} names {action!r}, which is no action"
    return None


def user_data(value: Any) -> str | None:
    """User data: base64 of at most 16 KiB."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError, TypeError):
        return "must be base64"
    return None if size <= 16384 else f"is {size} bytes, and EC2 takes 16384"


def tags(value: Any) -> str | None:
    """A resource's tags: at most 50, none of AWS's own, of limited length and characters."""
    if not isinstance(value, Mapping):
        return "must be a map"
    if len(value) > 50:
        return f"has {len(value)} tags, and AWS takes 50"
    for key, text in value.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            return f"tag {key!r} must have 1 to 128 characters and not start with aws:"
        if not isinstance(text, str) or len(text) > 256:
            return f"tag {key!r} must be text of at most 256 characters"
        if not re.fullmatch(r"[\w\s.:/=+\-@]*", key + text):
            return f"tag {key!r} may hold letters, digits, spaces and _ . : / = + - @ only"
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
