"""Whether storage, data and money name what is there."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from infra import contract, lustre
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
        inside = [other.path for other in scratch.links[:index] if _within(link.path, other.path)]
        if inside:
            message = f"{link.path} overlaps {inside[0]}, and FSx links a folder to one bucket"
            yield Problem(f"storage.scratch.links[{index}].path", message, "a folder for each")
        if link.bucket not in storage.buckets:
            yield Problem(
                f"storage.scratch.links[{index}].bucket",
                f"no bucket {link.bucket}",
                f"there are {', '.join(storage.buckets)}",
            )


def _within(one: str, two: str) -> bool:
    """Whether a folder is another, or lies in it, or the other way about."""
    first, second = (PurePosixPath(path) for path in (one, two))
    return first.is_relative_to(second) or second.is_relative_to(first)


@rule
def scratch_claims_can_be_met(network: AnyNetwork, storage: Storage) -> Iterator[Problem]:
    claims = storage.scratch_claims
    if claims is None:
        return
    if claims.zone not in network.zones:
        yield unknown_zone("storage.scratch_claims.zone", claims.zone, network)
    path = "storage.scratch_claims.throughput"
    if claims.deployment == "SCRATCH_2" and claims.throughput:
        yield Problem(path, "a SCRATCH_2 always has 200 MB/s per TiB", "leave it out, or set deployment: PERSISTENT_2")
    if claims.deployment == "PERSISTENT_2" and claims.throughput is None:
        yield Problem(path, "is missing, and FSx asks it of a PERSISTENT_2", "125, 250, 500 or 1000")


@rule
def the_driver_can_pass_the_tags_on(tags: dict[str, str], storage: Storage) -> Iterator[Problem]:
    """Source: aws-fsx-csi-driver 1.9, `extraTags`: tags are parted by commas, a key from its value by `=`."""
    for key in contract.BILL_TAGS if storage.scratch_claims else ():
        value = tags.get(key, "")
        if set(value) & {",", "="}:
            message = f"{key}={value} cannot be put on file systems that claims make (aws:defaultTags)"
            yield Problem(f"tags.{key}", message, "leave out commas and equal signs")


@rule
def scratch_claims_are_granted_in_sizes_that_are_sold(
    storage: Storage, tenants: dict[str, Tenant]
) -> Iterator[Problem]:
    for team, tenant in tenants.items():
        path, granted = f"tenants.{team}.scratch_claims_gib", tenant.scratch_claims_gib
        if granted and storage.scratch_claims is None:
            yield Problem(path, "the stack has no class of Lustre file systems", "add storage.scratch_claims")
        elif granted % lustre.SMALLEST_GIB:
            fits = -(-granted // lustre.SMALLEST_GIB) * lustre.SMALLEST_GIB
            yield Problem(path, f"{granted}: FSx for Lustre comes in steps of 1200 GiB", f"the next is {fits}")


@rule
def objects_are_moved_before_they_expire(storage: Storage, cost: Cost | None) -> Iterator[Problem]:
    buckets = {f"storage.buckets.{name}": bucket for name, bucket in storage.buckets.items()}
    buckets |= {"cost.export": cost.export} if cost and cost.export else {}
    for path, bucket in buckets.items():
        if bucket.tier_days is not None and bucket.expire_days is not None and bucket.tier_days >= bucket.expire_days:
            message = f"{bucket.tier_days} is not before expire_days {bucket.expire_days}, and S3 refuses that"
            yield Problem(f"{path}.tier_days", message, "move them earlier, or leave it out")


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
