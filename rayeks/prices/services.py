"""What the Price List API calls each service that the table prices, and its price of the first unit."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Product = Mapping[str, Any]

IN_REGION = r"(?:[A-Z]{2,4}\d?-|[a-z]{2}(?:-[a-z]+)+-\d-)?"
"""What stands before a usage type: `USW2-`, for KMS `us-west-2-`, nothing in us-east-1."""


@dataclass(frozen=True)
class Listing:
    """Where a price is listed: the service's code, its usage type (a regular expression) and other attributes.

    `times` is how many of the list's units make one of the table's: requests are listed one by one.
    """

    code: str
    usage: str
    times: float = 1
    where: Mapping[str, str] = field(default_factory=dict)


GP3 = {"volumeApiName": "gp3"}
REGIONAL = {"locationType": "AWS Region"}
NLB, ALB = ({"productFamily": f"Load Balancer-{kind}"} | REGIONAL for kind in ("Network", "Application"))

LISTINGS: Mapping[str, Listing] = {
    "eks.standard": Listing("AmazonEKS", "AmazonEKS-Hours:perCluster"),
    "eks.extended": Listing("AmazonEKS", "AmazonEKS-Hours:extendedSupport"),
    "nat.hour": Listing("AmazonEC2", "NatGateway-Hours", where={"productFamily": "NAT Gateway"}),
    "nat.gb": Listing("AmazonEC2", "NatGateway-Bytes", where={"productFamily": "NAT Gateway"}),
    "ipv4.hour": Listing("AmazonVPC", "PublicIPv4:InUseAddress"),
    "endpoint.hour": Listing("AmazonVPC", "VpcEndpoint-Hours", where={"productFamily": "VpcEndpoint"}),
    "endpoint.gb": Listing("AmazonVPC", "VpcEndpoint-Bytes", where={"productFamily": "VpcEndpoint"}),
    "ebs.gp3.gb": Listing("AmazonEC2", "EBS:VolumeUsage.gp3", where=GP3),
    "ebs.gp3.iops": Listing("AmazonEC2", "EBS:VolumeP-IOPS.gp3", where=GP3),
    "ebs.gp3.throughput": Listing("AmazonEC2", "EBS:VolumeP-Throughput.gp3", 1 / 1024, GP3),
    "efs.standard.gb": Listing("AmazonEFS", "TimedStorage-ByteHrs", where={"productFamily": "Storage"}),
    "efs.backup.gb": Listing("AWSBackup", "WarmStorage-ByteHrs-EFS"),
    "s3.standard.gb": Listing("AmazonS3", "TimedStorage-ByteHrs", where={"volumeType": "Standard"}),
    "s3.intelligent.objects": Listing("AmazonS3", "Monitoring-Automation-INT", 1_000),
    "s3.put": Listing("AmazonS3", "Requests-Tier1", 1_000),
    "s3.get": Listing("AmazonS3", "Requests-Tier2", 1_000),
    "kms.key": Listing("awskms", "KMS-Keys"),
    "kms.requests": Listing("awskms", "KMS-Requests", 10_000),
    "logs.ingest.gb": Listing("AmazonCloudWatch", "DataProcessing-Bytes"),
    "logs.store.gb": Listing("AmazonCloudWatch", "TimedStorage-ByteHrs"),
    "ecr.gb": Listing("AmazonECR", "TimedStorage-ByteHrs"),
    "secret.month": Listing("AWSSecretsManager", ".*", where={"productFamily": "Secret"}),
    "sqs.requests": Listing("AWSQueueService", ".*Requests.*", 1_000_000, {"queueType": "Standard"}),
    "nlb.hour": Listing("AWSELB", "LoadBalancerUsage", where=NLB),
    "nlb.lcu": Listing("AWSELB", "LCUUsage", where=NLB),
    "alb.hour": Listing("AWSELB", "LoadBalancerUsage", where=ALB),
    "alb.lcu": Listing("AWSELB", "LCUUsage", where=ALB),
    "transfer.zone.gb": Listing("AWSDataTransfer", "DataTransfer-Regional-Bytes"),
    "transfer.internet.gb": Listing("AWSDataTransfer", "DataTransfer-Out-Bytes"),
}
"""Key of the table → its listing, as infracost's open product filters know them (github.com/infracost/infracost,
internal/resources/aws). A price that is not here (EKS tiers, Lustre, EFS's throughput) keeps its date."""


def usd(pricing: Any, region: str) -> dict[str, float]:
    """Key → US dollars of one of the table's units, of those that the list prices once and clearly in a region.

    A key is left out where the list has nothing of its name, or offers that differ: better the older price than one
    of something else.
    """
    listed: dict[tuple[str, tuple[tuple[str, str], ...]], list[Product]] = {}
    found: dict[str, float] = {}
    for key, listing in LISTINGS.items():
        asked = (listing.code, tuple(listing.where.items()))
        if asked not in listed:
            listed[asked] = _products(pricing, *asked, region)
        price = _one(listing, listed[asked])
        if price is not None:
            found[key] = price
    return found


def _products(pricing: Any, code: str, where: Iterable[tuple[str, str]], region: str) -> list[Product]:
    """What a service lists in a region; nothing where the list does not know the service."""
    from_there = "fromRegionCode" if code == "AWSDataTransfer" else "regionCode"
    wanted = ((from_there, region), *where)
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted]
    try:
        pages = list(pricing.get_paginator("get_products").paginate(ServiceCode=code, Filters=filters))
    except ClientError as error:
        if error.response["Error"]["Code"] == "NotFoundException":
            return []
        raise
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def _one(listing: Listing, products: Iterable[Product]) -> float | None:
    usage = re.compile(f"{IN_REGION}{listing.usage}")
    prices = {
        price
        for product in products
        if usage.fullmatch(product["product"]["attributes"].get("usagetype", ""))
        for price in _first(product["terms"].get("OnDemand", {}))
    }
    return round(prices.pop() * listing.times, 10) if len(prices) == 1 else None


def _first(terms: Mapping[str, Any]) -> Iterator[float]:
    """The price of the first unit that costs anything, of each offer."""
    for offer in terms.values():
        tiers = sorted(offer["priceDimensions"].values(), key=lambda tier: float(tier.get("beginRange", 0)))
        yield from [price for tier in tiers if (price := float(tier["pricePerUnit"].get("USD", 0))) > 0][:1]
