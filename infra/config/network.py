"""Sizes and choices of the VPC."""

from ipaddress import IPv4Network
from typing import Literal

from pydantic import Field

from infra.config.base import Slice, Zone


class Network(Slice):
    """A VPC over two to four zones, with public subnets for NAT and load balancers and private ones for pods."""

    cidr: IPv4Network
    zones: tuple[Zone, ...] = Field(min_length=2, max_length=4)
    nat: Literal["single", "per_zone"] = "single"
    """`single`: one gateway for all zones (cheap, one zone's outage stops egress). `per_zone`: one in each."""
    reserved_cidrs: tuple[IPv4Network, ...] = ()
    """Ranges that the VPC must not overlap: peered VPCs, on-premises networks."""
    gateway_endpoints: tuple[Literal["s3", "dynamodb"], ...] = ("s3",)
    """Gateway endpoints are free and keep S3 traffic off the NAT gateways."""
