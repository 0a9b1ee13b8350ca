"""Property values on their way: what is secret stays secret, and CRD keys change their spelling."""

from collections.abc import Callable, Mapping
from typing import Any

from local.providers.wire import UNKNOWN, Secret

# Pulumi property names cannot hold dashes; pulumi-kubernetes' typed CRDs spell these with underscores.
DASHED: dict[str, str] = {
    name.replace("-", "_"): name
    for name in (
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
}
UNDERSCORED = {dashed: underscored for underscored, dashed in DASHED.items()}


def reveal(value: Any) -> Any:
    """The value without its Secret wrappers."""
    if isinstance(value, Secret):
        return reveal(value.value)
    return _mapped(value, reveal)


def _mapped(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: convert(item) for key, item in value.items()}
    if isinstance(value, list):
        return [convert(item) for item in value]
    return value


def holds(value: Any, test: Callable[[Any], bool]) -> bool:
    """Whether `test` holds of the value or of anything in it."""
    if test(value):
        return True
    if isinstance(value, Mapping):
        return any(holds(item, test) for item in value.values())
    if isinstance(value, Secret):
        return holds(value.value, test)
    return isinstance(value, list) and any(holds(item, test) for item in value)


def has_unknown(value: Any) -> bool:
    """Whether anything in the value is unknown in this preview."""
    return holds(value, lambda item: item is UNKNOWN)


def conceal(plain: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """`plain` with secrets where `like` has them; a Secret's data always is one.

    A list that holds a secret is one as a whole, because the server may order it anew.
    """
    if plain.get("kind") == "Secret":
        hidden = {key: Secret(plain[key]) for key in ("data", "stringData") if key in plain}
        return {**plain, **hidden}
    return {key: _concealed(value, like[key]) if key in like else value for key, value in plain.items()}


def _concealed(value: Any, like: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(like, Mapping):
        return conceal(value, like)
    return Secret(value) if holds(like, lambda item: isinstance(item, Secret)) else value


def respelt(obj: Any, spelling: Mapping[str, str]) -> Any:
    """A CustomResourceDefinition with its keys in the other spelling: DASHED for the server, UNDERSCORED for Pulumi."""
    if isinstance(obj, Mapping):
        return {spelling.get(key, key): respelt(item, spelling) for key, item in obj.items()}
    return [respelt(item, spelling) for item in obj] if isinstance(obj, list) else obj


def is_crd(obj: Mapping[str, Any]) -> bool:
    """Whether the object is a CustomResourceDefinition."""
    return obj.get("kind") == "CustomResourceDefinition"


def annotation(obj: Mapping[str, Any], key: str) -> str:
    """An annotation's value, or "" where it is absent or unknown."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    value = annotations.get(key) if isinstance(annotations, Mapping) else None
    return value if isinstance(value, str) else ""
