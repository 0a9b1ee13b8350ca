"""Whether the control plane is supported, protected and open to the right people."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations

from infra.config.cluster import Cluster
from infra.config.rules.base import Problem, rule
from infra.versions import KUBERNETES_REFUSED, KUBERNETES_SUPPORTED

PRIVATE = tuple(IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
RESERVED = (*PRIVATE, *(IPv4Network(cidr) for cidr in ("100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")))
"""Ranges that no caller of a public endpoint comes from; EKS refuses them there."""
KEPT_GROUPS = ("system:", "eks:", "aws:", "amazon:", "iam:")
"""How no Kubernetes group of an access entry may begin. Source: EKS API reference, "CreateAccessEntry"."""


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
    for index, cidr in enumerate(cluster.public_access_cidrs):
        if any(cidr.subnet_of(reserved) for reserved in RESERVED):
            fix = "name the public addresses that callers leave by; from inside the VPC the endpoint is private anyway"
            yield Problem(f"cluster.public_access_cidrs[{index}]", f"{cidr} is not of the internet", fix)
    if not any(cluster.service_cidr.subnet_of(private) for private in PRIVATE):
        yield Problem("cluster.service_cidr", f"{cluster.service_cidr} is not private", "such as 172.20.0.0/16")
    if not 12 <= cluster.service_cidr.prefixlen <= 24:
        yield Problem(
            "cluster.service_cidr", f"{cluster.service_cidr} has not the size that EKS takes", "a /12 to a /24"
        )
    if environment == "prod" and not cluster.deletion_protection:
        yield Problem("cluster.deletion_protection", "prod must be protected from deletion", "set it to true")


@rule
def somebody_administers_the_cluster(cluster: Cluster) -> Iterator[Problem]:
    if not any(access.role == "admin" for access in cluster.access.values()):
        fix = "name who deploys, with role: admin"
        yield Problem("cluster.access", "nobody may administer the cluster, its creator included", fix)


@rule
def access_entries_grant_something(cluster: Cluster) -> Iterator[Problem]:
    for name, access in cluster.access.items():
        if access.role is None and not access.groups:
            yield Problem(f"cluster.access.{name}", "grants nothing", "give it a role or groups")
        for group in access.groups:
            if group.startswith(KEPT_GROUPS):
                yield Problem(f"cluster.access.{name}.groups", f"EKS refuses the group {group}", "use role: admin")
    for (one, first), (two, second) in combinations(cluster.access.items(), 2):
        if first.principal == second.principal:
            yield Problem(
                f"cluster.access.{two}.principal",
                f"{second.principal} already has the entry {one}",
                "EKS allows one entry a principal; merge them",
            )
