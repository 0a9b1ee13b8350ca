"""How IAM decides: a pure evaluation of identity policies with conditions, wildcards and explicit denials."""

import fnmatch
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Context = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Decision:
    """What IAM says: `allowed`, `explicitDeny` or `implicitDeny`, by which policies, lacking which context keys."""

    result: str
    policies: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def decide(policies: Mapping[str, Any], action: str, resource: str, context: Context) -> Decision:
    """Evaluate documents by their names. A denial wins; without any permission the denial is implicit."""
    lower = {key.lower(): list(values) for key, values in context.items()}
    allowed: list[str] = []
    missing: set[str] = set()
    for name, document in policies.items():
        for statement in statements(document):
            if not names_action(statement, action) or not _names_resource(statement, resource, lower):
                continue
            holds, absent = _conditions(statement.get("Condition") or {}, lower)
            missing |= absent
            if not holds:
                continue
            if statement.get("Effect") == "Deny":
                return Decision("explicitDeny", (name,), tuple(sorted(missing)))
            allowed.append(name)
    return Decision("allowed" if allowed else "implicitDeny", tuple(dict.fromkeys(allowed)), tuple(sorted(missing)))


def lets(policy: Any, service: str, action: str, resource: str, context: Context) -> bool:
    """Whether a resource's own policy lets an AWS service do something with it."""
    named = {"Statement": [one for one in statements(policy) if _is_principal(one, service)]}
    return decide({"resource": named}, action, resource, context).result == "allowed"


def _is_principal(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal") or {}
    if isinstance(principal, str):
        return principal == "*"
    return service in _listed(principal.get("Service")) or "*" in _listed(principal.get("AWS"))


def statements(document: Any) -> Iterator[dict[str, Any]]:
    """The statements of a policy document, which may be text and may hold one statement bare."""
    parsed = json.loads(document) if isinstance(document, str | bytes) else document
    yield from _listed(parsed.get("Statement"))


def names_action(statement: Mapping[str, Any], action: str) -> bool:
    """Whether a statement is about the action."""
    if "NotAction" in statement:
        return not any(_like(action.lower(), item.lower()) for item in _listed(statement["NotAction"]))
    return any(_like(action.lower(), item.lower()) for item in _listed(statement.get("Action")))


def _names_resource(statement: Mapping[str, Any], resource: str, context: Context) -> bool:
    if "NotResource" in statement:
        return not any(_like(resource, _filled(item, context)) for item in _listed(statement["NotResource"]))
    # A trust policy names no resource: it is about the role itself.
    return any(_like(resource, _filled(item, context)) for item in _listed(statement.get("Resource", "*")))


def _filled(text: str, context: Context) -> str:
    """Policy variables such as ${aws:PrincipalTag/team} in place."""

    def value(match: re.Match[str]) -> str:
        found = context.get(match[1].lower())
        return found[0] if found else match[0]

    return re.sub(r"\$\{([^}]+)\}", value, text)


def _conditions(blocks: Mapping[str, Any], context: Context) -> tuple[bool, set[str]]:
    holds, missing = True, set()
    for operator, keys in blocks.items():
        for key, wanted in keys.items():
            present = context.get(key.lower())
            if present is None:
                missing.add(key)
            holds = _condition(operator, present, [_filled(str(item), context) for item in _listed(wanted)]) and holds
    return holds, missing


def _condition(operator: str, present: Sequence[str] | None, wanted: list[str]) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    optional = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    if plain == "Null":
        return (present is None) == (wanted[0].lower() == "true")
    if not present:
        # Negated operators hold for a key that is absent, and so does ForAllValues.
        return optional or plain in NEGATED or quantifier == "ForAllValues"
    if plain in NEGATED:
        return not any(_matches(NEGATED[plain], value, wanted) for value in present)
    each = [_matches(plain, value, wanted) for value in present]
    return all(each) if quantifier == "ForAllValues" else any(each)


def _matches(operator: str, value: str, wanted: Iterable[str]) -> bool:
    if operator not in OPERATORS:
        raise ValueError(f"condition operator {operator} is not known")
    return any(OPERATORS[operator](value, item) for item in wanted)


def _like(value: str, pattern: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), value, re.DOTALL) is not None


def _within(value: str, block: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(block, strict=False)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
    "DateLessThan": lambda value, wanted: value < wanted,
    "DateGreaterThan": lambda value, wanted: value > wanted,
    "IpAddress": _within,
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "NotIpAddress": "IpAddress",
}
