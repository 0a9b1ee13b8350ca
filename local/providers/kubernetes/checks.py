"""What an object's inputs must be before they go to the server: kind, name, namespace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.kubernetes import names, values
from local.providers.wire import UNKNOWN

Failures = list[tuple[str, str]]


@dataclass(frozen=True)
class Naming:
    """How an object without a name gets one: the resource's name, the engine's seed, and the engine's own proposal."""

    resource_name: str
    seed: bytes = b""
    proposed: str | None = None
    disabled: bool = False


def check(
    token: str, inputs: Mapping[str, Any], old: Mapping[str, Any], naming: Naming
) -> tuple[dict[str, Any], Failures]:
    """Inputs with apiVersion, kind and name, and the (property, reason) of each mistake.

    A name that is left out is made up as pulumi-kubernetes does: once, kept while the resource lives, and marked by an
    annotation so that a replacement may get another. Raises UserError for a type that is no kind.
    """
    api_version, kind = names.api_version_and_kind(token)
    if kind.endswith("List") and "items" in inputs:
        return dict(inputs), [("kind", f"{kind} is a list; declare its items as resources of their own")]
    kind = kind.removesuffix("Patch") if names.is_patch(token) else kind
    checked = {"apiVersion": api_version, "kind": kind, **inputs}
    metadata = checked.get("metadata") or {}
    if not isinstance(metadata, Mapping) or metadata.get("name") not in (None, ""):
        return checked, []
    if names.is_patch(token):
        return checked, [("metadata.name", "a Patch resource must name the object that it edits")]
    if metadata.get("generateName"):
        return checked, [("metadata.generateName", "is not supported with server-side apply; leave the name out")]
    name, failures = _made_up(old, naming)
    annotations = metadata.get("annotations")
    if annotations is not UNKNOWN:
        metadata = {**metadata, "annotations": {**(annotations or {}), names.AUTONAMED: "true"}}
    return {**checked, "metadata": {**metadata, "name": name}}, failures


def _made_up(old: Mapping[str, Any], naming: Naming) -> tuple[str | None, Failures]:
    if values.annotation(old, names.AUTONAMED) == "true":
        return old["metadata"]["name"], []
    if naming.disabled:
        return None, [("metadata.name", "autonaming is disabled, so the name must be given")]
    return naming.proposed or names.unique_name(f"{naming.resource_name}-", naming.seed), []
