"""The CIDR planner: which subnet of which zone gets which addresses. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

VPC_PREFIXES = range(16, 29)
"""AWS allows a VPC, and a subnet, of /16 to /28."""
SMALLEST_PRIVATE = 24
"""Prefix delegation takes addresses in /28 blocks of 16, so a smaller subnet holds too few nodes to be of use."""
LARGEST_PUBLIC = 24
"""Public subnets hold NAT gateways and load balancers only; 251 addresses are plenty."""
AWS_RESERVED = 5
"""Addresses of every subnet that AWS keeps to itself: the first four and the last."""


@dataclass(frozen=True)
class SubnetPlan:
    """One public and one private subnet per zone, none overlapping another."""

    public: dict[str, IPv4Network]
    private: dict[str, IPv4Network]

    def addresses(self) -> dict[str, int]:
        """How many addresses nodes and pods of each zone may use."""
        return {zone: subnet.num_addresses - AWS_RESERVED for zone, subnet in self.private.items()}


def plan(cidr: IPv4Network, zones: Sequence[str]) -> SubnetPlan:
    """Splits the VPC into equal blocks: one per zone for pods and nodes, and one more shared by the public subnets.

    The first blocks go to the private subnets, so that adding a zone later moves none of them while a block is
    left. Raises ValueError when the range is too small, with the smallest prefix that would do.
    """
    if cidr.prefixlen not in VPC_PREFIXES:
        raise ValueError(f"{cidr} is no VPC range: AWS allows /16 to /28")
    blocks_bits = len(zones).bit_length()  # the least n with 2**n > zones: one block is left for public subnets
    private_prefix = cidr.prefixlen + blocks_bits
    if private_prefix > SMALLEST_PRIVATE:
        raise ValueError(
            f"{cidr} is too small for {len(zones)} zones: each private subnet would be a /{private_prefix}, "
            f"and pods need at least a /{SMALLEST_PRIVATE}; use a /{SMALLEST_PRIVATE - blocks_bits} or larger"
        )
    blocks = list(cidr.subnets(new_prefix=private_prefix))
    public_prefix = max(LARGEST_PUBLIC, private_prefix + 2)
    public = blocks[-1].subnets(new_prefix=public_prefix)
    return SubnetPlan(
        public=dict(zip(zones, public, strict=False)),
        private=dict(zip(zones, blocks, strict=False)),
    )


def addresses_per_node(pods: int) -> int:
    """Addresses that a node of so many pods takes from its subnet.

    With prefix delegation the VPC CNI holds whole /28 blocks: enough for the pods, one warm (WARM_PREFIX_TARGET=1),
    and one address for each of (at most) two interfaces. Host-network pods take none, so this is the upper bound.
    Source: aws-eks-best-practices, "Prefix mode for Linux".
    """
    blocks = -(-pods // 16) + 1
    return 16 * blocks + 2


def nodes_per_zone(plan: SubnetPlan, pods: int) -> dict[str, int]:
    """How many nodes of so many pods each zone has addresses for."""
    return {zone: room // addresses_per_node(pods) for zone, room in plan.addresses().items()}
