"""Whether a job that waits in a queue can ever leave it."""

from collections.abc import Iterator, Mapping

from infra import queueing
from infra import samples as shipped
from infra.config.cluster import Cluster
from infra.config.node_groups import NodeGroup
from infra.config.pools import Pool
from infra.config.queueing import Queueing
from infra.config.rules.base import Problem, rule
from infra.config.samples import Samples
from infra.config.tenants import Team


@rule
def queues_hold_the_samples(
    queues: Queueing | None,
    tenants: Mapping[str, Team],
    pools: dict[str, Pool],
    node_groups: dict[str, NodeGroup],
    cluster: Cluster,
    samples: Samples,
) -> Iterator[Problem]:
    if queues:
        yield from never_admitted(queues, tenants, queueing.flavours(pools, node_groups, cluster.hybrid), samples)


def never_admitted(
    queues: Queueing, tenants: Mapping[str, Team], found: "list[queueing.Flavour]", samples: Samples
) -> Iterator[Problem]:
    """The samples whose team's queue never has all that they ask for at once."""
    for name, spec in shipped.specs(samples, shipped.ANY_NAMES).items():
        team = getattr(samples, name).tenant
        if team not in tenants or not queueing.takes(spec):
            continue
        for lack in queueing.shortfalls(shipped.manifest(spec), team, tenants, found, queues):
            more = f"raise tenants.{team}.quota, queues.borrow or the limits of the {lack.pool} pools"
            fix = f"{more}, or ask for fewer machines" if lack.most else f"add a {lack.pool} pool that has it"
            yield Problem(f"samples.{name}", str(lack), fix)


@rule
def queues_can_promise_something(queues: Queueing | None, tenants: Mapping[str, Team]) -> Iterator[Problem]:
    if queues is None:
        return
    if queues.start_timeout == "Never":
        fix = "say how long a job may hold its place, such as 30m"
        yield Problem("queues.start_timeout", "a job that cannot start would hold its quota for ever", fix)
    for team, tenant in tenants.items():
        if queueing.promised(tenant.quota)["memory"] == 0:
            yield Problem(f"tenants.{team}.quota.memory", f"{tenant.quota.memory} is less than 1Gi", "queues count GiB")
