"""The architecture on AWS, top to bottom: what is made, from what, and what waits for what."""

from functools import partial

import pulumi

from infra import logs, observability_aws, storage_classes, tenancy_aws
from infra.accelerators import Accelerators
from infra.addons import Addons
from infra.autoscaling import Karpenter, Pools
from infra.boundary import bound
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.config import Platform
from infra.cost import Cost
from infra.headroom import Headroom
from infra.hybrid import HybridNodes
from infra.isolation import AGENTS
from infra.keys import DataKey
from infra.launches import Deployed, launches
from infra.namespaces import platform_namespace
from infra.network import Network
from infra.observability import Observability
from infra.placement import Placement
from infra.queueing import flavours
from infra.queues import Queues
from infra.ray import KubeRay
from infra.storage import Storage
from infra.tenancy import Tenants


def deploy(platform: Platform) -> None:
    """The whole stack: a network, an EKS cluster in it, machines that come when they are asked for, and Ray on top."""
    name, aws = platform.name, platform.aws
    if platform.permissions_boundary:
        bound(platform.permissions_boundary, aws=aws)

    key = DataKey(name, keep=platform.storage.keeps, bill=bool(platform.cost and platform.cost.export), aws=aws)
    network = Network(name, platform.network, key=key, aws=aws)
    storage = Storage(name, platform.storage, network=network, key=key, aws=aws)
    cluster = Cluster(name, platform.cluster, network=network, nodes=platform.nodes, key=key, aws=aws)
    placement = Placement(name, platform.placement_groups, reservations=platform.reservations)
    node_groups = NodeGroups(
        name, platform.node_groups, cluster=cluster, network=network, placement=placement, tags=platform.tags, aws=aws
    )
    addons = Addons(name, cluster=cluster, node_groups=node_groups, storage=storage, aws=aws)
    karpenter = Karpenter(name, cluster=cluster, node_groups=node_groups, aws=aws)
    pools = Pools(
        name,
        platform.pools,
        cluster=cluster,
        karpenter=karpenter,
        network=network,
        placement=placement,
        tags=platform.tags,
    )
    hybrid = None
    if platform.cluster.hybrid:
        hybrid = HybridNodes(name, platform.cluster.hybrid, cluster=cluster, aws=aws)
    agents = platform_namespace(AGENTS, kubernetes=cluster.kubernetes)
    Accelerators(name, platform.node_groups, platform.pools, cluster=cluster, agents=agents)
    if platform.warm:
        Headroom(name, platform, cluster=cluster, pools=pools)
    shipped = platform.observability.logs if platform.observability else None
    kuberay = KubeRay(
        name,
        platform.ray,
        kubernetes=cluster.kubernetes,
        nodes=node_groups.running,
        env=logs.events(tasks=shipped.tasks) if shipped else None,
    )
    # The drivers outlive the tenants: a claim's disk or file system is theirs to delete.
    after = [pools, kuberay, addons, node_groups.dns]
    if platform.queues:
        queues = Queues(
            name,
            platform.queues,
            tenants=platform.tenants,
            flavours=flavours(platform.pools, platform.node_groups, platform.cluster.hybrid),
            kubernetes=cluster.kubernetes,
            kuberay=kuberay,
            nodes=node_groups.running,
            pools=[pools],
        )
        after.append(queues)
    if platform.observability:
        seen = platform.observability
        to = observability_aws.destinations(platform, seen)
        if to.logs:
            pulumi.export("logs", {"prefix": name, **to.logs})
        Observability(
            name,
            seen,
            watched=observability_aws.watched(platform),
            to=to,
            kubernetes=cluster.kubernetes,
            agents=agents,
            after=[addons],
            identities=partial(observability_aws.identities, platform=platform, settings=seen, cluster=cluster),
        )
    tenants = Tenants(
        name,
        platform.tenants,
        kubernetes=cluster.kubernetes,
        walls=tenancy_aws.walls(platform),
        queues=platform.queues,
        gpu_parts=node_groups.gpu_parts,
        volumes={team: storage_classes.hard(tenant, platform.storage) for team, tenant in platform.tenants.items()},
        after=after,
    )
    storage_classes.classes(
        name, platform.storage, storage=storage, cluster=cluster, key=key, tags=platform.tags, parent=tenants
    )
    tenancy_aws.tie(tenants, platform, cluster=cluster, storage=storage)
    launched = launches(platform)
    Deployed(name, launched, kubernetes=cluster.kubernetes, tenants=tenants)
    if platform.cost:
        Cost(name, platform.cost, environment=platform.environment, key=key, aws=aws)

    pulumi.export("cluster", name)
    pulumi.export("region", platform.region)
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("endpoint", cluster.endpoint)
    pulumi.export("buckets", storage.buckets)
    pulumi.export("namespaces", tenants.namespaces)
    pulumi.export("pools", {key: pool.kind for key, pool in platform.pools.items()})
    pulumi.export("workloads", launched)
    if hybrid:
        pulumi.export("hybrid_node_config", hybrid.node_config)
