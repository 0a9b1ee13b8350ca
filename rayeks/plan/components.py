"""Remote components in a plan: the children that their plugin would make, recorded as if the engine ran it."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Protocol

from pulumi.runtime import rpc

from local.providers.eks.expand import expand
from local.providers.eks.graph import Child, Computed, Ref, Whole, pick
from rayeks.errors import UserError
from rayeks.plan.model import PROVIDERS, Resource, urn
from rayeks.plan.values import Secret, reveal
from rayeks.plan.wire import Reference, Tracked, origins, untracked

EXPANSIONS = {"eks:index:Cluster": expand}


class Engine(Protocol):
    """What an expansion needs of the monitor."""

    stack: str
    project: str

    def complete(self, resource: Resource, version: str = "") -> Resource:
        """The resource with its outputs."""
        ...

    def record(self, resource: Resource) -> None:
        """Adds it to the plan."""
        ...

    def reference(self, key: str) -> Reference:
        """It as a value."""
        ...

    def default_provider(self, package: str, version: str) -> str:
        """The URN of a package's default provider."""
        ...

    def transformed(self, resource: Resource, inputs: Mapping[str, Any]) -> tuple[Resource, Mapping[str, Any]]:
        """The resource after the program's transforms."""
        ...


def expanded(component: Resource, inputs: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    """Records the component's children and returns its outputs, each tracked to the resources that it came from.

    Raises UserError for a component that has no expansion.
    """
    if component.type not in EXPANSIONS:
        raise UserError(
            f"{component.type} {component.name!r} is a remote component that a plan cannot look into",
            f"use one of {', '.join(EXPANSIONS)}, or extend rayeks/plan/components.py",
        )
    expansion = EXPANSIONS[component.type](component.name, inputs)
    made: dict[Child, Resource] = {}
    for child in expansion.children:
        resource = _child(child, component, made, engine)
        engine.record(resource)
        made[child] = resource
    return {name: _resolve(value, made, engine) for name, value in expansion.outputs.items()}


def _child(child: Child, component: Resource, made: Mapping[Child, Resource], engine: Engine) -> Resource:
    parent = made[child.parent] if child.parent else component
    inputs = {name: _resolve(value, made, engine) for name, value in child.inputs.items()}
    by_property = {name: tuple(sorted(origins([value]))) for name, value in inputs.items()}
    dependencies = {made[other].urn for other in child.depends_on}.union(*by_property.values())
    is_provider = child.type.startswith(PROVIDERS)
    package = child.type.removeprefix(PROVIDERS).split(":", 1)[0]
    sdk = version(f"pulumi-{package}") if child.custom else ""
    resource = Resource(
        urn=urn(engine.stack, engine.project, parent.urn, child.type, child.name),
        type=child.type,
        name=child.name,
        inputs={name: untracked(value) for name, value in inputs.items()},
        dependencies=tuple(sorted(dependencies)),
        property_dependencies={name: urns for name, urns in by_property.items() if urns},
        parent=parent.urn,
        provider=engine.default_provider(package, sdk) if sdk and not is_provider else None,
        protect=component.protect,
        custom=child.custom,
        ignore_changes=child.ignore_changes,
        source=component.source,
    )
    resource, _ = engine.transformed(resource, inputs)
    return engine.complete(resource, sdk)


def _resolve(value: Any, made: Mapping[Child, Resource], engine: Engine) -> Any:
    """A value of the expansion as it is in this plan, tracked to where it came from."""
    match value:
        case Whole(child):
            return Tracked(engine.reference(made[child].urn), frozenset({made[child].urn}))
        case Ref(child, path):
            outputs = {**made[child].outputs, "id": made[child].id}
            unknown = outputs.get(path.partition(".")[0]) == rpc.UNKNOWN
            return Tracked(rpc.UNKNOWN if unknown else pick(outputs, path), frozenset({made[child].urn}))
        case Computed(function, arguments):
            resolved = [_resolve(argument, made, engine) for argument in arguments]
            known = [untracked(argument) for argument in resolved]
            secret = any(_secret(argument) for argument in known)
            opened = [reveal(argument) for argument in known]
            result = rpc.UNKNOWN if any(map(_unknown, opened)) else function(*opened)
            return Tracked(Secret(result) if secret else result, origins(resolved))
        case dict():
            return {key: _resolve(item, made, engine) for key, item in value.items()}
        case list():
            return [_resolve(item, made, engine) for item in value]
    return value


def _unknown(value: Any) -> bool:
    """Whether any part of a value is one that a preview does not know."""
    match value:
        case dict():
            return any(_unknown(item) for item in value.values())
        case list():
            return any(_unknown(item) for item in value)
    return value == rpc.UNKNOWN


def _secret(value: Any) -> bool:
    match value:
        case Secret():
            return True
        case dict():
            return any(_secret(item) for item in value.values())
        case list():
            return any(_secret(item) for item in value)
    return False
