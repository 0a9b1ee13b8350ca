"""Whether a job that waits in a queue can ever leave it."""

from collections.abc import Iterator

from infra import queueing
from infra.config.pools import Pool
from infra.config.queueing import Queueing
from infra.config.rules.base import Problem, rule
from infra.config.rules.samples import ANY_NAMES
from infra.config.samples import Samples
from infra.config.tenants import Tenant
from infra.samples import manifest, specs


@rule
def queues_hold_the_samples(
    queues: Queueing | None, tenants: dict[str, Tenant], pools: dict[str, Pool], samples: Samples
) -> Iterator[Problem]:
    if queues is None:
        return
    found = queueing.flavours(pools)
    for name, spec in specs(samples, ANY_NAMES).items():
        team = getattr(samples, name).tenant
        if team not in tenants or not queueing.takes(spec):
            continue
        for lack in queueing.shortfalls(manifest(spec), team, tenants, found, queues):
            more = f"raise tenants.{team}.quota, queues.borrow or the limits of the {lack.pool} pools"
            fix = f"{more}, or ask for fewer machines" if lack.most else f"add a {lack.pool} pool that has it"
            yield Problem(f"samples.{name}", str(lack), fix)


@rule
def queues_can_promise_something(queues: Queueing | None, tenants: dict[str, Tenant]) -> Iterator[Problem]:
    if queues is None:
        return
    if queues.start_timeout == "Never":
        fix = "say how long a job may hold its place, such as 30m"
        yield Problem("queues.start_timeout", "a job that cannot start would hold its quota for ever", fix)
    for team, tenant in tenants.items():
        if queueing.promised(tenant.quota)["memory"] == 0:
            yield Problem(f"tenants.{team}.quota.memory", f"{tenant.quota.memory} is less than 1Gi", "queues count GiB")
