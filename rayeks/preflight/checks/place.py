"""Whether this is the right account, and its region and zones can hold the stack."""

from collections.abc import Iterator

from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack

EKS_REFUSES = {"use1-az3", "usw1-az2", "cac1-az3"}
"""Zones, by id, that EKS takes no subnet in. Source: EKS user guide, "Subnet requirements for clusters"."""


@check("identity")
def identity(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Identity and account."""
    who = aws.read("sts", "get_caller_identity", region=aws.home)
    wanted = stack.platform.account
    if who["Account"] == wanted:
        yield passed("account", f"{wanted}, as {who['Arn']}")
    else:
        yield failed(
            "account",
            f"{stack.name} belongs to account {wanted}, and {who['Arn']} is of {who['Account']}",
            f"use credentials of {wanted}, or mend aws:allowedAccountIds in Pulumi.{stack.name}.yaml",
        )
    if who["Arn"].endswith(":root"):
        yield warned("identity", "these are the root user's credentials", "use a role; keep root's keys deleted")


@check("region")
def region(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Region and zones."""
    name = stack.platform.region
    known = aws.read("ec2", "describe_regions", AllRegions=True)["Regions"]
    status = next((item.get("OptInStatus", "opt-in-not-required") for item in known if item["RegionName"] == name), "")
    if not status:
        yield failed("region", f"AWS has no region {name}", "mend aws:region in the stack file")
        return
    if status == "not-opted-in":
        yield failed(
            "region", f"{name} is not enabled for the account", f"aws account enable-region --region-name {name}"
        )
        return
    yield passed("region", f"{name} is enabled")
    zones = {zone["ZoneName"]: zone for zone in _zones(aws)}
    usable = sorted(key for key, zone in zones.items() if not _trouble(zone))
    for wanted in stack.zones:
        trouble = _trouble(zones[wanted]) if wanted in zones else f"{name} has no such zone for this account"
        if trouble:
            yield failed(wanted, trouble, f"set network.zones to some of: {', '.join(usable)}")
        else:
            yield passed(wanted, f"available ({zones[wanted].get('ZoneId', '?')})")


def _zones(aws: Account) -> list[dict]:
    return aws.read("ec2", "describe_availability_zones", AllAvailabilityZones=True)["AvailabilityZones"]


def _trouble(zone: dict) -> str:
    """Why a zone cannot be used, or nothing."""
    if zone.get("ZoneType", "availability-zone") != "availability-zone":
        return f"is a {zone['ZoneType']}, which EKS's control plane does not use"
    if zone.get("OptInStatus") == "not-opted-in":
        return "is not enabled for the account"
    if zone.get("State", "available") != "available":
        return f"is {zone['State']}"
    if zone.get("ZoneId") in EKS_REFUSES:
        return f"is {zone['ZoneId']}, in which EKS takes no subnet"
    return ""
