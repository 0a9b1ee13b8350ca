"""The plan as data: every resource that the engine would register, with all that it would record about it."""

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rayeks.plan.values import public

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDERS = "pulumi:providers:"


@dataclass(frozen=True)
class Timeouts:
    """How long an operation may take, as the program wrote it (`30m`)."""

    create: str = ""
    update: str = ""
    delete: str = ""


@dataclass(frozen=True)
class Resource:
    """One resource of the plan.

    `inputs` are what the program asked for, by Pulumi's names, with `Secret` and unknown values inside (see
    `values`); `outputs` are those plus all that can be foretold. `secret_paths` are properties that the resource
    declares secret, `aliases` URNs that it had. `external` resources are read, not managed; those that are not
    `custom` are components, and `remote` ones are made by their own plugin.
    """

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    id: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parent: str | None = None
    provider: str | None = None
    protect: bool = False
    custom: bool = True
    remote: bool = False
    external: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    deleted_with: str | None = None
    replace_with: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    secret_paths: tuple[str, ...] = ()
    timeouts: Timeouts = Timeouts()
    source: str = ""

    @property
    def package(self) -> str:
        """The first part of the type: `aws`, `kubernetes`, or the program's own."""
        return self.type.split(":", 1)[0]

    @property
    def managed(self) -> bool:
        """Whether it is something that a cloud or a cluster holds, and this stack makes."""
        return self.custom and not self.external and self.package != "pulumi"

    @property
    def waits_for(self) -> frozenset[str]:
        """Everything that must exist before this does: dependencies, parent and provider."""
        others = (self.parent, self.provider)
        return frozenset(self.dependencies).union(urn for urn in others if urn)

    def to_json(self) -> dict[str, Any]:
        """The public form: unknown values as null, secrets masked."""
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "inputs": public(self.inputs, self.secret_paths),
            "dependencies": list(self.dependencies),
            "parent": self.parent,
            "provider": self.provider,
            "protect": self.protect,
        }


@dataclass(frozen=True)
class Plan:
    """What one stack of the program would be: its resources in an order in which they can be made, and its outputs.

    `warnings` are what the program logged; `unknowns` names the resource and property behind every unknown value.
    """

    stack: str
    project: str
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    config: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    unknowns: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        """The resources by their URN."""
        return {resource.urn: resource for resource in self.resources}

    def of_type(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, in the plan's order."""
        return (resource for resource in self.resources if resource.type in types)

    def children(self, urn: str | None) -> Iterator[Resource]:
        """The resources right below one, in the plan's order."""
        return (resource for resource in self.resources if resource.parent == urn)

    @cached_property
    def packages(self) -> Mapping[str, int]:
        """Package → how many resources of it the stack makes."""
        return dict(sorted(Counter(resource.package for resource in self.resources if resource.managed).items()))

    def below(self, urn: str) -> int:
        """How many resources the stack makes below one, at any depth."""
        return sum(child.managed + self.below(child.urn) for child in self.children(urn))

    def to_json(self) -> dict[str, Any]:
        """The one document that machines read; two plans of the same stack give the same one."""
        return {
            "stack": self.stack,
            "resources": [resource.to_json() for resource in self.resources],
            "outputs": public(self.outputs),
        }

    def document(self) -> str:
        """The plan as JSON text, the same for every run of the same stack."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


def urn(stack: str, project: str, parent: str | None, kind: str, name: str) -> str:
    """A resource's URN as the engine makes it: the types of all its ancestors but the stack come before its own."""
    above = parent.split("::")[2] if parent else STACK_TYPE
    types = kind if above == STACK_TYPE else f"{above}${kind}"
    return f"urn:pulumi:{stack}::{project}::{types}::{name}"


def in_order(resources: Mapping[str, Resource]) -> tuple[Resource, ...]:
    """The resources so that each comes after all that it waits for, and by URN where that leaves a choice."""
    waiting = {key: {other for other in item.waits_for if other in resources} for key, item in resources.items()}
    followers: dict[str, list[str]] = {key: [] for key in resources}
    for key, others in waiting.items():
        for other in others:
            followers[other].append(key)
    ready = [key for key, others in waiting.items() if not others]
    heapq.heapify(ready)
    ordered = []
    while ready:
        key = heapq.heappop(ready)
        ordered.append(resources[key])
        for follower in followers[key]:
            waiting[follower].discard(key)
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    if len(ordered) < len(resources):
        rest = sorted(key for key in resources if waiting[key])
        raise ValueError(f"resources wait for each other: {', '.join(rest)}")
    return tuple(ordered)
