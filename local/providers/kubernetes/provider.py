"""The provider's gRPC face: from the engine's messages to objects and releases on plain data, and back."""

from collections.abc import Callable, Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from local.providers import wire
from local.providers.kubernetes import checks, config, diff, immutable, names, release, values
from local.providers.kubernetes.client import ApiServer
from local.providers.kubernetes.objects import Call, Objects
from local.providers.kubernetes.release import Releases
from local.providers.wire import UNKNOWN, ResourceInitError
from rayeks.errors import UserError

PropertyDiff: Any = provider_pb2.PropertyDiff
DiffResponse: Any = provider_pb2.DiffResponse


class KubernetesProvider(wire.Provider):
    """`pulumi-resource-kubernetes`: every kind of the API server, and helm.sh/v3:Release of known charts."""

    name = "kubernetes"
    version = "4.34.2"

    def __init__(self, engine_address: str | None = None) -> None:
        super().__init__(engine_address)
        self.settings = config.Settings()
        self._objects: Objects | None = None
        self._releases: Releases | None = None

    def configure(self, args: dict[str, Any]) -> None:
        """Read the kubeconfig; nothing is sent to the cluster yet. An unknown one leaves only previews possible."""
        self.settings = config.parse(args)
        if UNKNOWN in [args.get(key) for key in config.CLUSTER_KEYS]:
            return
        api = ApiServer(self.settings.access(), self.cancelled)
        self._objects = Objects(api, self.settings)
        self._releases = Releases(api)

    def DiffConfig(self, request, context):  # noqa: N802
        changed, replaces = config.diff(wire.unmarshal(request.old_inputs), wire.unmarshal(request.news))
        changes = DiffResponse.DIFF_SOME if changed else DiffResponse.DIFF_NONE
        return DiffResponse(changes=changes, diffs=changed, replaces=replaces)

    def Check(self, request, context):  # noqa: N802
        token, name = _type_and_name(request.urn)
        like = wire.unmarshal(request.news, keep_secrets=True)
        inputs, old = values.reveal(like), wire.unmarshal(request.olds)
        if token == names.RELEASE:
            checked, failures = release.check(inputs, old, name, self.settings)
        else:
            checked, failures = checks.check(token, inputs, old, _naming(request, name))
            checked = self._in_default_namespace(checked)
        return provider_pb2.CheckResponse(
            inputs=wire.marshal(values.conceal(checked, like)), failures=wire.check_failures(failures)
        )

    def Diff(self, request, context):  # noqa: N802
        token, _ = _type_and_name(request.urn)
        old, new = wire.unmarshal(request.old_inputs), wire.unmarshal(request.news)
        if token == names.RELEASE:
            force_new, before_replace = release.FORCE_NEW, False
        else:
            force_new = immutable.IDENTITY if names.is_patch(token) else self._force_new(new)
            before_replace = _same_name(new, wire.unmarshal(request.olds))
        found = diff.differences(old, new, force_new)
        replaces = [str(change) for change in found if change.replaces]
        return DiffResponse(
            changes=DiffResponse.DIFF_SOME if found else DiffResponse.DIFF_NONE,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and before_replace,
            detailedDiff={str(change): PropertyDiff(kind=_change_kind(change), inputDiff=True) for change in found},
            hasDetailedDiff=True,
        )

    def Create(self, request, context):  # noqa: N802
        call = self._call(request, request.preview)
        like, inputs = _inputs(request.properties)
        if request.preview and self._objects is None:
            return provider_pb2.CreateResponse(properties=request.properties)
        identity, state = _concealing(like, lambda: self._lifecycle(call).create(call, inputs))
        return provider_pb2.CreateResponse(id=identity, properties=_state(state, like))

    def Update(self, request, context):  # noqa: N802
        call = self._call(request, request.preview)
        like, inputs = _inputs(request.news)
        if request.preview and self._objects is None:
            return provider_pb2.UpdateResponse(properties=request.news)
        old = _plain(request.olds)
        if call.token == names.RELEASE:
            state = _concealing(like, lambda: self._lifecycle(call).update(call, inputs, old))
        else:
            ignored = list(request.ignoreChanges)
            state = _concealing(like, lambda: self._lifecycle(call).update(call, inputs, old, ignored))
        return provider_pb2.UpdateResponse(properties=_state(state, like))

    def Read(self, request, context):  # noqa: N802
        call = self._call(request, False)
        like, inputs = _inputs(request.inputs)
        found = self._lifecycle(call).read(call, request.id, inputs, _plain(request.properties))
        if found is None:
            return provider_pb2.ReadResponse()
        seen, state = found
        return provider_pb2.ReadResponse(id=request.id, inputs=_state(seen, like), properties=_state(state, like))

    def Delete(self, request, context):  # noqa: N802
        call = self._call(request, False)
        self._lifecycle(call).delete(call, request.id, _plain(request.properties))
        return wire.Empty()

    def Invoke(self, request, context):  # noqa: N802
        raise UserError(
            f"the function {request.tok} is not supported by the local Kubernetes provider",
            "declare the objects as resources; charts as kubernetes.helm.v3.Release",
        )

    def Construct(self, request, context):  # noqa: N802
        raise UserError(
            f"the component {request.type} is not supported by the local Kubernetes provider",
            "declare the objects as resources; charts as kubernetes.helm.v3.Release",
        )

    def _call(self, request: Any, preview: bool) -> Call:
        urn = request.urn
        timeout = getattr(request, "timeout", 0.0)
        return Call(_type_and_name(urn)[0], urn, lambda text: self.say(text, urn), preview, timeout)

    def _lifecycle(self, call: Call) -> Any:
        if self._objects is None or self._releases is None:
            raise UserError(
                "the kubernetes provider's kubeconfig is not known, so nothing can be done with its resources"
            )
        return self._releases if call.token == names.RELEASE else self._objects

    def _in_default_namespace(self, inputs: dict[str, Any]) -> dict[str, Any]:
        metadata = inputs.get("metadata")
        if not self.settings.namespace or not isinstance(metadata, Mapping) or metadata.get("namespace"):
            return inputs
        if self._objects is not None and not self._objects.namespaced(inputs):
            return inputs
        return {**inputs, "metadata": {**metadata, "namespace": self.settings.namespace}}

    def _force_new(self, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        return immutable.force_new(
            inputs,
            configmap_mutable=self.settings.configmap_mutable,
            secret_mutable=self.settings.secret_mutable,
        )


def _type_and_name(urn: str) -> tuple[str, str]:
    """The type (without its parents') and the name in a URN."""
    _, _, qualified, name = urn.split("::", 3)
    return qualified.rpartition("$")[2], name


def _naming(request: Any, name: str) -> checks.Naming:
    if not request.HasField("autonaming"):
        return checks.Naming(name, request.randomSeed)
    options = request.autonaming
    disabled = options.mode == type(options).DISABLE
    return checks.Naming(name, request.randomSeed, options.proposed_name or None, disabled)


def _same_name(new: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Whether a replacement must have the very name and place of what it replaces, so that the old must go first."""
    wanted, live = diff.normalised(new).get("metadata"), diff.normalised(state).get("metadata") or {}
    if not isinstance(wanted, Mapping) or values.annotation(new, names.AUTONAMED) == "true":
        return False
    return all(wanted.get(key) is not UNKNOWN and wanted.get(key) == live.get(key) for key in ("name", "namespace"))


def _change_kind(change: diff.Difference) -> Any:
    return PropertyDiff.Kind.Value(change.change.name + ("_REPLACE" if change.replaces else ""))


def _plain(struct: Any) -> dict[str, Any]:
    return _for_server(wire.unmarshal(struct))


def _inputs(struct: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs as they came, with secrets marked, and as plain data for the server."""
    like = wire.unmarshal(struct, keep_secrets=True)
    return like, _for_server(values.reveal(like))


def _for_server(obj: dict[str, Any]) -> dict[str, Any]:
    return values.respelt(obj, values.DASHED) if values.is_crd(obj) else obj


def _state(obj: Mapping[str, Any], like: Mapping[str, Any]) -> Any:
    """Plain data as a gRPC struct for the engine, secret where `like` is."""
    spelt = values.respelt(obj, values.UNDERSCORED) if values.is_crd(obj) else obj
    return wire.marshal(values.conceal(spelt, like))


def _concealing(like: Mapping[str, Any], action: Callable[[], Any]) -> Any:
    """The action's result; the state in its ResourceInitError keeps the secrets of `like`."""
    try:
        return action()
    except ResourceInitError as error:
        properties, inputs = values.conceal(error.properties, like), values.conceal(error.inputs, like)
        raise ResourceInitError(error.id, properties, inputs, error.reasons) from error
