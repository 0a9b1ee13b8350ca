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
    """A controller's service account, and the pinned module's file with its ClusterRole."""

    namespace: str
    account: str
    family: str
    module: str
    role: str

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
        "config/rbac/role.yaml",
    ),
    KUEUE: Identity(
        "kueue-system", "kueue-controller-manager", "kueue", "sigs.k8s.io/kueue", "config/components/rbac/role.yaml"
    ),
}
"""Karpenter's roles are templates of its chart, which nothing here renders: it acts as the administrator."""


def objects(name: str) -> list[Object]:
    """The ClusterRole and ClusterRoleBinding of a controller; none for one that acts as the administrator."""
    identity = IDENTITIES.get(name)
    if identity is None:
        return []
    file: Path = golang.module_folder(FAMILIES / identity.family, identity.module) / identity.role
    role = next(each for each in yaml.safe_load_all(file.read_text()) if each and each["kind"] == "ClusterRole")
    own = f"rayeks-local-{name}"
    return [
        {"apiVersion": role["apiVersion"], "kind": "ClusterRole", "metadata": {"name": own}, "rules": role["rules"]},
        {
            "apiVersion": role["apiVersion"],
            "kind": "ClusterRoleBinding",
            "metadata": {"name": own},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": own},
            "subjects": [{"kind": "ServiceAccount", "name": identity.account, "namespace": identity.namespace}],
        },
    ]
