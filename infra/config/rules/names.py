"""Whether the names of a stack file still fit where they become parts of longer ones."""

from collections.abc import Iterator

from infra import contract
from infra.config.cost import Cost
from infra.config.node_groups import NodeGroup
from infra.config.rules.base import Problem, rule
from infra.config.storage import Storage
from infra.config.tenants import Tenant

BILL = "bill"
"""The bucket of the bill's export, which `cost` makes."""


@rule
def names_fit(
    name: str,
    region: str,
    account: str,
    storage: Storage,
    cost: Cost | None,
    node_groups: dict[str, NodeGroup],
    tenants: dict[str, Tenant],
) -> Iterator[Problem]:
    buckets = {f"storage.buckets.{bucket}": bucket for bucket in storage.buckets}
    if cost and cost.export:
        buckets["cost.export"] = BILL
        if BILL in storage.buckets:
            yield Problem(f"storage.buckets.{BILL}", "is the bucket that cost.export makes", "give it another name")
    longest = max(contract.SERVICE_ACCOUNTS, key=len)
    made = [
        ("name", f"{name}-mountpoint-s3-csi-driver", "IAM", 64),
        *((path, f"{name}-{bucket}-{account}-{region}", "S3", 63) for path, bucket in buckets.items()),
        *((f"node_groups.{group}", f"{name}-{group}", "EKS", 63) for group in node_groups),
        *((f"tenants.{team}", f"{name}-{team}-{longest}", "IAM", 64) for team in tenants),
    ]
    for path, physical, service, most in made:
        if len(physical) > most:
            message = f"{physical} has {len(physical)} characters, and {service} takes names of {most}"
            yield Problem(path, message, "shorten it, or `name`" if path != "name" else "shorten it")
