"""Teams on the platform, whatever Kubernetes it is, and the roles that their people hold."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.rbac.v1 import ClusterRole

from infra import contract, rights
from infra.config.queueing import Queueing
from infra.config.tenants import Team as Settings
from infra.isolation import Policy
from infra.team import Team


class Tenants(pulumi.ComponentResource):
    """The tenants of a stack. They wait for pools and KubeRay, so that a teardown ends jobs before machines."""

    namespaces: dict[str, str]
    teams: dict[str, Team]

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Settings],
        *,
        kubernetes: pulumi_kubernetes.Provider,
        walls: Mapping[str, Mapping[str, Policy]],
        queues: Queueing | None,
        gpu_parts: Sequence[str],
        volumes: Mapping[str, Mapping[str, str]] | None = None,
        after: Sequence[pulumi.Resource],
    ) -> None:
        """`walls` are each team's NetworkPolicies, `gpu_parts` the resources that are parts of a GPU.

        `volumes` are each team's limits of what its claims make, where the classes of storage are the stack's own.
        """
        super().__init__("rayeks:infra:Tenants", name)
        self.namespaces = {team: contract.namespace(team) for team in settings}
        for role, grants in rights.ROLES.items():
            ClusterRole(
                rights.role_name(role),
                metadata={"name": rights.role_name(role)},
                rules=[grant.rule() for grant in grants],
                opts=ResourceOptions(parent=self, provider=kubernetes),
            )
        self.teams = {
            team: Team(
                team,
                tenant,
                kubernetes=kubernetes,
                walls=walls[team],
                queues=queues,
                gpu_parts=gpu_parts,
                volumes=volumes[team] if volumes else {},
                after=after,
                opts=ResourceOptions(parent=self),
            )
            for team, tenant in settings.items()
        }
        self.register_outputs({})
