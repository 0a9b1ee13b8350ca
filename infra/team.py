"""One team: a namespace with its quota, walls, rights, identity and storage."""

import json
from collections.abc import Mapping, Sequence

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import eks
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
from pulumi_kubernetes.rbac.v1 import RoleBinding

from infra import contract, iam_data, iam_tenant, isolation, queueing, rights
from infra.buckets import bucket_name
from infra.cluster import Cluster
from infra.config.data import DataSource, RdsSource
from infra.config.queueing import Queueing
from infra.config.tenants import Tenant
from infra.iam import Aws
from infra.identity import PodRole
from infra.network import Network
from infra.queues import Queues
from infra.storage import Storage
from infra.volumes import Volumes


class Team(pulumi.ComponentResource):
    """Everything of one tenant. Its namespace waits for what `opts` depends on."""

    def __init__(
        self,
        team: str,
        settings: Tenant,
        *,
        name: str,
        cluster: Cluster,
        network: Network,
        storage: Storage,
        data_sources: Mapping[str, DataSource],
        aws: Aws,
        queues: Queues | None,
        gpu_parts: Sequence[str],
        after: list[pulumi.Resource],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("rayeks:infra:Team", team, None, opts)
        self._cluster, self._full, self._namespace = cluster, f"{name}-{team}", contract.namespace(team)
        namespace = Namespace(
            self._namespace,
            metadata={"name": self._namespace, "labels": labels(team, settings)},
            opts=ResourceOptions(parent=self, provider=cluster.kubernetes, depends_on=after),
        )
        self._inside = ResourceOptions(parent=namespace, provider=cluster.kubernetes)
        ResourceQuota(
            self._namespace,
            metadata=self._metadata("team"),
            spec={"hard": quota(settings, queues.settings if queues else None, gpu_parts)},
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
        reads = {source: data_sources[source] for source in settings.reads}
        ports = {source: found.port for source, found in reads.items() if isinstance(found, RdsSource)}
        for purpose, spec in isolation.policies(vpc_cidr=network.cidr, data_ports=ports).items():
            NetworkPolicy(
                f"{self._namespace}-{purpose}", metadata=self._metadata(purpose), spec=spec, opts=self._inside
            )
        self._people(team, settings)
        self._identities(reads, storage, name, aws)
        Volumes(team, settings, storage=storage, provider=cluster.kubernetes, opts=ResourceOptions(parent=namespace))
        self.register_outputs({})

    def _metadata(self, name: str) -> ObjectMetaArgsDict:
        return {"name": name, "namespace": self._namespace}

    def _people(self, team: str, settings: Tenant) -> None:
        for role, principals in settings.people.by_role().items():
            group = contract.group(team, role)
            RoleBinding(
                f"{self._namespace}-{role}",
                metadata=self._metadata(rights.role_name(role)),
                subjects=[{"kind": "Group", "name": group, "api_group": "rbac.authorization.k8s.io"}],
                role_ref={
                    "kind": "ClusterRole",
                    "name": rights.role_name(role),
                    "api_group": "rbac.authorization.k8s.io",
                },
                opts=self._inside,
            )
            for principal in principals:
                eks.AccessEntry(
                    f"{self._full}-{role}-{principal.rsplit('/', 1)[-1]}",
                    cluster_name=self._cluster.made,
                    principal_arn=principal,
                    kubernetes_groups=[group],
                    type="STANDARD",
                    opts=ResourceOptions(parent=self, depends_on=[self._cluster.joinable]),
                )

    def _identities(self, reads: Mapping[str, DataSource], storage: Storage, name: str, aws: Aws) -> None:
        buckets = {bucket: bucket_name(name, bucket, aws) for bucket in storage.buckets}
        sources = [statement for key, source in reads.items() for statement in iam_data.read(aws, key, source)]
        for account in contract.SERVICE_ACCOUNTS:
            ServiceAccount(f"{self._namespace}-{account}", metadata=self._metadata(account), opts=self._inside)
            policies = iam_tenant.policies(
                account, aws=aws, cluster=name, namespace=self._namespace, buckets=buckets, sources=sources
            )
            PodRole(
                f"{self._full}-{account}",
                aws=aws,
                cluster=self._cluster.name,
                made=self._cluster.made,
                namespace=self._namespace,
                service_account=account,
                policies={policy: json.dumps(document) for policy, document in policies.items()},
                after=[self._cluster.joinable],
                opts=ResourceOptions(parent=self),
            )


def labels(team: str, settings: Tenant) -> dict[str, str]:
    """The namespace's labels: who pays, and how strict Pod Security is."""
    return {
        contract.TEAM_LABEL: team,
        "rayeks/cost-center": settings.cost_center,
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def quota(settings: Tenant, queues: Queueing | None, parts: Sequence[str] = ()) -> dict[str, str]:
    """The hard limits of the namespace's ResourceQuota: with queues, what the team has and what it may borrow."""
    wanted = settings.quota
    most = {name: queueing.ceiling(amount, queues) for name, amount in queueing.promised(wanted).items()}
    return {
        "requests.cpu": str(most["cpu"]),
        "requests.memory": f"{most['memory']}Gi" if queues else wanted.memory,
        f"requests.{contract.GPU_RESOURCE}": str(most[contract.GPU_RESOURCE]),
        **{f"requests.{part}": str(wanted.gpu_parts) for part in parts},
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
