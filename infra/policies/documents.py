"""IAM documents as policies read them: statements in one spelling, whichever of IAM's the program used."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.policies.core import items

READING = ("describe", "get", "list", "batchget", "search", "lookup", "view")


@dataclass(frozen=True)
class Statement:
    """One statement that allows something; `principals` are texts such as `AWS:*` and `Service:ec2.amazonaws.com`."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    conditions: Mapping[str, Any]

    @property
    def writes(self) -> list[str]:
        """Its actions that do more than look."""
        return [action for action in self.actions if not action.rpartition(":")[2].lower().startswith(READING)]


def allowed(document: Any) -> Iterator[Statement]:
    """The statements of a document (JSON text or plain data) that allow something; none where it is unknown."""
    for index, statement in enumerate(items(_parsed(document).get("Statement"))):
        if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
            yield _statement(statement, f"statement {index + 1}")


def denies_plain_http(document: Any) -> bool:
    """Whether a document denies everybody what does not come over TLS."""
    return any(
        statement.get("Effect") == "Deny"
        and "*" in _principals(statement.get("Principal"))
        and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") in ("false", False)
        for statement in items(_parsed(document).get("Statement"))
    )


def _statement(statement: Mapping[str, Any], name: str) -> Statement:
    actions = tuple(str(action) for action in items(statement.get("Action")))
    if "NotAction" in statement:
        actions = ("*",)  # everything but a few is a wildcard
    resources = tuple(str(resource) for resource in items(statement.get("Resource")))
    if "NotResource" in statement:
        resources = ("*",)
    principals = ("*",) if "NotPrincipal" in statement else tuple(_principals(statement.get("Principal")))
    return Statement(statement.get("Sid") or name, actions, resources, principals, statement.get("Condition") or {})


def _principals(principal: Any) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
    elif isinstance(principal, Mapping):
        for kind, names in principal.items():
            yield from ("*" if kind == "AWS" and name == "*" else f"{kind}:{name}" for name in items(names))


def _parsed(document: Any) -> Mapping[str, Any]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError:
            return {}
    return document if isinstance(document, Mapping) else {}
