"""Values of a plan: plain JSON, secrets, and stand-ins for what only AWS can say, told apart in every document."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MASK = "[secret]"
_UNKNOWN = re.compile(r"unknown-[0-9a-f]{16}")
_WHOLE = re.compile(r"unknown-[0-9a-f]{16}")
_ENCODED = re.compile(r"[A-Za-z0-9+/\r\n]{64,}={0,2}")


@dataclass(frozen=True)
class Secret:
    """A value that no rendering may show."""

    value: Any


def unknown(urn: str, path: str) -> str:
    """The stand-in for one property of one resource, the same in every plan of the same stack.

    It is plain lower-case ASCII, so that it survives JSON, templates and names, and an `apply` on it runs as it
    would on the real value.
    """
    return "unknown-" + hashlib.sha256(f"{urn}#{path}".encode()).hexdigest()[:16]


def is_unknown(value: Any) -> bool:
    """Whether a value is a stand-in and nothing else."""
    return isinstance(value, str) and _WHOLE.fullmatch(value) is not None


def unknowns(value: Any) -> Iterator[str]:
    """Every stand-in inside a value, also those inside encoded user data."""
    if isinstance(value, Secret):
        yield from unknowns(value.value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from unknowns(key)
            yield from unknowns(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from unknowns(item)
    elif isinstance(value, str):
        yield from _UNKNOWN.findall(value)
        yield from _UNKNOWN.findall(_decoded(value))


def known(value: Any) -> bool:
    """Whether no part of a value waits for AWS."""
    return next(unknowns(value), None) is None


def reveal(value: Any) -> Any:
    """The value with its secrets opened, for checks that never print it."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(item) for item in value]
    return value


def public(value: Any, secret_paths: Iterable[str] = ()) -> Any:
    """The value as anyone may see it: secrets masked, and null for what is not known before AWS is asked.

    A string that is a JSON document keeps the parts that are known; any other string with an unknown in it is
    null as a whole. `secret_paths` are top-level properties to mask besides the secrets inside.
    """
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        hidden = set(secret_paths)
        return {key: MASK if key in hidden else public(item) for key, item in value.items() if known(key)}
    if isinstance(value, list | tuple):
        return [public(item) for item in value]
    if isinstance(value, str) and not known(value):
        return _known_document(value)
    return value


def _known_document(text: str) -> str | None:
    """A JSON document with nulls for its unknown strings, or None where the text is no document."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        return None
    if not all(known(key) for key in _keys(document)):
        return None
    return json.dumps(public(document), ensure_ascii=False)


def _keys(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from document
        for item in document.values():
            yield from _keys(item)
    elif isinstance(document, list):
        for item in document:
            yield from _keys(item)


def _decoded(text: str) -> str:
    """User data reaches AWS in base64, which would hide what is unknown in it."""
    if len(text) < 64 or not _ENCODED.fullmatch(text):
        return ""
    try:
        return base64.b64decode(text, validate=False).decode(errors="replace")
    except binascii.Error:
        return ""
