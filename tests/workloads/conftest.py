"""KubeRay's own schemas, as judge of what the manifests say."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml

from local.toolchain import module_dir

Judge = Callable[[dict[str, Any]], list[str]]


@cache
def _schema(kind: str) -> dict[str, Any]:
    bases = module_dir("github.com/ray-project/kuberay/ray-operator") / "config" / "crd" / "bases"
    crd = yaml.load((bases / f"ray.io_{kind.lower()}s.yaml").read_text(), Loader=yaml.CSafeLoader)
    (version,) = (each for each in crd["spec"]["versions"] if each["name"] == "v1")
    return _closed(version["schema"]["openAPIV3Schema"])


def _closed(schema: Any) -> Any:
    """The schema as the API server reads it with strict field validation: unknown fields are errors."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
        closed["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return closed


@pytest.fixture(scope="session")
def complaints() -> Judge:
    """What KubeRay 1.6.2's CRD has against a manifest: path and message of each mistake."""

    def judge(manifest: dict[str, Any]) -> list[str]:
        schema = _schema(manifest["kind"])
        schema["properties"]["metadata"] = {"type": "object"}
        found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
        return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in found]

    return judge
