"""Teams: a namespace each, with a quota, a service account, and an AWS identity that reaches its own prefix only."""

import json

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace, ResourceQuota, ServiceAccount

from infra import contract, iam
from infra.autoscaling import Pools
from infra.cluster import Cluster
from infra.config.tenants import Tenant
from infra.iam import Aws
from infra.identity import PodRole
from infra.ray import KubeRay
from infra.storage import Storage, bucket_name


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
        aws: Aws,
    ) -> None:
        super().__init__("rayeks:infra:Tenants", name)
        self.namespaces = {team: contract.namespace(team) for team in settings}
        for team, tenant in settings.items():
            namespace = Namespace(
                self.namespaces[team],
                metadata={"name": self.namespaces[team], "labels": labels(team, tenant)},
                opts=ResourceOptions(parent=self, provider=cluster.kubernetes, depends_on=[pools, kuberay]),
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
                    f"bucket-{key}": json.dumps(
                        iam.tenant_storage(aws, bucket_name(name, key, aws), self.namespaces[team])
                    )
                    for key in storage.buckets
                },
                after=cluster.node_addons,
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
