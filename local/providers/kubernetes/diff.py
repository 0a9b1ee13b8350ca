"""What differs between two versions of an object's inputs, by property, and what of it replaces the object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from local.providers.wire import UNKNOWN

SERVER_FIELDS = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
Path = tuple[str | int, ...]


class Change(Enum):
    """What happens to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """One changed property, and whether its change replaces the object."""

    path: Path
    change: Change
    replaces: bool

    def __str__(self) -> str:
        return property_path(self.path)


def property_path(path: Path) -> str:
    """A path as Pulumi writes it: `spec.containers[0].image`, `metadata.labels["ray.io/x"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(character in part for character in '."[]'):
            text += '["{}"]'.format(part.replace('"', '\\"'))
        else:
            text += f".{part}" if text else part
    return text


def normalised(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs without what the server sets, and with the default namespace written out or left out alike."""
    metadata = inputs.get("metadata")
    if not isinstance(metadata, Mapping):
        return dict(inputs)
    kept = {key: value for key, value in metadata.items() if key not in SERVER_FIELDS}
    if kept.get("namespace") in ("", "default"):
        del kept["namespace"]
    return {**inputs, "metadata": kept}


def differences(old: Mapping[str, Any], new: Mapping[str, Any], force_new: Sequence[str] = ()) -> list[Difference]:
    """The changed properties from `old` to `new` inputs. An unknown new value counts as changed."""
    patterns = [tuple(pattern.split(".")) for pattern in force_new]
    return [
        Difference(path, change, any(_touches(path, (before, after), pattern) for pattern in patterns))
        for path, change, before, after in _walk((), normalised(old), normalised(new))
    ]


def _walk(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Change, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _walk((*path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _walk((*path, index), _at(old, index), _at(new, index))
    elif not _same(old, new):
        change = Change.ADD if old is None else Change.DELETE if new is None else Change.UPDATE
        yield path, change, old, new


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _same(old: Any, new: Any) -> bool:
    if old is UNKNOWN or new is UNKNOWN:
        return False
    return old == new and isinstance(old, bool) == isinstance(new, bool)


def _touches(path: Path, values: Sequence[Any], pattern: tuple[str, ...]) -> bool:
    """Whether a change at `path` changes what `pattern` names: below it, or above it and holding it."""
    shared = min(len(path), len(pattern))
    if any(pattern[i] not in ("*", path[i]) for i in range(shared)):
        return False
    rest = pattern[shared:]
    return not rest or any(_holds(value, rest) for value in values)


def _holds(value: Any, pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return True
    if value is UNKNOWN:
        return False
    if pattern[0] == "*":
        return isinstance(value, list) and any(_holds(item, pattern[1:]) for item in value)
    return isinstance(value, Mapping) and pattern[0] in value and _holds(value[pattern[0]], pattern[1:])


def observed(inputs: Any, before: Any, now: Any) -> Any:
    """Inputs as the cluster now has them: what changed in the live object from `before` to `now` is taken from `now`.

    What did not change stays as it was written, so that a quantity that the server spells otherwise, or a default that
    it filled in, is no drift. Properties that the inputs never named are not looked at; None means absent.
    """
    if before == now:
        return inputs
    if isinstance(inputs, Mapping) and isinstance(now, Mapping):
        old = before if isinstance(before, Mapping) else {}
        seen = {key: observed(value, old.get(key), now.get(key)) for key, value in inputs.items()}
        return {key: value for key, value in seen.items() if value is not None}
    if isinstance(inputs, list) and isinstance(now, list) and len(inputs) == len(now):
        old_items = before if isinstance(before, list) else []
        return [observed(item, _at(old_items, index), now[index]) for index, item in enumerate(inputs)]
    return now
