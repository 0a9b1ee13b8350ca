"""Transforms: functions of the program that change a resource, or a component's children, as they are registered.

The engine calls them over gRPC; in a plan program and engine share a process, so they are called as they are.
"""

from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from pulumi import ResourceOptions, ResourceTransformArgs
from pulumi.runtime.proto import callback_pb2

from rayeks.errors import UserError
from rayeks.plan.wire import untracked

Transform = Callable[[ResourceTransformArgs], Any]


class Transforms:
    """The SDK's callback server and the engine's side of it in one. Called from several threads at once."""

    def __init__(self) -> None:
        self._functions: dict[str, Transform] = {}
        self._brought: dict[str, tuple[str, ...]] = {}

    def register_transform(self, transform: Transform) -> Any:
        """What the SDK calls for a resource option `transforms`: the callback to send along with the registration."""
        token = str(id(transform))
        self._functions[token] = transform
        return callback_pb2.__dict__["Callback"](token=token, target="plan")

    def add(self, urn: str, callbacks: Iterable[Any]) -> None:
        """Keep what a registration brought; it is for the resource and all below it."""
        self._brought[urn] = tuple(callback.token for callback in callbacks)

    def apply(
        self, lineage: Iterable[str], type_: str, name: str, *, custom: bool, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The inputs after the transforms of the lineage: the resource's own, then its parents', as the engine does."""
        found = dict(inputs)
        for urn in lineage:
            for token in self._brought.get(urn, ()):
                found = _applied(self._functions[token], type_, name, custom=custom, inputs=found)
        return found


def _applied(transform: Transform, type_: str, name: str, *, custom: bool, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs after one transform. What it leaves as it was keeps what the plan knows of where it came from."""
    known = {key: untracked(value) for key, value in inputs.items()}
    args = ResourceTransformArgs(custom=custom, type_=type_, name=name, props=dict(known), opts=ResourceOptions())
    result = transform(args)
    if isawaitable(result):
        raise UserError(f"the transform of {type_} {name!r} is asynchronous, which a plan cannot await")
    if result is None:
        return dict(inputs)
    return {key: inputs[key] if key in known and known[key] is value else value for key, value in result.props.items()}
