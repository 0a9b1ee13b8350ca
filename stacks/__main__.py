"""The whole architecture, top to bottom: what is made, from what, and what waits for what."""

import pulumi

from infra.accelerators import Accelerators
from infra.addons import Addons
from infra.autoscaling import Karpenter, Pools
from infra.boundary import bound
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.config import load
from infra.cost import Cost
from infra.headroom import Headroom
from infra.keys import DataKey
from infra.launches import Deployed, launches
from infra.namespaces import platform_namespace
from infra.network import Network
from infra.observability import Observability
from infra.placement import Placement
from infra.queues import Queues
from infra.ray import KubeRay
from infra.storage import Storage
from infra.tenancy import Tenants

platform = load()
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
    name, platform.pools, cluster=cluster, karpenter=karpenter, network=network, placement=placement, tags=platform.tags
)
agents = platform_namespace("node-agents", cluster=cluster)
Accelerators(name, platform.node_groups, platform.pools, cluster=cluster, agents=agents)
if platform.warm:
    Headroom(name, platform, cluster=cluster, pools=pools)
kuberay = KubeRay(name, platform.ray, cluster=cluster, node_groups=node_groups)
queues = None
if platform.queues:
    queues = Queues(
        name, platform, platform.queues, cluster=cluster, node_groups=node_groups, pools=pools, kuberay=kuberay
    )
if platform.observability:
    Observability(name, platform, platform.observability, cluster=cluster, agents=agents, after=[addons])
tenants = Tenants(
    name,
    platform.tenants,
    cluster=cluster,
    network=network,
    storage=storage,
    pools=pools,
    kuberay=kuberay,
    queues=queues,
    node_groups=node_groups,
    data_sources=platform.data_sources,
    aws=aws,
)
Deployed(name, platform, cluster=cluster, tenants=tenants)
if platform.cost:
    Cost(name, platform.cost, environment=platform.environment, key=key, aws=aws)

pulumi.export("cluster", name)
pulumi.export("region", platform.region)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("endpoint", cluster.endpoint)
pulumi.export("buckets", storage.buckets)
pulumi.export("namespaces", tenants.namespaces)
pulumi.export("pools", {key: pool.kind for key, pool in platform.pools.items()})
pulumi.export("workloads", launches(platform))
