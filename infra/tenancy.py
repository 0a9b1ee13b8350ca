"""Teams: a namespace each, with a quota, a service account, and an AWS identity that reaches its own prefix only."""

import json
from collections.abc import Mapping

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import vpc
from pulumi_kubernetes.core.v1 import Namespace, ResourceQuota, ServiceAccount

from infra import contract, iam, iam_data
from infra.autoscaling import Pools
from infra.buckets import bucket_name
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.config.data import DataSource, RdsSource
from infra.config.tenants import Tenant
from infra.iam import Aws
from infra.identity import PodRole
from infra.ray import KubeRay
from infra.storage import Storage


class Tenants(pulumi.ComponentResource):
    """The tenants of a stack. They wait for pools and KubeRay, so that a teardown ends jobs before machines."""

    namespaces: dict[str, str]

    def __init__(
        self,
        name: str,
        settings: dict[str, Tenant],
        *,
        cluster: Cluster,
        storage: Storage,
        pools: Pools,
        kuberay: KubeRay,
        node_groups: NodeGroups,
        data_sources: Mapping[str, DataSource],
        aws: Aws,
    ) -> None:
        super().__init__("rayeks:infra:Tenants", name)
        self.namespaces = {team: contract.namespace(team) for team in settings}
        for team, tenant in settings.items():
            namespace = Namespace(
                self.namespaces[team],
                metadata={"name": self.namespaces[team], "labels": labels(team, tenant)},
                opts=ResourceOptions(
                    parent=self, provider=cluster.kubernetes, depends_on=[pools, kuberay, node_groups.dns]
                ),
            )
            inside = ResourceOptions(parent=namespace, provider=cluster.kubernetes)
            ResourceQuota(
                self.namespaces[team],
                metadata={"name": "team", "namespace": namespace.metadata["name"]},
                spec={"hard": quota(tenant)},
                opts=inside,
            )
            ServiceAccount(
                self.namespaces[team],
                metadata={"name": contract.RAY_SERVICE_ACCOUNT, "namespace": namespace.metadata["name"]},
                opts=inside,
            )
            role = f"{name}-{team}-ray"
            PodRole(
                role,
                aws=aws,
                cluster=cluster.name,
                namespace=self.namespaces[team],
                service_account=contract.RAY_SERVICE_ACCOUNT,
                policies={
                    f"bucket-{purpose}": json.dumps(
                        iam.tenant_storage(aws, name, bucket_name(name, purpose, aws), self.namespaces[team])
                    )
                    for purpose in storage.buckets
                }
                | {
                    f"read-{source}": json.dumps(iam.document(*iam_data.read(aws, source, data_sources[source])))
                    for source in tenant.reads
                },
                after=[cluster.joinable],
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


def labels(team: str, tenant: Tenant) -> dict[str, str]:
    """The namespace's labels: who pays, and how strict Pod Security is."""
    return {
        contract.TEAM_LABEL: team,
        "rayeks/cost-center": tenant.cost_center,
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def quota(tenant: Tenant) -> dict[str, str]:
    """The hard limits of the namespace's ResourceQuota."""
    return {
        "requests.cpu": str(tenant.quota.cpu),
        "requests.memory": tenant.quota.memory,
        f"requests.{contract.GPU_RESOURCE}": str(tenant.quota.gpus),
        "pods": str(tenant.quota.pods),
    }
