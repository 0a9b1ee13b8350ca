"""The price list: on-demand prices of Linux instances."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from local.aws import prices
from local.aws.moto import Call, Fault, Service, paged

pricing = Service("pricing", invalid="InvalidParameterException")

Document = dict[str, Any]
LOCATIONS = {
    "us-west-2": "US West (Oregon)",
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "eu-west-1": "Europe (Ireland)",
    "eu-central-1": "Europe (Frankfurt)",
}


@pricing
def describe_services(call: Call, request: Document) -> Document:
    """The services with prices here, and what their products can be filtered by."""
    if request.get("ServiceCode") not in (None, "AmazonEC2"):
        raise Fault("NotFoundException", f"The service {request['ServiceCode']} has no prices here.")
    names = sorted(_attributes("m7i.large", "us-west-2"))
    return {"Services": [{"ServiceCode": "AmazonEC2", "AttributeNames": names}], "FormatVersion": "aws_v1"}


@pricing
def get_attribute_values(call: Call, request: Document) -> Document:
    """The values that an attribute takes."""
    _known(request)
    name = request["AttributeName"]
    values = sorted({attributes[name] for attributes in _products() if name in attributes})
    page, token = paged([{"Value": value} for value in values], request, token="NextToken", size="MaxResults")
    return {"AttributeValues": page, "NextToken": token}


@pricing
def get_products(call: Call, request: Document) -> Document:
    """Instances with their prices, filtered by equal attributes."""
    _known(request)
    filters = [(item["Field"].lower(), item["Value"], item["Type"]) for item in request.get("Filters") or []]
    found = [attributes for attributes in _products() if all(_passes(attributes, *item) for item in filters)]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"FormatVersion": "aws_v1", "PriceList": [_entry(item) for item in page], "NextToken": token}


def _known(request: Document) -> None:
    if request["ServiceCode"] != "AmazonEC2":
        raise Fault("NotFoundException", f"The service {request['ServiceCode']} has no prices here.")


def _products() -> Iterator[dict[str, str]]:
    for region in LOCATIONS:
        for name in INSTANCE_TYPES:
            if prices.on_demand(name) is not None:
                yield _attributes(name, region)


def _attributes(name: str, region: str) -> dict[str, str]:
    about = INSTANCE_TYPES[name]
    return {
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "instanceType": name,
        "instanceFamily": name.split(".")[0],
        "vcpu": str(about["VCpuInfo"]["DefaultVCpus"]),
        "memory": f"{about['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
        "location": LOCATIONS[region],
        "locationType": "AWS Region",
        "regionCode": region,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        # The price list knows bare metal as a family of its own, of dedicated machines.
        "tenancy": "Dedicated" if _metal(name) else "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "licenseModel": "No License required",
        "operation": "RunInstances",
    }


def _metal(name: str) -> bool:
    return ".metal" in name


def _family(name: str) -> str:
    return "Compute Instance (bare metal)" if _metal(name) else "Compute Instance"


def _passes(attributes: dict[str, str], field: str, value: str, kind: str) -> bool:
    held = attributes | {"productFamily": _family(attributes["instanceType"])}
    found = {key.lower(): text for key, text in held.items()}.get(field)
    if kind == "CONTAINS":
        return found is not None and value in found
    if kind == "ANY_OF":
        return found in value.split(",")
    if kind == "NONE_OF":
        return found not in value.split(",")
    return found == value


def _entry(attributes: dict[str, str]) -> str:
    name, region = attributes["instanceType"], attributes["regionCode"]
    sku = hashlib.sha256(f"{region}/{name}".encode()).hexdigest()[:16].upper()
    term, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    dimension = {
        "rateCode": rate,
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${prices.on_demand(name)} per On Demand Linux {name} Instance Hour",
        "appliesTo": [],
        "pricePerUnit": {"USD": f"{prices.on_demand(name):.10f}"},
    }
    offer = {
        "sku": sku,
        "offerTermCode": "JRTCKXETXF",
        "effectiveDate": "2026-07-01T00:00:00Z",
        "termAttributes": {},
        "priceDimensions": {rate: dimension},
    }
    return json.dumps(
        {
            "product": {"productFamily": _family(name), "sku": sku, "attributes": attributes},
            "serviceCode": "AmazonEC2",
            "terms": {"OnDemand": {term: offer}},
            "version": "20260720000000",
            "publicationDate": "2026-07-20T00:00:00Z",
        }
    )
