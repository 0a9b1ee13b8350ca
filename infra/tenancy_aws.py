"""What AWS adds to the teams of a cluster: who their people and pods are, their volumes, the way to their databases."""

import json
from collections.abc import Mapping

from pulumi import ResourceOptions
from pulumi_aws import eks, vpc

from infra import contract, iam_data, iam_tenant, isolation
from infra.buckets import bucket_name
from infra.cluster import Cluster
from infra.config import Platform
from infra.config.data import DataSource, RdsSource
from infra.config.tenants import Tenant
from infra.identity import PodRole
from infra.storage import Storage
from infra.team import Team
from infra.tenancy import Tenants
from infra.volumes import Volumes


def walls(platform: Platform) -> dict[str, dict[str, isolation.Policy]]:
    """Team → its NetworkPolicies: out to AWS, and to the databases that it reads."""
    cidr = str(platform.network.cidr)
    return {
        team: isolation.policies(
            isolation.aws(vpc_cidr=cidr, data_ports=_ports(_reads(platform, tenant)) | _gcs_port(platform, team))
        )
        for team, tenant in platform.tenants.items()
    }


def tie(tenants: Tenants, platform: Platform, *, cluster: Cluster, storage: Storage) -> None:
    """Ties the tenants to AWS. What is made for a team is below it, and so outlives nothing that waits for it."""
    for team, settings in platform.tenants.items():
        made = tenants.teams[team]
        _people(made, team, settings, platform.name, cluster)
        _identities(made, team, _reads(platform, settings), platform, cluster, storage)
        below = ResourceOptions(parent=made.namespace)
        Volumes(team, settings, storage=storage, region=platform.region, provider=cluster.kubernetes, opts=below)
    for source, database in platform.data_sources.items():
        if isinstance(database, RdsSource):
            # The database's own group: nodes come in by the cluster's, whichever pool made them.
            vpc.SecurityGroupIngressRule(
                f"{platform.name}-{source}",
                security_group_id=database.security_group,
                description=f"Ray jobs of {platform.name}",
                referenced_security_group_id=cluster.security_group_id,
                ip_protocol="tcp",
                from_port=database.port,
                to_port=database.port,
                opts=ResourceOptions(parent=tenants),
            )


def _gcs_port(platform: Platform, team: str) -> dict[str, int]:
    """The way to the Redis of the team's service, where it has one: like a database, it is in the VPC."""
    serve = platform.samples.serve
    return {"gcs": serve.gcs.port} if serve and serve.gcs and serve.tenant == team else {}


def _reads(platform: Platform, tenant: Tenant) -> dict[str, DataSource]:
    return {source: platform.data_sources[source] for source in tenant.reads}


def _ports(reads: Mapping[str, DataSource]) -> dict[str, int]:
    return {source: found.port for source, found in reads.items() if isinstance(found, RdsSource)}


def _people(made: Team, team: str, settings: Tenant, name: str, cluster: Cluster) -> None:
    for role, principals in settings.people.by_role().items():
        for principal in principals:
            eks.AccessEntry(
                f"{name}-{team}-{role}-{principal.rsplit('/', 1)[-1]}",
                cluster_name=cluster.made,
                principal_arn=principal,
                kubernetes_groups=[contract.group(team, role)],
                type="STANDARD",
                opts=ResourceOptions(parent=made, depends_on=[cluster.joinable]),
            )


def _identities(
    made: Team, team: str, reads: Mapping[str, DataSource], platform: Platform, cluster: Cluster, storage: Storage
) -> None:
    name, aws, namespace = platform.name, platform.aws, contract.namespace(team)
    buckets = {bucket: bucket_name(name, bucket, aws) for bucket in storage.buckets}
    sources = [statement for key, source in reads.items() for statement in iam_data.read(aws, key, source)]
    for account in contract.SERVICE_ACCOUNTS:
        policies = iam_tenant.policies(
            account, aws=aws, cluster=name, namespace=namespace, buckets=buckets, sources=sources
        )
        PodRole(
            f"{name}-{team}-{account}",
            aws=aws,
            cluster=cluster.name,
            made=cluster.made,
            namespace=namespace,
            service_account=account,
            policies={policy: json.dumps(document) for policy, document in policies.items()},
            after=[cluster.joinable],
            opts=ResourceOptions(parent=made),
        )
