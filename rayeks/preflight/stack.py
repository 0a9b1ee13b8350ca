"""What is to be made: the stack's validated configuration, and its plan."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.config import Platform, PortablePlatform
from rayeks.plan import Plan, Resource, plan
from rayeks.plan.platform import platform, settings
from rayeks.plan.values import reveal


@dataclass(frozen=True)
class Planned:
    """A stack before it exists, or before it is changed."""

    name: str
    platform: Any
    plan: Plan

    def inputs(self, *types: str) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """The planned resources of these types with what the program asks for, secrets opened."""
        return ((resource, reveal(resource.inputs)) for resource in self.plan.of_type(*types))

    def count(self, *types: str) -> int:
        """How many resources of these types the plan holds."""
        return sum(1 for _ in self.plan.of_type(*types))


@dataclass(frozen=True)
class Stack(Planned):
    """A stack on AWS."""

    platform: Platform

    @classmethod
    def read(cls, name: str, root: Path) -> "Stack":
        """The stack of the project in `root`. UserError where it is wrong, or not on AWS."""
        planned = plan(name, root=root)
        return cls(name, platform(planned), planned)

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """The zones of the network."""
        return tuple(self.platform.network.zones)

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether something that carries these tags was made by this stack: all its default tags are there.

        A stack without default tags recognises nothing as its own.
        """
        mine = self.platform.tags
        return bool(mine) and all(tags.get(key) == value for key, value in mine.items())


@dataclass(frozen=True)
class PortableStack(Planned):
    """A stack on a Kubernetes that is there already."""

    platform: PortablePlatform


AnyStack = Stack | PortableStack


def read(name: str, root: Path) -> AnyStack:
    """The stack of the project in `root`. UserError where its file or its program is wrong."""
    planned = plan(name, root=root)
    found = settings(planned)
    return Stack(name, found, planned) if isinstance(found, Platform) else PortableStack(name, found, planned)


def tags_of(found: Iterable[Mapping[str, Any]] | Mapping[str, str] | None) -> dict[str, str]:
    """Tags as a mapping, from any of AWS's spellings: `Key`/`Value`, `key`/`value`, `TagKey`/`TagValue`, a map."""
    if not found:
        return {}
    if isinstance(found, Mapping):
        return dict(found)
    pairs = ({key.lower().removeprefix("tag"): value for key, value in item.items()} for item in found)
    return {pair["key"]: pair.get("value", "") for pair in pairs}
