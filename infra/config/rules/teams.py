"""Whether storage, data and money name what is there."""

from collections.abc import Iterator

from infra import lustre
from infra.config.cluster import Cluster
from infra.config.cost import Cost
from infra.config.data import DataSource
from infra.config.network import AnyNetwork
from infra.config.rules.base import Problem, rule
from infra.config.rules.machines import unknown_zone
from infra.config.storage import Storage
from infra.config.tenants import Tenant


@rule
def scratch_can_be_made(network: AnyNetwork, storage: Storage) -> Iterator[Problem]:
    scratch = storage.scratch
    if scratch is None:
        return
    refused = lustre.size_problem(scratch.size_gib, scratch.throughput, efa=scratch.efa)
    if refused:
        fits = lustre.next_size(scratch.size_gib, scratch.throughput, efa=scratch.efa)
        yield Problem("storage.scratch.size_gib", f"{scratch.size_gib}: {refused}", f"the next is {fits}")
    if scratch.zone not in network.zones:
        yield unknown_zone("storage.scratch.zone", scratch.zone, network)
    for index, link in enumerate(scratch.links):
        if link.bucket not in storage.buckets:
            yield Problem(
                f"storage.scratch.links[{index}].bucket",
                f"no bucket {link.bucket}",
                f"there are {', '.join(storage.buckets)}",
            )


@rule
def tenants_read_what_is_there(tenants: dict[str, Tenant], data_sources: dict[str, DataSource]) -> Iterator[Problem]:
    for team, tenant in tenants.items():
        for index, source in enumerate(tenant.reads):
            if source not in data_sources:
                known = ", ".join(data_sources) or "none"
                yield Problem(f"tenants.{team}.reads[{index}]", f"no data source {source}", f"there are {known}")


@rule
def a_principal_has_one_entry(cluster: Cluster, tenants: dict[str, Tenant]) -> Iterator[Problem]:
    taken = {access.principal: f"cluster.access.{name}" for name, access in cluster.access.items()}
    for team, tenant in tenants.items():
        for role, principals in tenant.people.by_role().items():
            for index, principal in enumerate(principals):
                path = f"tenants.{team}.people.{role}s[{index}]"
                if principal in taken:
                    yield Problem(path, f"{principal} already has the entry {taken[principal]}", "EKS allows one")
                taken.setdefault(principal, path)


@rule
def scratch_is_there_for_whom_it_is_promised(storage: Storage, tenants: dict[str, Tenant]) -> Iterator[Problem]:
    for team, tenant in tenants.items():
        if tenant.scratch and storage.scratch is None:
            yield Problem(f"tenants.{team}.scratch", "the stack has no scratch file system", "add storage.scratch")


@rule
def costs_name_what_is_there(cost: Cost | None, tenants: dict[str, Tenant]) -> Iterator[Problem]:
    for name, budget in cost.budgets.items() if cost else ():
        if budget.team and budget.team not in tenants:
            known = ", ".join(tenants) or "none"
            yield Problem(f"cost.budgets.{name}.team", f"no tenant {budget.team}", f"there are {known}")
