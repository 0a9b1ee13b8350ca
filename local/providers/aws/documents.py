"""JSON documents as AWS compares them: a policy means the same whatever its order, spacing or list forms."""

import json
import re
from typing import Any

ROOT_ARN = re.compile(r"^arn:[\w-]+:iam::(\d{12}):root$")
SETS = {"Action", "NotAction", "Resource", "NotResource"}


def compact(text: str) -> str:
    """The document with sorted keys and no spaces, as pulumi_aws keeps it. Raises ValueError on bad JSON."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def same(one: str, other: str) -> bool:
    """Whether two JSON documents mean the same; policies by AWS's rules, others by their values."""
    try:
        return _canonical(json.loads(one)) == _canonical(json.loads(other))
    except ValueError:
        return one == other


def _canonical(document: Any) -> Any:
    if not isinstance(document, dict) or "Statement" not in document:
        return document
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    plain = {key: value for key, value in document.items() if key != "Statement"}
    return {**plain, "Statement": sorted((_statement(one) for one in statements), key=_text)}


def _statement(statement: dict[str, Any]) -> dict[str, Any]:
    canonical: dict[str, Any] = {}
    for key, value in statement.items():
        if key in SETS:
            canonical[key] = _as_set(value)
        elif key in {"Principal", "NotPrincipal"}:
            canonical[key] = _principal(value)
        elif key == "Condition":
            canonical[key] = {
                operator: {name: _as_set(wanted) for name, wanted in tests.items()} for operator, tests in value.items()
            }
        elif key != "Sid" or value:
            canonical[key] = value
    return canonical


def _principal(value: Any) -> Any:
    if value == "*" or value == {"AWS": "*"} or value == {"AWS": ["*"]}:
        return "*"
    if not isinstance(value, dict):
        return value
    return {kind: sorted(_account(one) for one in _as_set(names)) for kind, names in value.items()}


def _account(principal: str) -> str:
    match = ROOT_ARN.match(principal)
    return match.group(1) if match else principal


def _as_set(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return sorted({one if isinstance(one, str) else json.dumps(one) for one in values})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
