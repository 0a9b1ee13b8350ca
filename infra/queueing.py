"""Kueue's objects as pure functions: pools become flavours, tenants' quotas become queues. Field names are v1beta2's.

A tenant has one quota over all pools and Kueue has one for each flavour, so a tenant's quota of a flavour is its share
of the pool's limits, and never more than its whole quota: what all tenants were promised of a pool is never more than
the pool can launch. What no tenant was promised belongs to the cohort, which lends it. The sum over flavours is bounded
by the namespace's ResourceQuota.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import yaml

from infra import contract, fleet, gpus
from infra.allocatable import quantity
from infra.config.cluster import Hybrid
from infra.config.node_groups import NodeGroup
from infra.config.pools import Pool
from infra.config.queueing import Queueing
from infra.config.tenants import Quota, Team
from infra.pods import pods
from workloads.spec import Job, Service

Object = dict[str, Any]
Amounts = dict[str, int]
"""Resource → whole vCPUs, GiB of memory, devices."""

API = "kueue.x-k8s.io/v1beta2"
GIB = 2**30
RESOURCES = ("cpu", "memory", contract.GPU_RESOURCE)
UNCOUNTED = ("vpc.amazonaws.com/", "hugepages-", "ephemeral-storage")
"""Resources that come with a machine that is counted already."""


@dataclass(frozen=True)
class Flavour:
    """The machines of one kind of pool, and the most of each resource that there may be of them."""

    pool: contract.Pool
    limits: Amounts
    """The same resources in every flavour of a stack, in the same order: Kueue wants them so."""
    labels: Mapping[str, str] | None = None
    """Where the machines have others than the contract's, and `taints` beside them."""
    taints: tuple[contract.Taint, ...] | None = None

    def spec(self) -> Object:
        """The spec of its ResourceFlavor: Kueue lets a pod in that selects the label and tolerates the taints."""
        labels = self.pool.labels() if self.labels is None else dict(self.labels)
        taints = [taint.manifest() for taint in (self.pool.taints if self.taints is None else self.taints)]
        return ({"nodeLabels": labels} if labels else {}) | ({"nodeTaints": taints} if taints else {})


def flavours(
    pools: Mapping[str, Pool], groups: Mapping[str, NodeGroup] | None = None, hybrid: Hybrid | None = None
) -> list[Flavour]:
    """The flavours of a stack's pools, of the managed groups that hand their GPUs out in parts, and of hybrid nodes."""
    groups = groups or {}
    parts = gpus.parts(groups.values())
    found: dict[str, Flavour] = {
        kind: Flavour(contract.POOLS[kind], empty(parts)) for kind in dict.fromkeys(p.kind for p in pools.values())
    }
    for pool in pools.values():
        limits, gpu = found[pool.kind].limits, contract.POOLS[pool.kind].gpu
        more = {"cpu": pool.limits.cpu, "memory": pool.limits.memory_gib}
        for resource, amount in (more | ({contract.GPU_RESOURCE: pool.limits.gpus} if gpu else {})).items():
            limits[resource] += amount
    if parts:
        found[contract.RAY_GPU_SHARED.name] = Flavour(contract.RAY_GPU_SHARED, _in_parts(groups, parts))
    if hybrid:
        held = {"cpu": hybrid.nodes * hybrid.cpu, "memory": hybrid.nodes * hybrid.memory_gib}
        found[contract.RAY_HYBRID.name] = Flavour(contract.RAY_HYBRID, empty(parts) | held)
    return ordered(found.values())


def empty(parts: Sequence[str] = ()) -> Amounts:
    """Nothing of every resource that queues count: `parts` are those that are parts of a GPU."""
    return dict.fromkeys((*RESOURCES, *parts), 0)


def ordered(found: Iterable[Flavour]) -> list[Flavour]:
    """GPUs first: Kueue explains a waiting job by the flavours it tried last."""
    places = list(contract.POOLS)
    return sorted(found, key=lambda flavour: (not flavour.pool.gpu, places.index(flavour.pool.name)))


def _in_parts(groups: Mapping[str, NodeGroup], parts: Sequence[str]) -> Amounts:
    """What the groups that share their GPUs hold at their largest, each node as its smallest type."""
    held = empty(parts)
    for name, group in groups.items():
        if gpus.shared(group):
            machines = fleet.group_supply(name, group, zones=("any",)).machines
            for resource, unit in (("cpu", 1000), ("memory", GIB), (gpus.resource(group), 1)):
                held[resource] += group.max * min((machine.free[resource] for machine in machines), default=0) // unit
    return held


def promised(quota: Quota, parts: Sequence[str] = ()) -> Amounts:
    """A tenant's quota in whole vCPUs, GiB and GPUs, and in `parts` of them."""
    whole = {"cpu": quota.cpu, "memory": int(quantity(quota.memory) // GIB), contract.GPU_RESOURCE: quota.gpus}
    return whole | dict.fromkeys(parts, quota.gpu_parts)


def ceiling(amount: int, settings: Queueing | None) -> int:
    """The most that a tenant with a quota of `amount` may hold, with what it borrows."""
    return math.floor(amount * (1 + settings.borrow)) if settings else amount


def nominal(flavour: Flavour, team: str, tenants: Mapping[str, Team]) -> Amounts:
    """What a team is promised of a flavour: its share of the limits, at most its quota."""
    found, parts = {}, _parts(flavour)
    for resource in flavour.limits:
        mine = promised(tenants[team].quota, parts)[resource]
        all_of_it = sum(promised(tenant.quota, parts)[resource] for tenant in tenants.values())
        share = Fraction(mine, all_of_it) if all_of_it else Fraction(0)
        found[resource] = min(mine, math.floor(flavour.limits[resource] * share))
    return found


def reachable(flavour: Flavour, team: str, tenants: Mapping[str, Team], settings: Queueing) -> Amounts:
    """The most that a team may ever hold of a flavour, with what it borrows."""
    mine = promised(tenants[team].quota, _parts(flavour))
    return {resource: min(most, ceiling(mine[resource], settings)) for resource, most in flavour.limits.items()}


def _parts(flavour: Flavour) -> tuple[str, ...]:
    return tuple(resource for resource in flavour.limits if resource not in RESOURCES)


def cluster_queue(team: str, tenants: Mapping[str, Team], found: list[Flavour], settings: Queueing) -> Object:
    """The spec of a tenant's ClusterQueue."""
    groups = []
    for flavour in found:
        promise, most = nominal(flavour, team, tenants), reachable(flavour, team, tenants, settings)
        resources = [
            {
                "name": resource,
                "nominalQuota": _quantity(resource, promise[resource]),
                "borrowingLimit": _quantity(resource, most[resource] - promise[resource]),
            }
            for resource in flavour.limits
        ]
        groups.append({"name": flavour.pool.name, "resources": resources})
    spec = {
        "cohortName": settings.cohort,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": contract.namespace(team)}},
        "queueingStrategy": "BestEffortFIFO",
        "resourceGroups": _groups(found, groups),
        "preemption": preemption(settings),
    }
    return spec | ({"fairSharing": {"weight": f"{tenants[team].share:g}"}} if settings.fair_sharing else {})


def cohort(tenants: Mapping[str, Team], found: list[Flavour], settings: Queueing) -> Object:
    """The spec of the Cohort, which holds what no tenant was promised, to be borrowed."""
    groups = []
    for flavour in found:
        promises = [nominal(flavour, team, tenants) for team in tenants]
        left = {name: most - sum(promise[name] for promise in promises) for name, most in flavour.limits.items()}
        resources = [{"name": name, "nominalQuota": _quantity(name, amount)} for name, amount in left.items()]
        groups.append({"name": flavour.pool.name, "resources": resources})
    return {"resourceGroups": _groups(found, groups)}


def _groups(found: Sequence[Flavour], groups: list[Object]) -> list[Object]:
    """One group of all resources over all flavours."""
    return [{"coveredResources": list(found[0].limits), "flavors": groups}] if found else []


def preemption(settings: Queueing) -> Object:
    """Whose jobs give way: lower ones of the same team, and borrowers when the owner asks for what is its own."""
    rules: Object = {"withinClusterQueue": "LowerPriority", "reclaimWithinCohort": "Any"}
    if not settings.fair_sharing:
        # Fair sharing decides this by shares. Without it, a job above its own quota would never preempt.
        rules["borrowWithinCohort"] = {"policy": "LowerPriority"}
    return rules


def configuration(settings: Queueing) -> Object:
    """Kueue's own configuration file."""
    found: Object = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443", "enableClusterQueueResources": True},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "clientConnection": {"qps": 50, "burst": 100},
        # Notebooks, services and clusters that scale themselves run beside the queues, within the ResourceQuota.
        "manageJobsWithoutQueueName": False,
        "integrations": {"frameworks": ["batch/job", "ray.io/rayjob", "ray.io/raycluster"]},
        "waitForPodsReady": {
            "timeout": settings.start_timeout,
            "blockAdmission": False,
            "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 60, "backoffMaxSeconds": 1800},
        },
        "resources": {"excludeResourcePrefixes": list(UNCOUNTED)},
        "objectRetentionPolicies": {"workloads": {"afterFinished": "168h"}},
    }
    if settings.fair_sharing:
        found["fairSharing"] = {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]}
    return found


def chart_values(settings: Queueing) -> Object:
    """The chart's values: on the system nodes, two of which one works, with the configuration above."""
    return {
        # Its ServiceMonitor and the right to read its metrics come with the observability of the stack.
        "enablePrometheus": False,
        "controllerManager": {
            "replicas": 2,
            "manager": {
                "priorityClassName": "system-cluster-critical",
                "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
            },
            "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
            "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        },
        "managerConfig": {
            "controllerManagerConfigYaml": yaml.safe_dump(configuration(settings), sort_keys=False),
        },
    }


def takes(spec: Job | Service) -> bool:
    """Whether Kueue takes a workload: its webhook refuses clusters that scale themselves, and knows no services."""
    return isinstance(spec, Job) and not spec.cluster.autoscaling


def queued(spec: Job | Service) -> Job | Service:
    """A workload with the label of its team's queue, where Kueue takes it."""
    if not takes(spec):
        return spec
    return spec.model_copy(update={"owner": spec.owner.model_copy(update={"queue": contract.QUEUE})})


@dataclass(frozen=True)
class Shortfall:
    """What a job asks for and its team's queue can never give: it would wait for ever."""

    pool: str
    resource: str
    asked: int
    most: int

    def __str__(self) -> str:
        if not self.most:
            return f"asks for {self.asked} {self.resource} of {self.pool}, of which the queue has none"
        return f"asks for {self.asked} {self.resource} of {self.pool} at once, and the queue never has over {self.most}"


def shortfalls(
    manifest: Mapping[str, Any],
    team: str,
    tenants: Mapping[str, Team],
    found: list[Flavour],
    settings: Queueing,
) -> Iterator[Shortfall]:
    """What keeps a job, all of its pods at once, from ever being admitted."""
    by_name = {flavour.pool.name: flavour for flavour in found}
    asked: dict[tuple[str, str], int] = {}
    for pod in pods(manifest):
        pool = pod.selector.get(contract.POOL_LABEL, "no pool")
        for resource, amount in pod.requests.items():
            if not resource.startswith(UNCOUNTED):
                asked[pool, resource] = asked.get((pool, resource), 0) + amount * pod.count
    for (pool, resource), amount in asked.items():
        unit = {"cpu": 1000, "memory": GIB}.get(resource, 1)
        flavour = by_name.get(pool)
        most = reachable(flavour, team, tenants, settings).get(resource, 0) if flavour else 0
        if amount > most * unit:
            yield Shortfall(pool, resource, math.ceil(amount / unit), most)


def _quantity(resource: str, amount: int) -> str:
    return f"{amount}Gi" if resource == "memory" else str(amount)
