"""Pulumi's own schema of each resource type, read off the SDK's classes: names, kinds and what must be given.

The SDK itself sends whatever a dictionary holds, so a misspelt key would be lost without a word.
"""

import importlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pulumi import _types

from rayeks.plan.constraints.shapes import Broken
from rayeks.plan.shapes import resource_class
from rayeks.plan.values import known

SCALARS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def misfits(kind: str, inputs: Mapping[str, Any]) -> Iterator[Broken]:
    """Each property that the type does not have, that is of another kind, or that is missing."""
    arguments = _arguments(kind)
    if arguments is not None:
        yield from _object(arguments, inputs, "")


@cache
def _arguments(kind: str) -> type | None:
    """The SDK's class of a type's inputs; None for a type that the SDK does not have."""
    importlib.import_module(f"pulumi_{kind.split(':', 1)[0]}")
    cls = resource_class(kind, "")
    if cls is None:
        return None
    module = sys.modules[cls.__module__]
    # `InitArgs` where an object inside another type has taken the usual name.
    names = (f"{cls.__name__}InitArgs", f"{cls.__name__}Args")
    return next((found for name in names if (found := getattr(module, name, None))), None)


@cache
def _fields(arguments: type) -> tuple[Mapping[str, Any], frozenset[str]]:
    """The properties of a class of inputs with their types, and those that must be given."""
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters.values()
    needed = (one.name for one in parameters if one.default is inspect.Parameter.empty and one.name in names)
    return _types.input_type_types(arguments), frozenset(names[name] for name in needed)


def _object(arguments: type, value: Mapping[str, Any], path: str) -> Iterator[Broken]:
    fields, needed = _fields(arguments)
    for name in sorted(needed):
        if value.get(name) is None:
            yield (_join(path, name), None, "must be given")
    for name, item in value.items():
        here = _join(path, name)
        if name not in fields:
            yield (here, item, f"there is no such property; there are {', '.join(sorted(fields))}")
        elif item is not None:
            yield from _value(fields[name], item, here)


def _value(hint: Any, value: Any, path: str) -> Iterator[Broken]:
    choices = _choices(hint)
    if len(choices) != 1:  # a document beside its text, or anything at all
        return
    typ = choices[0]
    origin = typing.get_origin(typ)
    if isinstance(value, str) and not known(value):
        return
    if typ in SCALARS:
        if not _fits(typ, value):
            yield (path, value, f"must be {SCALARS[typ]}")
    elif origin in (list, Sequence):
        if not isinstance(value, list):
            yield (path, value, "must be a list")
            return
        for index, item in enumerate(value):
            yield from _value(typing.get_args(typ)[0], item, f"{path}[{index}]")
    elif origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            yield (path, value, "must be a map")
            return
        for key, item in value.items():
            yield from _value(typing.get_args(typ)[1], item, f"{path}.{key}")
    elif _types.is_input_type(typ):
        if not isinstance(value, Mapping):
            yield (path, value, "must be an object")
            return
        yield from _object(typ, value, path)


def _choices(hint: Any) -> list[Any]:
    """The kinds of a hint, without the promises of one (Awaitable, Output) and None."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return [hint]
    return [
        one
        for one in typing.get_args(hint)
        if one is not type(None) and getattr(typing.get_origin(one), "__name__", "") not in ("Awaitable", "Output")
    ]


def _fits(typ: type, value: Any) -> bool:
    """Whether a scalar can be taken for a kind; AWS's numbers and booleans may come as text."""
    if isinstance(value, Mapping | list):
        return False
    if typ is str:
        return True
    if typ is bool:
        return value in (True, False, "true", "false")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool) and (typ is float or number.is_integer())


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
