"""Whether the account's other quotas hold what the stack makes, beside what is there already."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra import sizing
from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, check, each, failed, passed, unknown, warned
from rayeks.preflight.quotas import Quota
from rayeks.preflight.stack import Stack, tags_of

NAT = "aws:ec2/natGateway:NatGateway"
LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"
ROLE = "aws:iam/role:Role"


@dataclass(frozen=True)
class Limit:
    """One quota: what the stack may want of it, and what others use now. `firm`: the stack surely makes it all."""

    quota: Quota
    wanted: Callable[[Stack], int]
    used: Callable[[Stack, Account], int]
    firm: bool = True


def _made(kind: str) -> Callable[[Stack], int]:
    return lambda stack: stack.count(kind)


def _nobody(_stack: Stack, _aws: Account) -> int:
    """Quotas of one cluster or one VPC, which the stack has to itself."""
    return 0


def _others(service: str, operation: str, key: str, tags: str = "Tags") -> Callable[[Stack, Account], int]:
    """How many there are that are not this stack's."""

    def count(stack: Stack, aws: Account) -> int:
        return sum(not stack.owns(tags_of(item.get(tags))) for item in aws.read(service, operation)[key])

    return count


def _clusters(stack: Stack, aws: Account) -> int:
    return sum(name != stack.platform.name for name in aws.read("eks", "list_clusters")["clusters"])


def _roles(stack: Stack, aws: Account) -> int:
    names = [inputs["name"] for _, inputs in stack.inputs(ROLE) if inputs.get("name")]
    mine = sum(aws.find("iam", "get_role", "NoSuchEntity", RoleName=name) is not None for name in names)
    return aws.read("iam", "get_account_summary")["SummaryMap"]["Roles"] - mine


def _lustre(stack: Stack, aws: Account) -> Iterator[dict[str, Any]]:
    for item in aws.read("fsx", "describe_file_systems")["FileSystems"]:
        kind = (item.get("LustreConfiguration") or {}).get("DeploymentType")
        if kind == "PERSISTENT_2" and not stack.owns(tags_of(item.get("Tags"))):
            yield item


def _gp3_wanted(stack: Stack) -> int:
    """TiB of root volumes at the limits of the configuration."""
    groups = sum(group.max * group.disk_gib for group in stack.platform.node_groups.values())
    pools = sum(sizing.pool_nodes(pool) * pool.root_gib for pool in stack.platform.pools.values())
    return -(-(groups + pools) // 1024)


def _gp3_used(stack: Stack, aws: Account) -> int:
    found = aws.read("ec2", "describe_volumes", Filters=[{"Name": "volume-type", "Values": ["gp3"]}])["Volumes"]
    return -(-sum(item["Size"] for item in found if not stack.owns(tags_of(item.get("Tags")))) // 1024)


def _nat_wanted(stack: Stack) -> int:
    return max(nat_zones(stack).values(), default=0)


def _nat_used(stack: Stack, aws: Account) -> int:
    """The most gateways that others have in one of the zones that the stack uses."""
    zone_of = {item["SubnetId"]: item["AvailabilityZone"] for item in aws.read("ec2", "describe_subnets")["Subnets"]}
    found = aws.read("ec2", "describe_nat_gateways")["NatGateways"]
    alive = [item for item in found if item["State"] in ("pending", "available", "deleting")]
    others = Counter(zone_of.get(item.get("SubnetId")) for item in alive if not stack.owns(tags_of(item.get("Tags"))))
    return max((others[zone] for zone in nat_zones(stack)), default=0)


def nat_zones(stack: Stack) -> Counter[str]:
    """How many NAT gateways the plan puts into each zone; a regional one stands in none."""
    zones: Counter[str] = Counter()
    for _, inputs in stack.inputs(NAT):
        subnet = stack.plan.unknowns.get(inputs.get("subnetId", ""))
        if subnet:
            zones[stack.plan.by_urn[subnet[0]].inputs["availabilityZone"]] += 1
    return zones


LIMITS = (
    Limit(
        Quota("ec2", "L-0263D0A3", "Elastic IP addresses"),
        _made("aws:ec2/eip:Eip"),
        _others("ec2", "describe_addresses", "Addresses"),
    ),
    Limit(
        Quota("vpc", "L-F678F1CE", "VPCs per Region"),
        _made("aws:ec2/vpc:Vpc"),
        _others("ec2", "describe_vpcs", "Vpcs"),
    ),
    Limit(
        Quota("vpc", "L-A4707A72", "Internet gateways per Region"),
        _made("aws:ec2/internetGateway:InternetGateway"),
        _others("ec2", "describe_internet_gateways", "InternetGateways"),
    ),
    Limit(Quota("vpc", "L-FE5A380F", "NAT gateways per Availability Zone"), _nat_wanted, _nat_used),
    Limit(Quota("vpc", "L-407747CB", "Subnets per VPC"), _made("aws:ec2/subnet:Subnet"), _nobody),
    Limit(Quota("eks", "L-1194D53C", "EKS clusters"), _made("aws:eks/cluster:Cluster"), _clusters),
    Limit(Quota("eks", "L-6D54EA21", "Managed node groups per cluster"), _made("aws:eks/nodeGroup:NodeGroup"), _nobody),
    Limit(
        Quota("eks", "L-BD136A63", "Nodes per managed node group"),
        lambda stack: max((group.max for group in stack.platform.node_groups.values()), default=0),
        _nobody,
    ),
    Limit(
        Quota("fsx", "L-FD6F2F22", "Lustre Persistent_2 file systems"),
        _made(LUSTRE),
        lambda stack, aws: sum(1 for _ in _lustre(stack, aws)),
    ),
    Limit(
        Quota("fsx", "L-8F1B9C74", "Lustre Persistent_2 storage capacity, GiB"),
        lambda stack: sum(int(inputs["storageCapacity"]) for _, inputs in stack.inputs(LUSTRE)),
        lambda stack, aws: sum(item["StorageCapacity"] for item in _lustre(stack, aws)),
    ),
    Limit(Quota("iam", "L-FE177D64", "IAM roles", home=True), _made(ROLE), _roles),
    Limit(Quota("ebs", "L-7A658B76", "Storage for gp3 volumes, TiB"), _gp3_wanted, _gp3_used, firm=False),
)
"""Codes and defaults: Service Quotas; `aws service-quotas list-service-quotas --service-code …` lists them."""


@check("quotas")
def quotas(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Other service quotas against what the stack makes."""
    return each(LIMITS, lambda limit: str(limit.quota), lambda limit: _one(limit, stack, aws))


def _one(limit: Limit, stack: Stack, aws: Account) -> Iterator[Finding]:
    wanted = limit.wanted(stack)
    if wanted:
        yield _compared(limit, wanted, stack, aws)


def _compared(limit: Limit, wanted: int, stack: Stack, aws: Account) -> Finding:
    subject, value = str(limit.quota), limit.quota.value(aws)
    if value is None:
        return unknown(
            subject, "Service Quotas does not know it", f"look at {limit.quota.service}'s quotas in the console"
        )
    busy = limit.used(stack, aws)
    if wanted + busy <= value:
        return passed(subject, f"{wanted:,} of {value:,} ({busy:,} in use)")
    asked = limit.quota.ask_for(wanted + busy, aws)
    if limit.firm:
        return failed(subject, f"{wanted:,} are needed, {busy:,} are in use, and the quota is {value:,}", asked)
    return warned(subject, f"up to {wanted:,} at the pools' limits, {busy:,} in use, of {value:,}", asked)
