"""What a provider says to the engine: property values, errors, and a server that ends with its engine.

The signatures are those of sdk/go/common/resource/{sig/sig,plugin/rpc}.go in pulumi/pulumi.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from rayeks.errors import UserError

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_STRINGS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
pb: Any = struct_pb2  # protobuf ships no type stubs
Empty: Any = empty_pb2.__dict__["Empty"]
MESSAGE_BYTES = 400 * 1024 * 1024
ENGINE_POLL_S = 0.5
ENGINE_GONE_S = 8.0
JOURNAL = "RAYEKS_JOURNAL"


class _Unknown:
    """A value that is not known during a preview; `UNKNOWN` is the only one."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: dict) -> "_Unknown":
        return self

    def __bool__(self) -> bool:
        raise TypeError("a value unknown in this preview has no truth; test `is UNKNOWN` first")


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in its state."""

    value: Any


class ResourceInitError(Exception):
    """The resource exists but is not as asked; the engine keeps it in its state and mends it by an update.

    `id` and `properties` are what exists now, `secrets` the names of those to hide; `reasons` tell a person what is
    missing.
    """

    secrets: Collection[str] = ()

    def __init__(self, id: str, properties: Mapping[str, Any], inputs: Mapping[str, Any], reasons: list[str]):
        super().__init__("; ".join(reasons))
        self.id, self.properties, self.inputs, self.reasons = id, properties, inputs, reasons


def unmarshal(struct: Any, *, keep_secrets: bool = False) -> dict[str, Any]:
    """A gRPC struct as plain Python: whole numbers are ints, unknowns `UNKNOWN`, output values their values.

    Secrets are unwrapped, or `Secret` objects with `keep_secrets`. Resource references become their ids.
    """
    return {key: _unmarshal_value(value, keep_secrets) for key, value in struct.fields.items()}


def _unmarshal_value(value: Any, keep_secrets: bool) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_STRINGS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_unmarshal_value(item, keep_secrets) for item in value.list_value.values]
    if kind == "struct_value":
        return _unmarshal_struct(value.struct_value, keep_secrets)
    return None


def _unmarshal_struct(struct: Any, keep_secrets: bool) -> Any:
    fields = struct.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else None
    if signature is None:
        return unmarshal(struct, keep_secrets=keep_secrets)
    if signature == SECRET:
        inner = _unmarshal_value(fields["value"], keep_secrets)
        return Secret(inner) if keep_secrets else inner
    if signature == OUTPUT:
        inner = _unmarshal_value(fields["value"], keep_secrets) if "value" in fields else UNKNOWN
        return Secret(inner) if keep_secrets and "secret" in fields and fields["secret"].bool_value else inner
    if signature == RESOURCE:
        return _unmarshal_value(fields["id"], keep_secrets) if "id" in fields else fields["urn"].string_value
    raise UserError(f"a value of kind {signature} (an asset or archive) is not supported by the local providers")


def secret_keys(struct: Any) -> set[str]:
    """The top-level properties of a gRPC struct that are, or hold anywhere, a secret."""
    return {key for key, value in struct.fields.items() if _holds_secret(value)}


def _holds_secret(value: Any) -> bool:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return any(_holds_secret(item) for item in value.list_value.values)
    if kind != "struct_value":
        return False
    fields = value.struct_value.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else None
    if signature == SECRET or (signature == OUTPUT and "secret" in fields and fields["secret"].bool_value):
        return True
    return any(_holds_secret(item) for item in fields.values())


def marshal(values: Mapping[str, Any], *, secrets: Collection[str] = ()) -> Any:
    """Plain Python as a gRPC struct, without Nones; the top-level `secrets` are marked secret."""
    struct = pb.Struct()
    for key, value in values.items():
        if value is not None:
            hidden = key in secrets and not isinstance(value, Secret)
            struct.fields[key].CopyFrom(_marshal_value(Secret(value) if hidden else value))
    return struct


def _marshal_value(value: Any) -> Any:
    if value is UNKNOWN:
        return pb.Value(string_value="04da6b54-80e4-46f7-96ec-b56ff0331ba9")
    if value is None:
        return pb.Value(null_value=pb.NULL_VALUE)
    if isinstance(value, bool):
        return pb.Value(bool_value=value)
    if isinstance(value, int | float):
        return pb.Value(number_value=value)
    if isinstance(value, str):
        return pb.Value(string_value=value)
    if isinstance(value, Secret):
        return _marshal_value({SIGNATURE: SECRET, "value": value.value})
    if isinstance(value, Mapping):
        fields = {str(key): _marshal_value(item) for key, item in value.items()}
        return pb.Value(struct_value=pb.Struct(fields=fields))
    if isinstance(value, list | tuple | set | frozenset):
        items = [_marshal_value(item) for item in value]
        return pb.Value(list_value=pb.ListValue(values=items))
    raise TypeError(f"{value!r} ({type(value).__name__}) cannot be a property value")


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """What every provider answers alike; a subclass sets `name` and `version` and adds the lifecycle.

    `cancelled` is set when the engine asks to stop: whatever waits must watch it.
    """

    name: str
    version: str

    def __init__(self, engine_address: str | None = None) -> None:
        self.cancelled = threading.Event()
        self._engine: Any = None
        self._connect(engine_address)

    def _connect(self, address: str | None) -> None:
        if address:
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def configure(self, args: dict[str, Any]) -> None:
        """Take the provider's configuration; raise `UserError` where it cannot be used."""

    def check_config(self, args: dict[str, Any]) -> list[tuple[str, str]]:
        """The (property, reason) of each mistake in a provider configuration."""
        return []

    def replacing_config(self) -> frozenset[str]:
        """The provider properties whose change replaces every resource of the provider."""
        return frozenset()

    def say(self, message: str, urn: str = "", *, ephemeral: bool = True) -> None:
        """Show `message` beside the resource `urn`; ephemeral ones only while the operation runs."""
        if self._engine is None:
            return
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=ephemeral)
        try:
            self._engine.Log(request, timeout=5)
        except grpc.RpcError:
            print(message, file=sys.stderr, flush=True)

    def GetPluginInfo(self, request, context):  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request, context):  # noqa: N802
        return provider_pb2.GetSchemaResponse(schema=f'{{"name":"{self.name}","version":"{self.version}"}}')

    def Handshake(self, request, context):  # noqa: N802
        self._connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def Attach(self, request, context):  # noqa: N802
        self._connect(request.address)
        return Empty()

    def CheckConfig(self, request, context):  # noqa: N802
        failures = self.check_config(unmarshal(request.news))
        return provider_pb2.CheckResponse(inputs=request.news, failures=check_failures(failures))

    def DiffConfig(self, request, context):  # noqa: N802
        old, new = unmarshal(request.old_inputs), unmarshal(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        replaces = [key for key in changed if key in self.replacing_config()]
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    def Configure(self, request, context):  # noqa: N802
        self.configure(unmarshal(request.args))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Cancel(self, request, context):  # noqa: N802
        self.cancelled.set()
        return Empty()


def check_failures(failures: list[tuple[str, str]]) -> list[provider_pb2.CheckFailure]:
    """(property, reason) pairs as the engine wants them."""
    return [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures]


class _Errors(grpc.ServerInterceptor):
    """Turns exceptions into messages: a `UserError` as it stands, others as a fault of the provider."""

    def intercept_service(self, continuation, handler_call_details):
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            _guarded(handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )


class _Journal(grpc.ServerInterceptor):
    """Notes each creation in the file `RAYEKS_JOURNAL` before the engine hears of it, which may die meanwhile."""

    def intercept_service(self, continuation, handler_call_details):
        handler = continuation(handler_call_details)
        path = os.environ.get(JOURNAL)
        if handler is None or path is None or not handler_call_details.method.endswith("/Create"):
            return handler

        def create(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                response = handler.unary_unary(request, context)
            except ResourceInitError as failure:
                _note(path, request.urn, failure.id)
                raise
            if not request.preview:
                _note(path, request.urn, response.id)
            return response

        return grpc.unary_unary_rpc_method_handler(create, handler.request_deserializer, handler.response_serializer)


def _note(path: str, urn: str, id: str) -> None:
    with Path(path).open("a") as journal:
        journal.write(json.dumps({"urn": urn, "id": id}) + "\n")


def _guarded(
    method: Callable[[Any, grpc.ServicerContext], Any],
) -> Callable[[Any, grpc.ServicerContext], Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request, context)
        except ResourceInitError as failure:
            _abort_with_state(context, failure)
        except UserError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except NotImplementedError:
            raise  # the stub of an operation that this provider lacks; the engine knows UNIMPLEMENTED
        except Exception as error:
            if context.code() is None:
                traceback.print_exc()
                context.abort(grpc.StatusCode.INTERNAL, f"fault in the provider: {type(error).__name__}: {error}")
            raise

    return call


def _abort_with_state(context: grpc.ServicerContext, failure: ResourceInitError) -> None:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=failure.id,
        properties=marshal(failure.properties, secrets=failure.secrets),
        inputs=marshal(failure.inputs, secrets=failure.secrets),
        reasons=failure.reasons,
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(failure))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(failure))


def engine_address() -> str | None:
    """The engine's address, which it passes as the last command-line argument."""
    return sys.argv[-1] if len(sys.argv) > 1 and ":" in sys.argv[-1] else None


def serve(provider: Provider, *, workers: int = 32) -> None:
    """Serve on a free loopback port, print it for the engine, and end when that engine is gone."""
    # The engine's farewell: it keeps plugins in process groups of their own, so a person's Ctrl-C is never this one.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    engine = os.getppid()
    options = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
    ]
    pool = ThreadPoolExecutor(workers)
    server = grpc.server(pool, options=options, interceptors=[_Errors(), _Journal()])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine:
        time.sleep(ENGINE_POLL_S)
    provider.cancelled.set()
    # A creation under way is better finished, and noted, than cut in two; gRPC does not wait for it.
    threading.Timer(ENGINE_GONE_S, os._exit, (1,)).start()
    server.stop(grace=None)
    pool.shutdown(cancel_futures=True)
    os._exit(0)
