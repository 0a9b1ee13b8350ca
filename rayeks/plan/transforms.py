"""Transforms: functions of the program that change a resource, or a component's children, as they are registered.

The SDK would serve them to the engine over gRPC; in a plan they are called where they are, in the program's loop.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pulumi.runtime._callbacks import _CallbackServicer
from pulumi.runtime.proto import resource_pb2

from rayeks.plan.model import Resource, Timeouts
from rayeks.plan.wire import decode, encode, untracked

pb: Any = resource_pb2


class Callbacks(_CallbackServicer):
    """The SDK's register of callbacks, without the server around it."""

    def __init__(self, monitor: Any) -> None:
        self._callbacks = {}
        self._transforms = {}
        self._monitor = monitor
        self._target = "plan"

    async def called(self, token: str, request: Any) -> Any:
        """The answer of one callback."""
        return await self._callbacks[token](request.SerializeToString())


class Transforms:
    """The transforms that the program registered, by the resource that brought them; used from several threads.

    `loop` is the program's, which must run while its resources are registered.
    """

    def __init__(self, monitor: Any) -> None:
        self.callbacks = Callbacks(monitor)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._of: dict[str, tuple[str, ...]] = {}
        self._everywhere: list[str] = []

    def add(self, urn: str, callbacks: Iterable[Any]) -> None:
        """Keeps what a registration brought; it is for the resource and all below it."""
        self._of[urn] = tuple(callback.token for callback in callbacks)

    def add_everywhere(self, callback: Any) -> None:
        """Keeps a transform of the whole stack."""
        self._everywhere.append(callback.token)

    def apply(
        self, resource: Resource, inputs: Mapping[str, Any], above: Iterable[str]
    ) -> tuple[Resource, Mapping[str, Any]]:
        """The resource after its own transforms, those of everything above it, and those of the stack, in order.

        `inputs` are the resource's, tracked to where they came from, and come back so. An exception of a
        transform is raised as it is.
        """
        tokens = [token for urn in (resource.urn, *above) for token in self._of.get(urn, ())]
        for token in (*tokens, *self._everywhere):
            resource, inputs = self._one(token, resource, inputs)
        return resource, inputs

    def _one(self, token: str, resource: Resource, before: Mapping[str, Any]) -> tuple[Resource, Mapping[str, Any]]:
        known = {key: untracked(value) for key, value in before.items()}
        request = pb.TransformRequest(
            type=resource.type,
            name=resource.name,
            custom=resource.custom,
            parent=resource.parent or "",
            properties=encode(known),
            options=_options(resource),
        )
        assert self.loop is not None, "resources are registered while the program's loop runs"
        answer = asyncio.run_coroutine_threadsafe(self.callbacks.called(token, request), self.loop).result()
        inputs = {
            key: before[key] if key in known and untracked(value) == known[key] else value
            for key, value in decode(answer.properties).items()
        }
        if answer.HasField("options"):
            resource = _with_options(resource, answer.options)
        return replace(resource, inputs={key: untracked(value) for key, value in inputs.items()}), inputs


def _options(resource: Resource) -> Any:
    """The options that a transform may see and change."""
    timeouts = pb.RegisterResourceRequest.CustomTimeouts(
        create=resource.timeouts.create, update=resource.timeouts.update, delete=resource.timeouts.delete
    )
    return pb.TransformResourceOptions(
        depends_on=resource.dependencies,
        protect=resource.protect,
        ignore_changes=resource.ignore_changes,
        replace_on_changes=resource.replace_on_changes,
        replace_with=resource.replace_with,
        retain_on_delete=resource.retain_on_delete,
        deleted_with=resource.deleted_with or "",
        delete_before_replace=resource.delete_before_replace,
        additional_secret_outputs=resource.secret_paths,
        custom_timeouts=timeouts if resource.timeouts != Timeouts() else None,
    )


def _with_options(resource: Resource, options: Any) -> Resource:
    timeouts = options.custom_timeouts
    return replace(
        resource,
        dependencies=tuple(sorted({*resource.dependencies, *options.depends_on})),
        protect=options.protect if options.HasField("protect") else resource.protect,
        ignore_changes=tuple(options.ignore_changes),
        replace_on_changes=tuple(options.replace_on_changes),
        replace_with=tuple(options.replace_with),
        retain_on_delete=options.retain_on_delete,
        deleted_with=options.deleted_with or None,
        delete_before_replace=options.delete_before_replace
        if options.HasField("delete_before_replace")
        else resource.delete_before_replace,
        secret_paths=tuple(sorted(options.additional_secret_outputs)),
        timeouts=Timeouts(timeouts.create, timeouts.update, timeouts.delete),
    )
