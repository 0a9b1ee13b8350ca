"""Whether the control plane is supported, protected and open to the right people."""

from collections.abc import Iterator
from itertools import combinations

from infra.config.cluster import Cluster
from infra.config.rules.base import Problem, rule
from infra.versions import KUBERNETES_REFUSED, KUBERNETES_SUPPORTED


@rule
def cluster_is_supported(cluster: Cluster, environment: str) -> Iterator[Problem]:
    if cluster.version not in KUBERNETES_SUPPORTED:
        yield Problem(
            "cluster.version",
            f"Kubernetes {cluster.version} is not supported: {KUBERNETES_REFUSED}",
            f"use one of {', '.join(KUBERNETES_SUPPORTED)}",
        )
    if environment in ("staging", "prod"):
        for index, cidr in enumerate(cluster.public_access_cidrs):
            if cidr.prefixlen == 0:
                yield Problem(
                    f"cluster.public_access_cidrs[{index}]",
                    f"{cidr} opens the API server of {environment} to the whole internet",
                    "name your VPN's and your CI's ranges, or none for a private endpoint",
                )
    if environment == "prod" and not cluster.deletion_protection:
        yield Problem("cluster.deletion_protection", "prod must be protected from deletion", "set it to true")


@rule
def access_entries_grant_something(cluster: Cluster) -> Iterator[Problem]:
    for name, access in cluster.access.items():
        if access.role is None and not access.groups:
            yield Problem(f"cluster.access.{name}", "grants nothing", "give it a role or groups")
        for group in access.groups:
            if group.startswith("system:"):
                yield Problem(f"cluster.access.{name}.groups", f"EKS refuses the group {group}", "use role: admin")
    for (one, first), (two, second) in combinations(cluster.access.items(), 2):
        if first.principal == second.principal:
            yield Problem(
                f"cluster.access.{two}.principal",
                f"{second.principal} already has the entry {one}",
                "EKS allows one entry a principal; merge them",
            )
