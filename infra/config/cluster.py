"""Sizes and choices of the EKS control plane and its access."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from infra.config.base import Gib, LogRetention, Name, Principal, Slice

LogType = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]


class Access(Slice):
    """One EKS access entry: who may reach the API server, and as what."""

    principal: Principal
    role: Literal["admin", "view"] | None = None
    """An EKS access policy over the whole cluster; leave it out to rely on `groups` alone."""
    groups: tuple[str, ...] = ()
    """Kubernetes groups, for RBAC bindings such as a tenant's."""


class Hybrid(Slice):
    """EKS Hybrid Nodes: machines of one's own, at the edge or on-premises, that join as the pool `ray-hybrid`.

    The way to them (Direct Connect, VPN, a transit gateway and the routes to it) is their network's owner's.
    """

    node_cidrs: tuple[IPv4Network, ...] = Field(min_length=1, max_length=15)
    pod_cidrs: tuple[IPv4Network, ...] = Field((), max_length=15)
    """Where their pods' addresses come from, if the network there routes them; webhooks and `kubectl logs` need it."""
    trust_anchor: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:rolesanywhere:.+:trust-anchor/.+$")] | None = None
    """IAM Roles Anywhere's, for machines that have certificates; absent: SSM hybrid activations."""
    nodes: Annotated[int, Field(ge=1, le=5000)]
    """How many will join."""
    cpu: Annotated[int, Field(ge=1, description="vCPUs")]
    """What pods may use of each, of the smallest where they differ; `memory_gib` likewise."""
    memory_gib: Gib


class Cluster(Slice):
    """The EKS control plane."""

    version: str = "1.35"
    service_cidr: IPv4Network = IPv4Network("172.20.0.0/16")
    public_access_cidrs: tuple[IPv4Network, ...] = Field((), max_length=40)
    """Who may reach the public endpoint. Empty: the endpoint is private only."""
    log_types: tuple[LogType, ...] = ("api", "audit", "authenticator")
    log_retention_days: LogRetention = 30
    access: dict[Name, Access] = {}
    hybrid: Hybrid | None = None
    zonal_shift: bool = False
    """Let AWS move the control plane's and Karpenter's work away from a zone that is impaired."""
    tier: Literal["auto", "standard", "tier-xl", "tier-2xl", "tier-4xl", "tier-8xl"] = "standard"
    """Provisioned control-plane capacity, from $1.65 an hour; `auto` takes what the planned nodes need."""
    pack: bool = True
    """Schedule onto the fullest node that fits, so that emptied nodes can go."""
    deletion_protection: bool = False
    """AWS refuses to delete the cluster, and Pulumi protects it, until this is turned off."""
