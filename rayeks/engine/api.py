"""The local Kubernetes as seen by its administrator: the names of everything that is there, and its removal."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

OWN_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
# What the API server and its controllers make by themselves, by kind and name.
OWN_OBJECTS = {
    "ConfigMap": {
        "kube-root-ca.crt",
        "extension-apiserver-authentication",
        "kube-apiserver-legacy-service-account-token-tracking",
    },
    "Namespace": OWN_NAMESPACES,
    "Service": {"kubernetes"},
    "ServiceCIDR": {"kubernetes"},
}
# Resources whose objects come and go with others, or with time.
FLEETING = frozenset({"componentstatuses", "endpoints", "endpointslices", "events", "ipaddresses", "leases"})


@dataclass(frozen=True)
class Object:
    """One object of the API server, and where it lies there."""

    kind: str
    namespace: str
    name: str
    path: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """What it is one of, as CRDs are named: `rayjobs.ray.io`."""
        parts = self.path.split("/")
        return f"{parts[-2]}.{parts[2]}"

    @property
    def automatic(self) -> bool:
        """Whether every namespace has it by itself."""
        return self.kind == "ServiceAccount" and self.name == "default"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Api:
    """Reads the API server that a kubeconfig names, with the certificates whose paths it holds."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def get(self, path: str) -> Any:
        """The object at a path such as `/api/v1/namespaces`. OSError where the server does not answer."""
        return self._ask("GET", path)

    def delete(self, path: str) -> None:
        """Ask for the removal of the object at a path; finalizers may take their time over it."""
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(f"{self.server}{path}", method=method)
        with urllib.request.urlopen(request, context=self._tls, timeout=30) as answer:
            return json.load(answer)

    def identity(self) -> str:
        """What stays the same as long as the cluster keeps its data: the uid of its first namespace."""
        return self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]

    def objects(self) -> list[Object]:
        """Everything that somebody made, but for objects that come and go by themselves."""
        groups = [group["preferredVersion"]["groupVersion"] for group in self.get("/apis")["groups"]]
        return [
            found for prefix in ("/api/v1", *(f"/apis/{version}" for version in groups)) for found in self._of(prefix)
        ]

    def _listed(self, path: str, key: str) -> list[Any]:
        """A list that the server gives; empty where its kind, or its group, has just gone with its CRD."""
        try:
            return self.get(path)[key]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise

    def _of(self, prefix: str) -> Iterator[Object]:
        for resource in self._listed(prefix, "resources"):
            if "list" not in resource["verbs"] or resource["name"] in FLEETING:
                continue
            items = self._listed(f"{prefix}/{resource['name']}", "items")
            for meta in (item["metadata"] for item in items):
                if not _own(resource["kind"], meta):
                    within = f"namespaces/{meta['namespace']}/" if "namespace" in meta else ""
                    path = f"{prefix}/{within}{resource['name']}/{meta['name']}"
                    yield Object(
                        resource["kind"], meta.get("namespace", ""), meta["name"], path, meta.get("labels") or {}
                    )


def left_by_helm(objects: Iterable[Object]) -> list[Object]:
    """Those of `objects` that Helm leaves on an uninstall by design: CRDs of a crds/ folder, namespaces it made.

    A CRD of which there are objects, and a namespace with something in it, are not among them.
    """
    objects = list(objects)
    within = {item.namespace for item in objects if not item.automatic}
    kinds = {item.resource for item in objects}
    return [
        item
        for item in objects
        if (item.kind == "CustomResourceDefinition" and item.name not in kinds)
        or (item.kind == "Namespace" and item.labels.get("name") == item.name and item.name not in within)
    ]


def _own(kind: str, meta: dict[str, Any]) -> bool:
    """Whether a fresh API server has such an object, or makes it by itself in every namespace."""
    name, labels, notes = meta["name"], meta.get("labels") or {}, meta.get("annotations") or {}
    return (
        name in OWN_OBJECTS.get(kind, ())
        or name.startswith(("system:", "system-"))
        or "kubernetes.io/bootstrapping" in labels
        or "kube-aggregator.kubernetes.io/automanaged" in labels
        or "apf.kubernetes.io/autoupdate-spec" in notes
        or (kind in ("ServiceAccount", "Role", "RoleBinding") and meta["namespace"] in OWN_NAMESPACES)
    )
