"""Teams on the platform, what they share, and the way from their nodes to the databases that they read."""

from collections.abc import Mapping

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import vpc
from pulumi_kubernetes.rbac.v1 import ClusterRole

from infra import contract, rights
from infra.autoscaling import Pools
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.config.data import DataSource, RdsSource
from infra.config.tenants import Tenant
from infra.iam import Aws
from infra.network import Network
from infra.queues import Queues
from infra.ray import KubeRay
from infra.storage import Storage
from infra.team import Team
from infra.volumes import default_class


class Tenants(pulumi.ComponentResource):
    """The tenants of a stack. They wait for pools and KubeRay, so that a teardown ends jobs before machines."""

    namespaces: dict[str, str]

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Tenant],
        *,
        cluster: Cluster,
        network: Network,
        storage: Storage,
        pools: Pools,
        kuberay: KubeRay,
        queues: Queues | None,
        node_groups: NodeGroups,
        data_sources: Mapping[str, DataSource],
        aws: Aws,
    ) -> None:
        super().__init__("rayeks:infra:Tenants", name)
        self.namespaces = {team: contract.namespace(team) for team in settings}
        default_class(cluster, self)
        for role, grants in rights.ROLES.items():
            ClusterRole(
                rights.role_name(role),
                metadata={"name": rights.role_name(role)},
                rules=[grant.rule() for grant in grants],
                opts=ResourceOptions(parent=self, provider=cluster.kubernetes),
            )
        for team, tenant in settings.items():
            Team(
                team,
                tenant,
                name=name,
                cluster=cluster,
                network=network,
                storage=storage,
                data_sources=data_sources,
                aws=aws,
                queues=queues,
                gpu_parts=node_groups.gpu_parts,
                after=[pools, kuberay, node_groups.dns, *([queues] if queues else [])],
                opts=ResourceOptions(parent=self),
            )
        for source, database in data_sources.items():
            if isinstance(database, RdsSource):
                # The database's own group: nodes come in by the cluster's, whichever pool made them.
                vpc.SecurityGroupIngressRule(
                    f"{name}-{source}",
                    security_group_id=database.security_group,
                    description=f"Ray jobs of {name}",
                    referenced_security_group_id=cluster.security_group_id,
                    ip_protocol="tcp",
                    from_port=database.port,
                    to_port=database.port,
                    opts=ResourceOptions(parent=self),
                )
        self.register_outputs({})
