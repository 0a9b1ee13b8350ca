"""Whether the names of a stack file still fit where they become parts of longer ones."""

import re
from collections.abc import Iterator

from infra import contract
from infra.config.cost import Cost
from infra.config.node_groups import NodeGroup
from infra.config.rules.base import Problem, rule
from infra.config.storage import Storage
from infra.config.tenants import Tenant

MOST_TAGS = 40
KEPT = {
    "sg-": "EC2's security groups",
    "sthree-": "S3's buckets",
    "amzn-s3-demo-": "S3's buckets",
    "pulumi-": "account/",
}
"""How no stack's name may begin, and whose names begin so."""
BILL = "bill"
"""The bucket of the bill's export, which `cost` makes."""


@rule
def tags_can_be_given(tags: dict[str, str]) -> Iterator[Problem]:
    """Source: AWS General Reference, "Tag naming limits"; the rest of the 50 tags are the resources' own."""
    if len(tags) > MOST_TAGS:
        yield Problem("tags", f"aws:defaultTags has {len(tags)}, and AWS takes 50 a resource", f"at most {MOST_TAGS}")
    for key, value in tags.items():
        fits = re.fullmatch(r"[\w\s.:/=+\-@]{1,128}", key) and re.fullmatch(r"[\w\s.:/=+\-@]{0,256}", value)
        if not fits or key.lower().startswith("aws:"):
            fix = "letters, digits, spaces and _.:/=+-@; 128 for the key, 256 for the value; not aws:…"
            yield Problem(f"tags.{key}", f"{key}={value} is no tag that AWS takes (aws:defaultTags)", fix)


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
    for start, whose in KEPT.items():
        if name.startswith(start):
            yield Problem("name", f"{start}… is kept for {whose}", "choose another name")
    longest = max(contract.SERVICE_ACCOUNTS, key=len)
    made = [
        ("name", f"{name}-mountpoint-s3-csi-driver", "IAM", 64),
        *((path, f"{name}-{bucket}-{account}-{region}", "S3", 63) for path, bucket in buckets.items()),
        *(
            ("storage.images", f"{name}-{cache}", "ECR", 30)
            for cache in (storage.images.pull_through if storage.images else ())
        ),
        *((f"node_groups.{group}", f"{name}-{group}", "EKS", 63) for group in node_groups),
        *((f"tenants.{team}", f"{name}-{team}-{longest}", "IAM", 64) for team in tenants),
    ]
    for path, physical, service, most in made:
        if len(physical) > most:
            message = f"{physical} has {len(physical)} characters, and {service} takes names of {most}"
            yield Problem(path, message, "shorten it, or `name`" if path != "name" else "shorten it")
