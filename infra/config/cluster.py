"""Sizes and choices of the EKS control plane, its access and its managed node groups."""

from ipaddress import IPv4Network
from typing import Literal

from pydantic import Field

from infra.config.base import Arn, Count, Gib, InstanceType, Name, Slice, Zone

LogType = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]


class Access(Slice):
    """One EKS access entry: who may reach the API server, and as what."""

    principal: Arn
    role: Literal["admin", "view"] | None = None
    """An EKS access policy over the whole cluster; leave it out to rely on `groups` alone."""
    groups: tuple[str, ...] = ()
    """Kubernetes groups, for RBAC bindings such as a tenant's."""


class Cluster(Slice):
    """The EKS control plane."""

    version: str = "1.35"
    service_cidr: IPv4Network = IPv4Network("172.20.0.0/16")
    public_access_cidrs: tuple[IPv4Network, ...] = ()
    """Who may reach the public endpoint. Empty: the endpoint is private only."""
    log_types: tuple[LogType, ...] = ("api", "audit", "authenticator")
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] = 30
    access: dict[Name, Access] = {}
    deletion_protection: bool = False
    """AWS refuses to delete the cluster, and Pulumi protects it, until this is turned off."""


class Taint(Slice):
    """A taint of a managed node group, in Kubernetes' spelling."""

    key: str = Field(min_length=1)
    value: str = "true"
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"] = "NoSchedule"


class NodeGroup(Slice):
    """One managed node group: capacity that is there whether or not Karpenter runs."""

    instance_types: tuple[InstanceType, ...] = Field(min_length=1, max_length=20)
    capacity: Literal["on-demand", "spot"] = "on-demand"
    min: Count
    max: Count = Field(ge=1)
    desired: Count
    disk_gib: Gib = 100
    accelerator: Literal["none", "nvidia"] = "none"
    taints: tuple[Taint, ...] = ()
    zones: tuple[Zone, ...] = ()
    """The zones to use; empty means all of the network's."""
