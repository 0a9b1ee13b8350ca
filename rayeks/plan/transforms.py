"""Transforms: functions of the program that change a resource, or a component's children, as they are registered.

The SDK serves them over gRPC to the engine; here the plan asks in the engine's place.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from rayeks.plan.values import Secret
from rayeks.plan.wire import decode, encode, untracked

pb: Any = resource_pb2
TIMEOUT_S = 60.0


class Transforms:
    """The transforms that components brought, by the component's URN. Called from several threads at once."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Any, ...]] = {}

    def add(self, urn: str, callbacks: Iterable[Any]) -> None:
        """Keep what a registration brought; it is for the resource and all below it."""
        self._of[urn] = tuple(callbacks)

    def apply(
        self, lineage: Iterable[str], type_: str, name: str, *, custom: bool, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The inputs after every transform of the lineage, from the resource itself to the stack, in the engine's order.

        Raises grpc.RpcError with the program's own traceback where a transform fails.
        """
        found = dict(inputs)
        for urn in lineage:
            for callback in self._of.get(urn, ()):
                found = _invoke(callback, type_, name, custom=custom, inputs=found)
        return found


def _invoke(callback: Any, type_: str, name: str, *, custom: bool, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """One transform. What it leaves as it was keeps what the plan knows of where it came from."""
    known = {key: untracked(value) for key, value in inputs.items()}
    request = pb.TransformRequest(type=type_, name=name, custom=custom, properties=encode(known))
    with grpc.insecure_channel(callback.target) as channel:
        answer = callback_pb2_grpc.CallbacksStub(channel).Invoke(
            callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString()),
            timeout=TIMEOUT_S,
        )
    after = decode(pb.TransformResponse.FromString(answer.response).properties)
    return {
        key: inputs[key] if key in inputs and _plain(untracked(value)) == _plain(known[key]) else value
        for key, value in after.items()
    }


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value
