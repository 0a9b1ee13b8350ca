"""The rules of a stack on a Kubernetes that is there already: those of every stack, and what its nodes can hold."""

from collections.abc import Iterator

from infra import allocatable, portable
from infra.config.portable import NodePool, ObjectStorage, PortableTeam
from infra.config.portable_observability import PortableObservability
from infra.config.queueing import Queueing
from infra.config.rules.base import Problem, Rule
from infra.config.rules.observability import logs_have_a_bucket, spending_is_sampled, traces_have_a_collector
from infra.config.rules.policies import exceptions_are_of_a_policy
from infra.config.rules.pools import heads_have_a_pool
from infra.config.rules.queueing import never_admitted, queues_can_promise_something
from infra.config.rules.samples import (
    a_pipeline_has_what_it_repeats,
    samples_have_their_machines,
    samples_name_what_is_there,
)
from infra.config.samples import Samples
from infra.contract import GPU_RESOURCE, POOL_LABEL, POOLS
from infra.fleet import sample_pods
from infra.schedulability import spelt


def pools_are_of_different_kinds(pools: dict[str, NodePool]) -> Iterator[Problem]:
    """A pod asks for a kind: of two pools it could name only one."""
    seen: dict[str, str] = {}
    for name, pool in pools.items():
        other = seen.setdefault(pool.kind, name)
        if other != name:
            fix = "make one pool of them: labels that all these nodes have, each as the smallest of them"
            yield Problem(f"pools.{name}.kind", f"pools.{other} is of kind {pool.kind} already", fix)


def pools_let_their_pods_in(pools: dict[str, NodePool]) -> Iterator[Problem]:
    """GPU nodes without a label of their own would be filled by pods that need no GPU."""
    for name, pool in pools.items():
        if POOLS[pool.kind].gpu and not pool.selector:
            fix = "name a label that only GPU nodes have, such as nvidia.com/gpu.present: 'true'"
            yield Problem(f"pools.{name}.labels", "every node would be a GPU node", fix)


def nodes_hold_the_quotas(pools: dict[str, NodePool], tenants: dict[str, PortableTeam]) -> Iterator[Problem]:
    held = {
        "cpu": sum(pool.limits.cpu for pool in pools.values()) * 1000,
        "memory": sum(pool.limits.memory_gib for pool in pools.values()) * allocatable.GIB,
        GPU_RESOURCE: sum(pool.limits.gpus for pool in pools.values()),
    }
    for team, tenant in tenants.items():
        quota = tenant.quota
        asked = allocatable.amounts({"cpu": quota.cpu, "memory": quota.memory, GPU_RESOURCE: quota.gpus})
        for resource, key in (("cpu", "cpu"), ("memory", "memory"), (GPU_RESOURCE, "gpus")):
            if asked[resource] > held[resource]:
                message = f"{spelt(resource, asked[resource])} is more than all pools hold: "
                fix = "lower the quota, or count the nodes again"
                yield Problem(f"tenants.{team}.quota.{key}", message + spelt(resource, held[resource]), fix)


def samples_fit_their_nodes(pools: dict[str, NodePool], samples: Samples) -> Iterator[Problem]:
    by_kind = {pool.kind: pool for pool in pools.values()}
    for name, found in sample_pods(samples).items():
        for pod in found:
            pool = by_kind.get(pod.selector.get(POOL_LABEL, ""))  # samples_have_their_machines says where there is none
            lack = portable.lacking(pod, pool) if pool else None
            if lack:
                yield Problem(f"samples.{name}", f"its {pod.name} stays Pending: of {pod.selector[POOL_LABEL]} {lack}")


def samples_choose_no_machines(samples: Samples) -> Iterator[Problem]:
    for name in sample_pods(samples):
        if getattr(samples, name).optimise:
            yield Problem(f"samples.{name}.optimise", "the nodes are there: there is nothing to choose", "leave it out")


def gpus_have_a_price(observability: PortableObservability | None, pools: dict[str, NodePool]) -> Iterator[Problem]:
    """Without one a GPU would look free, and a job that holds eight of them the cheapest."""
    costs = observability.costs if observability else None
    whole = [name for name, pool in pools.items() if pool.limits.gpus]
    if costs and costs.prices.gpu is None and whole:
        message = f"pools.{whole[0]} has GPUs, which would cost nothing"
        yield Problem("observability.costs.prices.gpu", message, "say what an hour of one costs; 0 is a price")


def queues_hold_the_samples(
    queues: Queueing | None, tenants: dict[str, PortableTeam], pools: dict[str, NodePool], samples: Samples
) -> Iterator[Problem]:
    if queues:
        yield from never_admitted(queues, tenants, portable.flavours(pools), samples)


def object_storage_is_encrypted(storage: ObjectStorage, environment: str) -> Iterator[Problem]:
    if environment in ("staging", "prod") and (storage.endpoint or "").startswith("http://"):
        yield Problem("storage.endpoint", f"{storage.endpoint} sends keys' signatures and data in clear", "use https")


PORTABLE_RULES: tuple[Rule, ...] = (
    heads_have_a_pool,
    pools_are_of_different_kinds,
    pools_let_their_pods_in,
    nodes_hold_the_quotas,
    samples_name_what_is_there,
    samples_have_their_machines,
    samples_fit_their_nodes,
    samples_choose_no_machines,
    logs_have_a_bucket,
    traces_have_a_collector,
    spending_is_sampled,
    gpus_have_a_price,
    a_pipeline_has_what_it_repeats,
    queues_can_promise_something,
    queues_hold_the_samples,
    object_storage_is_encrypted,
    exceptions_are_of_a_policy,
)
