"""The provider's functions: questions to AWS that a program may ask without owning anything."""

from collections.abc import Callable, Mapping
from typing import Any

from local.providers.aws.cloud import Cloud
from rayeks.errors import UserError

Answer = dict[str, Any]


def caller_identity(args: Mapping[str, Any], cloud: Cloud) -> Answer:
    """aws:index/getCallerIdentity"""
    found = cloud.call("sts", "GetCallerIdentity")
    account = found["Account"]
    return {"id": account, "accountId": account, "arn": found["Arn"], "userId": found["UserId"]}


def region(args: Mapping[str, Any], cloud: Cloud) -> Answer:
    """aws:index/getRegion"""
    name = args.get("region") or args.get("name") or cloud.region
    known = cloud.call("ec2", "DescribeRegions", {"RegionNames": [name], "AllRegions": True})["Regions"][0]
    return {
        "id": name,
        "region": name,
        "name": name,
        "endpoint": known["Endpoint"],
        "description": known.get("RegionName", name),
    }


def partition(args: Mapping[str, Any], cloud: Cloud) -> Answer:
    """aws:index/getPartition"""
    suffix = "amazonaws.com.cn" if cloud.partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    name = cloud.partition
    return {"id": name, "partition": name, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def availability_zones(args: Mapping[str, Any], cloud: Cloud) -> Answer:
    """aws:index/getAvailabilityZones"""
    params: dict[str, Any] = {"AllAvailabilityZones": bool(args.get("allAvailabilityZones"))}
    filters = [{"Name": each["name"], "Values": each["values"]} for each in args.get("filters") or ()]
    if args.get("state"):
        filters.append({"Name": "state", "Values": [args["state"]]})
    if filters:
        params["Filters"] = filters
    area = args.get("region") or cloud.region
    zones = cloud.call("ec2", "DescribeAvailabilityZones", params, area)["AvailabilityZones"]
    names, ids = set(args.get("excludeNames") or ()), set(args.get("excludeZoneIds") or ())
    kept = sorted(
        (zone for zone in zones if zone["ZoneName"] not in names and zone["ZoneId"] not in ids),
        key=lambda zone: zone["ZoneName"],
    )
    return {
        **args,
        "id": area,
        "region": area,
        "names": [zone["ZoneName"] for zone in kept],
        "zoneIds": [zone["ZoneId"] for zone in kept],
        "groupNames": sorted({zone.get("GroupName", area) for zone in kept}),
    }


def ssm_parameter(args: Mapping[str, Any], cloud: Cloud) -> Answer:
    """aws:ssm/getParameter"""
    decrypt = args.get("withDecryption", True)
    params = {"Name": args["name"], "WithDecryption": decrypt}
    found = cloud.call("ssm", "GetParameter", params, args.get("region"))["Parameter"]
    return {
        "id": args["name"],
        "name": found["Name"],
        "arn": found.get("ARN", ""),
        "type": found["Type"],
        "value": found["Value"],
        "insecureValue": found["Value"] if found["Type"] != "SecureString" else "",
        "version": found["Version"],
        "withDecryption": decrypt,
        "region": args.get("region") or cloud.region,
    }


FUNCTIONS: dict[str, Callable[[Mapping[str, Any], Cloud], Answer]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getRegion:getRegion": region,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:ssm/getParameter:getParameter": ssm_parameter,
}


def invoke(token: str, args: Mapping[str, Any], cloud: Cloud) -> Answer:
    """The answer to a function by its token. Raises UserError for one that isn't known here."""
    if token not in FUNCTIONS:
        raise UserError(
            f"the local aws provider has no function {token}", fix="extend local/providers/aws/functions.py"
        )
    return FUNCTIONS[token](args, cloud)
