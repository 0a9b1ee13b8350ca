"""The life of one Kubernetes object: checked, previewed, applied on the server side, read for drift, deleted."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.providers.kubernetes import conditions, crds, names, ownership, values, waiting
from local.providers.kubernetes.client import ApiError, ApiServer, Kind, NoSuchKind, Unreachable
from local.providers.kubernetes.config import Settings
from local.providers.kubernetes.diff import SERVER_FIELDS, observed
from local.providers.wire import UNKNOWN, ResourceInitError
from rayeks.errors import UserError

PATCH_FORCE = "pulumi.com/patchForce"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"
MANAGER_KEY = "__fieldManager"
MADE_AT_CREATION = ("uid", "resourceVersion", "creationTimestamp")
# A namespace, a CRD or a webhook's backend created a moment ago may take this long to be seen by the API server.
ORDER_DELAYS_S = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 4.0)


@dataclass(frozen=True)
class Call:
    """One operation on one resource: its type and URN, whether it is a preview, and how to speak of it."""

    token: str
    urn: str
    say: waiting.Say
    preview: bool = False
    timeout_s: float = 0.0


class Objects:
    """Objects of every kind on one API server. Inputs and outputs are plain data, without secrets' wrappers."""

    def __init__(self, api: ApiServer, settings: Settings) -> None:
        self.api = api
        self.settings = settings

    def create(self, call: Call, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Apply a new object; its id and live state. In a preview a dry run, or the inputs where none is possible.

        Raises ApiError with the server's words for what it refuses, UserError for an object that already exists, and
        ResourceInitError where it exists now but is not what it waits for.
        """
        if call.preview:
            return "", self._preview(call, inputs, None)
        manager = values.annotation(inputs, names.PATCH_FIELD_MANAGER) or names.field_manager(call.urn)
        live = self._in_order(call, inputs, lambda kind: self._apply_new(call, kind, inputs, manager))
        return self._settled(call, inputs, live, manager)

    def update(
        self, call: Call, inputs: dict[str, Any], state: dict[str, Any], ignored: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Apply new inputs over the live object; the new state. Previews and errors as for `create`."""
        old_manager = state.get(MANAGER_KEY) or names.field_manager(call.urn)
        manager = values.annotation(inputs, names.PATCH_FIELD_MANAGER) or old_manager
        if call.preview:
            return self._preview(call, inputs, manager)
        kind = self.api.kind(inputs["apiVersion"], inputs["kind"])
        name, namespace = inputs["metadata"]["name"], inputs["metadata"].get("namespace")
        live = self.api.get(kind, namespace, name)
        if live is None:
            raise UserError(
                f"{kind.name} {names.object_id(kind, namespace, name)} is no longer in the cluster",
                "run again with --refresh, so that the engine sees that it is gone and creates it",
            )
        if operations := ownership.take_over(live, manager):
            live = self.api.patch(kind, namespace, name, operations)
        for path in ignored:
            inputs = keep_live(inputs, live, path.split("."))
        applied = self._apply(kind, inputs, manager)
        if manager != old_manager:
            self._relinquish(kind, applied, old_manager)
        return self._settled(call, inputs, applied, manager)[1]

    def read(
        self, call: Call, identity: str, inputs: dict[str, Any], state: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """What is there now: (inputs with what drifted, live state), or None where the object or its kind is gone."""
        api_version, kind_name = names.api_version_and_kind(call.token.removesuffix("Patch"))
        try:
            kind = self.api.kind(inputs.get("apiVersion", api_version), inputs.get("kind", kind_name))
        except NoSuchKind:
            return None
        namespace, name = names.parse_id(identity)
        live = self.api.get(kind, namespace, name)
        if live is None:
            return None
        manager = state.get(MANAGER_KEY) or names.field_manager(call.urn)
        seen = observed(inputs, readable(state), readable(live)) if inputs else importable(live)
        return seen, outputs(live, manager)

    def delete(self, call: Call, identity: str, state: dict[str, Any]) -> None:
        """Delete the object and wait until it is gone, dependents first. Raises TimedOut naming what holds it."""
        try:
            kind = self.api.kind(state["apiVersion"], state["kind"])
        except NoSuchKind:
            return
        namespace, name = names.parse_id(identity)
        if names.is_patch(call.token):
            if self.api.get(kind, namespace, name):
                self._relinquish(kind, state, state[MANAGER_KEY])
            return
        policy = values.annotation(state, PROPAGATION).capitalize()
        propagation = policy if policy in ("Background", "Orphan") else "Foreground"
        live = self.api.get(kind, namespace, name)
        if live is None:
            return
        if values.is_crd(live):
            crds.delete(self.api, live, propagation)
        else:
            self.api.delete(kind, namespace, name, propagation)
        waiting.until_gone(self.api, kind, live, waiting.timeout_s(call.timeout_s, state), call.say)

    def namespaced(self, inputs: Mapping[str, Any]) -> bool:
        """Whether the inputs' kind lives in namespaces; taken for so while the cluster cannot tell."""
        try:
            return self.api.kind(inputs["apiVersion"], inputs["kind"]).namespaced
        except (NoSuchKind, Unreachable):
            return True

    def _apply_new(self, call: Call, kind: Kind, inputs: dict[str, Any], manager: str) -> dict[str, Any]:
        name, namespace = inputs["metadata"]["name"], inputs["metadata"].get("namespace")
        live = self.api.get(kind, namespace, name)
        if live and live["metadata"].get("deletionTimestamp"):
            waiting.until_gone(self.api, kind, live, waiting.timeout_s(call.timeout_s, inputs), call.say)
            live = None
        if live and not (self.settings.upsert or names.is_patch(call.token) or ownership.applied_by(live, manager)):
            owners = ", ".join(ownership.managers(live)) or "unknown"
            raise UserError(
                f"{kind.name} {names.object_id(kind, namespace, name)} already exists (its field managers: {owners})",
                "import it (`pulumi import`), edit it with a Patch resource, delete it, or set the provider's "
                "upsertExistingObjects",
            )
        if live and not names.is_patch(call.token):
            call.say("exists already, from an earlier run of this resource or by upsert: taking it up")
        return self._apply(kind, inputs, manager)

    def _in_order(self, call: Call, inputs: dict[str, Any], apply: Any) -> dict[str, Any]:
        """`apply(kind)`, tried again for some seconds while its CRD or namespace is not there yet."""
        for delay in (*ORDER_DELAYS_S, None):
            try:
                return apply(self.api.kind(inputs["apiVersion"], inputs["kind"]))
            except (ApiError, NoSuchKind) as error:
                missing = isinstance(error, NoSuchKind) or error.code == 404
                if not missing or delay is None:
                    raise
                call.say(f"not yet: {error.message}")
                self.api.pause(delay)
        raise AssertionError("unreachable: the last attempt raises")

    def _apply(self, kind: Kind, inputs: dict[str, Any], manager: str, dry_run: bool = False) -> dict[str, Any]:
        force = self.settings.patch_force or values.annotation(inputs, PATCH_FORCE) == "true"
        try:
            return self.api.apply(kind, inputs, manager, force=force, dry_run=dry_run)
        except ApiError as error:
            if not error.ownership:
                raise
            conflicts = "; ".join(f"{cause.get('field')}: {cause.get('message')}" for cause in error.causes)
            identity = names.object_id(kind, inputs["metadata"].get("namespace"), inputs["metadata"]["name"])
            raise UserError(
                f"{kind.name} {identity}: another field manager owns what is to be applied: {conflicts}",
                f'take the fields back with the annotation {PATCH_FORCE}: "true" (or the provider\'s '
                "enablePatchForce), or leave them to the other with ignore_changes",
            ) from error

    def _relinquish(self, kind: Kind, obj: Mapping[str, Any], manager: str) -> None:
        """Give up every field of `manager`, which removes those that nobody else owns."""
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
        empty = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
        self.api.apply(kind, empty, manager)

    def _preview(self, call: Call, inputs: dict[str, Any], manager: str | None) -> dict[str, Any]:
        """A server-side dry run. The inputs where nothing can be known: unknown values, no cluster, no CRD, no
        namespace yet, no right to try, or a creation beside the object that it will replace.
        """
        if values.has_unknown(inputs):
            return inputs
        try:
            kind = self.api.kind(inputs["apiVersion"], inputs["kind"])
            name, namespace = inputs["metadata"]["name"], inputs["metadata"].get("namespace")
            if manager is None and self.api.get(kind, namespace, name) is not None:
                return inputs
            live = self._apply(kind, inputs, manager or names.field_manager(call.urn), dry_run=True)
        except NoSuchKind:
            return inputs
        except Unreachable as error:
            call.say(f"previewed without the cluster: {error.message}")
            return inputs
        except ApiError as error:
            if error.code in (403, 404):
                return inputs
            raise
        return previewed(live, new=manager is None)

    def _settled(
        self, call: Call, inputs: dict[str, Any], live: dict[str, Any], manager: str
    ) -> tuple[str, dict[str, Any]]:
        """The id and state of an applied object, once it is what its annotations wait for."""
        kind = self.api.kind(live["apiVersion"], live["kind"])
        identity = names.object_id(kind, live["metadata"].get("namespace"), live["metadata"]["name"])
        limit_s = waiting.timeout_s(call.timeout_s, inputs)
        live, lacking = waiting.until_met(self.api, kind, live, conditions.of(inputs), limit_s, call.say)
        state = outputs(live, manager)
        if lacking:
            reason = f"{kind.name} {identity} was applied but after {limit_s:.0f} s still waits for {lacking}"
            raise ResourceInitError(identity, state, inputs, [reason])
        return identity, state


def outputs(live: dict[str, Any], manager: str) -> dict[str, Any]:
    """A live object as the resource's state: without managedFields, with its field manager."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return {**live, "metadata": metadata, MANAGER_KEY: manager}


def previewed(live: dict[str, Any], *, new: bool) -> dict[str, Any]:
    """What a dry run says that an object will be; what only the real creation decides is unknown."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    undecided = {key: UNKNOWN for key in MADE_AT_CREATION if new and key in metadata}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": {**metadata, **undecided}}


def readable(live: dict[str, Any]) -> dict[str, Any]:
    """A live object, a Secret with its data also as stringData, so that either spelling of inputs compares."""
    if live.get("kind") != "Secret" or not live.get("data"):
        return live
    text = {key: base64.b64decode(value).decode(errors="replace") for key, value in live["data"].items()}
    return {**live, "stringData": text}


def importable(live: dict[str, Any]) -> dict[str, Any]:
    """The inputs that would make a live object: all of it but what the server sets."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in SERVER_FIELDS}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def keep_live(inputs: Any, live: Any, path: Sequence[str]) -> Any:
    """Inputs with the value at `path` as it is live, so that an ignored change is not undone by applying the rest."""
    if not path:
        return inputs if live is None else live
    if not isinstance(inputs, Mapping) or not isinstance(live, Mapping) or path[0] not in inputs:
        return inputs
    return {**inputs, path[0]: keep_live(inputs[path[0]], live.get(path[0]), path[1:])}
