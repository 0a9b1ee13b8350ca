"""What things are called: type tokens, object ids, field managers, generated names."""

import hashlib
import secrets

from local.providers.kubernetes.client import Kind
from rayeks.errors import UserError

AUTONAMED = "pulumi.com/autonamed"
PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager"
RELEASE = "kubernetes:helm.sh/v3:Release"
SUFFIX_LENGTH = 8


def api_version_and_kind(token: str) -> tuple[str, str]:
    """`kubernetes:core/v1:ConfigMap` → (`v1`, `ConfigMap`), any group likewise. Raises UserError for other tokens."""
    parts = token.split(":")
    if len(parts) != 3 or parts[0] != "kubernetes" or parts[1].count("/") != 1 or not all(parts):
        raise UserError(
            f"{token!r} is not a Kubernetes resource type",
            "types are kubernetes:<group>/<version>:<Kind>; charts and YAML files are rendered nowhere here",
        )
    group, version = parts[1].split("/")
    return (version if group == "core" else f"{group}/{version}"), parts[2]


def is_patch(token: str) -> bool:
    """Whether the type edits an object that it does not own (`ConfigMapPatch`)."""
    return token.endswith("Patch") and not token.endswith(":Patch")


def field_manager(urn: str) -> str:
    """The server-side-apply field manager of a resource: the same in every run, different for every resource.

    pulumi-kubernetes draws it at random; drawn from the URN, an object that a killed run left behind is known as ours.
    """
    return f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:SUFFIX_LENGTH]}"


def unique_name(prefix: str, seed: bytes) -> str:
    """`prefix` and eight hex digits: the same for the same seed, random without one."""
    digits = hashlib.sha256(seed + prefix.encode()).hexdigest() if seed else secrets.token_hex(SUFFIX_LENGTH)
    return f"{prefix}{digits[:SUFFIX_LENGTH]}"


def object_id(kind: Kind, namespace: str | None, name: str) -> str:
    """`namespace/name`, or `name` of a cluster-wide kind."""
    return f"{namespace or 'default'}/{name}" if kind.namespaced else name


def parse_id(identity: str) -> tuple[str | None, str]:
    """The namespace (None of a cluster-wide object) and the name of an id."""
    namespace, separator, name = identity.rpartition("/")
    return (namespace if separator else None), name
