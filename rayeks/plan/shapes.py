"""The outputs that a resource's class promises, so that the ones nobody can know yet have a stand-in to work with."""

import importlib
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pulumi import _types
from pulumi.runtime import rpc

from rayeks.plan.values import unknown

DEEPEST = 6
"""Output types nest, some without end (JSON schemas); nobody reads a stand-in below this."""
CLUSTERS_OWN = "status"
"""Kubernetes types call every property optional; this one the cluster fills in."""


@cache
def resource_class(kind: str, version: str) -> type | None:
    """The SDK's class of a resource type, or None where the type is only a token (a custom resource)."""
    package, module, _ = kind.split(":", 2)
    found: Any = rpc.get_resource_module(package, module, version)
    information = getattr(found, "mod_info", None)
    if information is None or kind not in information["classes"]:
        return None
    return getattr(importlib.import_module(information["fqn"]), information["classes"][kind])


@cache
def properties(kind: str, version: str) -> Mapping[str, tuple[Any, bool]]:
    """The output properties of a resource type: the type of each, and whether it always has a value."""
    cls = resource_class(kind, version)
    if cls is None:
        return {}
    types = _types.resource_types(cls)
    return {
        name: (types[name], name == CLUSTERS_OWN or not _optional(prop))
        for _, name, prop in _types._py_properties(cls)
        if name in types and name != "urn"
    }


def stand_ins(kind: str, version: str, urn: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values for the outputs that the inputs do not settle, and the path of each stand-in among them."""
    paths: dict[str, str] = {}
    values = {
        name: _stand_in(urn, name, typ, paths, DEEPEST)
        for name, (typ, always) in properties(kind, version).items()
        if always and inputs.get(name) is None
    }
    return {name: value for name, value in values.items() if value is not None}, paths


def _stand_in(urn: str, path: str, typ: Any, paths: dict[str, str], depth: int) -> Any:
    typ = _types.unwrap_optional_type(typ)
    if typ in (str, int, float) or typ is Any:
        token = unknown(urn, path)
        paths[token] = path
        return token
    if depth and _types.is_output_type(typ):
        fields = {
            name: _stand_in(urn, f"{path}.{name}", field, paths, depth - 1)
            for name, field in _types.output_type_types(typ).items()
        }
        return {name: value for name, value in fields.items() if value is not None} or None
    if depth and typing.get_origin(typ) in (list, Sequence):
        first = _stand_in(urn, f"{path}.0", typing.get_args(typ)[0], paths, depth - 1)
        return None if first is None else [first]
    return None


def _optional(prop: property) -> bool:
    """Whether a getter says `Output[Optional[...]]`: the property may stay empty, so no value is invented for it."""
    hint = prop.fget.__annotations__.get("return") if prop.fget else None
    inner = typing.get_args(hint)
    return bool(inner) and type(None) in typing.get_args(inner[0])
