"""Sizes and choices of the VPC, or the VPC that is there already."""

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from infra.config.base import LogRetention, Slice, Zone

SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")]
VpcId = Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8,17}$")]
ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,60}$")]

PRIVATE_ENDPOINTS = (
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "sqs",
    "ssm",
    "sts",
)
"""What nodes, Karpenter and pods call: with these, a cluster needs no way to the internet.

Source: EKS user guide, "Deploy private clusters with limited internet access"; sqs, ssm and ec2 are Karpenter's.
Karpenter's prices come from an API that has no endpoint, so a private cluster uses the prices it was built with.
"""


class FlowLogs(Slice):
    """VPC flow logs in CloudWatch."""

    traffic: Literal["ALL", "ACCEPT", "REJECT"] = "REJECT"
    """`REJECT` finds broken rules and probes for a hundredth of what `ALL` costs."""
    retention_days: LogRetention = 14


class _AnyNetwork(Slice):
    load_balancer_cidrs: tuple[IPv4Network, ...] = ()
    """Who may reach load balancers on 443, besides the VPC itself."""
    reserved_cidrs: tuple[IPv4Network, ...] = ()
    """Ranges that the VPC must not overlap: peered VPCs, on-premises networks."""
    pods_per_node: Annotated[int, Field(ge=4, le=250)] = 16
    """Pods that the smallest nodes really run, for the address plan: a Ray pod or two, and the daemons."""


class Network(_AnyNetwork):
    """A VPC over two to four zones, with public subnets for NAT and load balancers and private ones for pods."""

    cidr: IPv4Network
    zones: tuple[Zone, ...] = Field(min_length=2, max_length=4)
    nat: Literal["single", "per_zone", "regional", "none"] = "single"
    """`single`: one gateway for all zones (cheap; one zone's outage stops egress). `per_zone`: one in each.
    `regional`: one gateway that AWS spreads over the zones itself. `none`: no way out but the endpoints."""
    gateway_endpoints: tuple[Literal["s3", "dynamodb", "s3express"], ...] = ("s3",)
    """Gateway endpoints are free and keep S3 traffic off the NAT gateways."""
    interface_endpoints: tuple[ServiceName, ...] | Literal["private"] = ()
    """Services to reach without NAT, about $0.01 an hour and zone each; `private` is all that a cluster needs."""
    flow_logs: FlowLogs | None = None

    @property
    def endpoint_services(self) -> tuple[str, ...]:
        """The interface endpoints by name, with the preset spelt out."""
        return PRIVATE_ENDPOINTS if self.interface_endpoints == "private" else self.interface_endpoints


class ExistingNetwork(_AnyNetwork):
    """A VPC that somebody else owns: the stack adds security groups and discovery tags, and nothing more."""

    vpc_id: VpcId
    cidr: IPv4Network
    private_subnets: dict[Zone, SubnetId] = Field(min_length=2, max_length=4)
    public_subnets: dict[Zone, SubnetId] = {}

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones of the private subnets, in the order of the stack file."""
        return tuple(self.private_subnets)


def _which(value: Any) -> str:
    given = value if isinstance(value, dict) else vars(value)
    return "existing" if "vpc_id" in given else "own"


AnyNetwork = Annotated[
    Annotated[Network, Tag("own")] | Annotated[ExistingNetwork, Tag("existing")], Discriminator(_which)
]
"""A network of our own, or (where it says `vpc_id`) one that is there already."""
