"""What differs between two inputs, property by property, and whether that replaces the resource."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from local.providers.aws.convert import is_empty
from local.providers.aws.resource import Resource
from local.providers.aws.state import means_same, sort_key
from local.providers.wire import UNKNOWN

PLAIN_KEY = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$")


@dataclass(frozen=True)
class Difference:
    """One property that differs: its path as the engine writes it, how, and whether that replaces the resource."""

    path: str
    kind: str  # add, delete or update
    replaces: bool

    @property
    def top(self) -> str:
        return self.path.split(".")[0].split("[")[0]


def differences(old: Mapping[str, Any], new: Mapping[str, Any], resource: Resource) -> list[Difference]:
    """Every difference between two checked inputs of a resource."""
    if resource.forces is not None:
        resource = replace(resource, replaces=resource.replaces | resource.forces(old, new), forces=None)
    found = []
    for name in sorted((old.keys() | new.keys()) - {"__defaults", "timeouts"}):
        if name not in new and name in resource.computed:
            continue  # AWS keeps the value that it has
        found.extend(_walk(old.get(name), new.get(name), name, name, resource))
    return found


def _walk(old: Any, new: Any, path: str, dotted: str, resource: Resource) -> Iterator[Difference]:
    if new is UNKNOWN or old is UNKNOWN:
        yield _difference(path, dotted, "add" if old is None else "update", resource)
    elif is_empty(old) and is_empty(new):
        return
    elif is_empty(old) or is_empty(new):
        whole = new if is_empty(old) else old
        if isinstance(whole, Mapping) and any(name.startswith(f"{dotted}.") for name in resource.replaces):
            yield from _walk_members(old or {}, new or {}, path, dotted, resource)
        elif not (is_empty(new) and dotted in resource.computed):
            yield _difference(path, dotted, "add" if is_empty(old) else "delete", resource)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _walk_members(old, new, path, dotted, resource)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_list(old, new, path, dotted, resource)
    elif not means_same(old, new, resource, dotted):
        yield _difference(path, dotted, "update", resource)


def _walk_members(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str, dotted: str, resource: Resource
) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        deeper = f"{dotted}.{name}"
        if name in new or deeper not in resource.computed:
            yield from _walk(old.get(name), new.get(name), f"{path}{_step(name)}", deeper, resource)


def _walk_list(old: list[Any], new: list[Any], path: str, dotted: str, resource: Resource) -> Iterator[Difference]:
    before, after = list(enumerate(old)), list(enumerate(new))
    if dotted in resource.unordered:
        keys_before, keys_after = {sort_key(item) for item in old}, {sort_key(item) for item in new}
        before = [(index, item) for index, item in before if sort_key(item) not in keys_after]
        after = [(index, item) for index, item in after if sort_key(item) not in keys_before]
    for one, other in zip_longest(before, after):
        here = f"{path}[{(other or one)[0]}]"
        if one is None or other is None:
            yield _difference(here, dotted, "add" if one is None else "delete", resource)
        else:
            yield from _walk(one[1], other[1], here, dotted, resource)


def _step(name: str) -> str:
    return f".{name}" if set(name) <= PLAIN_KEY else '["' + name.replace('"', '\\"') + '"]'


def _difference(path: str, dotted: str, kind: str, resource: Resource) -> Difference:
    parts = dotted.split(".")
    prefixes = {".".join(parts[: length + 1]) for length in range(len(parts))}
    return Difference(path, kind, bool(prefixes & (resource.replaces | {"region"})))
