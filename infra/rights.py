"""What people of a team may do in its namespace: three roles, written as a table. Pure functions."""

from dataclasses import dataclass
from typing import Any

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete", "deletecollection")
RAY = ("rayclusters", "rayjobs", "rayservices", "raycronjobs")


@dataclass(frozen=True)
class Grant:
    """Verbs on resources of one API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]

    def rule(self) -> Any:
        """The grant as a rule of a ClusterRole."""
        return {"apiGroups": [self.group], "resources": list(self.resources), "verbs": list(self.verbs)}


VIEWER = (
    Grant("ray.io", RAY, READ),
    Grant("ray.io", tuple(f"{kind}/status" for kind in RAY), ("get",)),
    Grant(
        "",
        ("pods", "pods/log", "services", "events", "configmaps", "persistentvolumeclaims", "resourcequotas"),
        READ,
    ),
    Grant("batch", ("jobs",), READ),
    Grant("events.k8s.io", ("events",), READ),
    Grant("kueue.x-k8s.io", ("localqueues", "workloads"), READ),
)
DEVELOPER = (
    Grant("ray.io", RAY, WRITE),
    Grant("", ("configmaps",), WRITE),
    Grant("", ("pods",), ("delete",)),
    Grant("", ("pods/exec", "pods/portforward", "services/proxy"), ("get", "create")),
)
ADMIN = (
    Grant("", ("secrets", "persistentvolumeclaims"), (*READ, *WRITE)),
    Grant("batch", ("jobs",), WRITE),
)

ROLES: dict[str, tuple[Grant, ...]] = {
    "viewer": VIEWER,
    "developer": VIEWER + DEVELOPER,
    "admin": VIEWER + DEVELOPER + ADMIN,
}
"""Role → everything that it grants. Quotas, network policies, service accounts and roles stay the platform's."""


def role_name(role: str) -> str:
    """The ClusterRole of a tenant role; RoleBindings make it hold in one namespace."""
    return f"rayeks-tenant-{role}"
