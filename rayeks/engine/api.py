"""The local Kubernetes as seen by its administrator: a GET, and the names of everything that is there."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
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
        with urllib.request.urlopen(f"{self.server}{path}", context=self._tls, timeout=30) as answer:
            return json.load(answer)

    def identity(self) -> str:
        """What stays the same as long as the cluster keeps its data: the uid of its first namespace."""
        return self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]

    def objects(self) -> Iterator[str]:
        """Every object as `kind namespace/name`, but for those that come and go by themselves."""
        groups = [group["preferredVersion"]["groupVersion"] for group in self.get("/apis")["groups"]]
        for prefix in ("/api/v1", *(f"/apis/{version}" for version in groups)):
            for resource in self.get(prefix)["resources"]:
                if "list" in resource["verbs"] and resource["name"] not in FLEETING:
                    for item in self.get(f"{prefix}/{resource['name']}")["items"]:
                        if not _own(resource["kind"], item["metadata"]):
                            yield _title(resource["kind"], item["metadata"])


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


def _title(kind: str, meta: dict[str, Any]) -> str:
    return f"{kind} {meta['namespace']}/{meta['name']}" if "namespace" in meta else f"{kind} {meta['name']}"
