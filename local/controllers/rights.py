"""The Kubernetes rights of the controllers, as their own projects publish them: each acts as its service account."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local import golang
from local.controllers.programs import KUBERAY, KUEUE
from local.toolchain import FAMILIES

Object = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """A controller's service account, and the pinned module's files with its roles."""

    namespace: str
    account: str
    family: str
    module: str
    roles: tuple[str, ...]

    @property
    def user(self) -> str:
        """The account as the API server names it."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"


IDENTITIES = {
    KUBERAY: Identity(
        "kuberay",
        "kuberay-operator",
        "kuberay",
        "github.com/ray-project/kuberay/ray-operator",
        ("config/rbac/role.yaml",),
    ),
    KUEUE: Identity(
        "kueue-system",
        "kueue-controller-manager",
        "kueue",
        "sigs.k8s.io/kueue",
        ("config/components/rbac/role.yaml", "config/components/rbac/manager_secrets_role.yaml"),
    ),
}
"""Karpenter's roles are templates of its chart, which nothing here renders: it acts as the administrator."""


def objects(name: str) -> list[Object]:
    """The roles of a controller and their bindings; none for one that acts as the administrator."""
    identity = IDENTITIES.get(name)
    if identity is None:
        return []
    folder: Path = golang.module_folder(FAMILIES / identity.family, identity.module)
    files = [yaml.safe_load_all((folder / role).read_text()) for role in identity.roles]
    roles = [each for file in files for each in file if each]
    return [item for role in roles for item in _granted(role, f"rayeks-local-{name}", identity)]


def _granted(role: Object, name: str, identity: Identity) -> list[Object]:
    """A role under a name of ours, and its binding; a Role holds in the controller's own namespace."""
    kind, version = role["kind"], role["apiVersion"]
    metadata = {"name": name} | ({"namespace": identity.namespace} if kind == "Role" else {})
    return [
        {"apiVersion": version, "kind": kind, "metadata": metadata, "rules": role["rules"]},
        {
            "apiVersion": version,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": identity.account, "namespace": identity.namespace}],
        },
    ]
