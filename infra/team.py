"""One team on any Kubernetes: a namespace with its quota, its walls, its queue, and its people's rights."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgsDict,
    Namespace,
    ResourceQuota,
    ResourceQuotaSpecArgsDict,
    ServiceAccount,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.rbac.v1 import RoleBinding, SubjectArgsDict

from infra import contract, queueing, rights
from infra.config.queueing import Queueing
from infra.config.tenants import Team as Settings
from infra.isolation import Policy


class Team(pulumi.ComponentResource):
    """Everything of one tenant inside the cluster. Its namespace waits for what `opts` depends on."""

    namespace: Namespace

    def __init__(
        self,
        team: str,
        settings: Settings,
        *,
        kubernetes: pulumi_kubernetes.Provider,
        walls: Mapping[str, Policy],
        queues: Queueing | None,
        gpu_parts: Sequence[str],
        volumes: Mapping[str, str],
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions,
    ) -> None:
        """`walls` are the specs of its NetworkPolicies by name, `volumes` the hard limits of what its claims make."""
        super().__init__("rayeks:infra:Team", team, None, opts)
        self._namespace = contract.namespace(team)
        self.namespace = Namespace(
            self._namespace,
            metadata={"name": self._namespace, "labels": labels(team, settings)},
            opts=ResourceOptions(parent=self, provider=kubernetes, depends_on=list(after)),
        )
        self._inside = ResourceOptions(parent=self.namespace, provider=kubernetes)
        ResourceQuota(
            self._namespace,
            metadata=self._metadata("team"),
            spec={"hard": quota(settings, queues, gpu_parts) | dict(volumes)},
            opts=self._inside,
        )
        ResourceQuota(
            f"{self._namespace}-critical",
            metadata=self._metadata("no-critical-pods"),
            spec=no_critical_pods(),
            opts=self._inside,
        )
        if queues:
            CustomResource(
                self._namespace,
                api_version=queueing.API,
                kind="LocalQueue",
                metadata=self._metadata(contract.QUEUE),
                spec={"clusterQueue": self._namespace},
                opts=self._inside,
            )
        LimitRange(self._namespace, metadata=self._metadata("defaults"), spec={"limits": limits()}, opts=self._inside)
        for purpose, spec in walls.items():
            NetworkPolicy(
                f"{self._namespace}-{purpose}", metadata=self._metadata(purpose), spec=spec, opts=self._inside
            )
        for role, groups in settings.groups(team).items():
            self._bound(role, groups)
        for account in contract.SERVICE_ACCOUNTS:
            ServiceAccount(f"{self._namespace}-{account}", metadata=self._metadata(account), opts=self._inside)
        self.register_outputs({})

    def _metadata(self, name: str) -> ObjectMetaArgsDict:
        return {"name": name, "namespace": self._namespace}

    def _bound(self, role: str, groups: Sequence[str]) -> None:
        subjects: list[SubjectArgsDict] = [
            {"kind": "Group", "name": group, "api_group": "rbac.authorization.k8s.io"} for group in groups
        ]
        RoleBinding(
            f"{self._namespace}-{role}",
            metadata=self._metadata(rights.role_name(role)),
            subjects=subjects,
            role_ref={
                "kind": "ClusterRole",
                "name": rights.role_name(role),
                "api_group": "rbac.authorization.k8s.io",
            },
            opts=self._inside,
        )


def labels(team: str, settings: Settings) -> dict[str, str]:
    """The namespace's labels: who pays, and how strict Pod Security is."""
    return {
        contract.TEAM_LABEL: team,
        "rayeks/cost-center": settings.cost_center,
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def quota(settings: Settings, queues: Queueing | None, parts: Sequence[str] = ()) -> dict[str, str]:
    """The hard limits of the namespace's ResourceQuota: with queues, what the team has and what it may borrow."""
    wanted = settings.quota
    most = {name: queueing.ceiling(amount, queues) for name, amount in queueing.promised(wanted, parts).items()}
    return {
        "requests.cpu": str(most["cpu"]),
        "requests.memory": f"{most['memory']}Gi" if queues else wanted.memory,
        f"requests.{contract.GPU_RESOURCE}": str(most[contract.GPU_RESOURCE]),
        **{f"requests.{part}": str(most[part]) for part in parts},
        "requests.storage": wanted.storage,
        "pods": str(wanted.pods),
        "count/rayclusters.ray.io": str(wanted.clusters),
    }


def no_critical_pods() -> ResourceQuotaSpecArgsDict:
    """No pod of a team may push the platform's own from a node."""
    critical = ["system-cluster-critical", "system-node-critical"]
    return {
        "hard": {"pods": "0"},
        "scope_selector": {
            "match_expressions": [{"scope_name": "PriorityClass", "operator": "In", "values": critical}]
        },
    }


def limits() -> list[LimitRangeItemArgsDict]:
    """Defaults for containers that ask for nothing, which a quota would otherwise refuse."""
    return [
        {
            "type": "Container",
            "default_request": {"cpu": "250m", "memory": "512Mi"},
            "default": {"memory": "2Gi"},
        }
    ]
