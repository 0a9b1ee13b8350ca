"""The spot market: prices by zone, and how likely capacity is."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from local.aws import prices
from local.aws.extensions.ec2.service import Document, ec2, select
from local.aws.moto import Call, Fault, paged

PRODUCT = "Linux/UNIX"
FILTERS = {
    "availability-zone": "AvailabilityZone",
    "instance-type": "InstanceType",
    "product-description": "ProductDescription",
    "spot-price": "SpotPrice",
}


@ec2
def describe_spot_price_history(call: Call, request: Document) -> Document:
    """The current price of each type in each zone that offers it; types without a price on record are left out."""
    products = request.get("ProductDescriptions")
    if products and not {PRODUCT, f"{PRODUCT} (Amazon VPC)"} & set(products):
        return {"SpotPriceHistory": []}
    wanted = set(request.get("InstanceTypes") or [])
    zone = request.get("AvailabilityZone")
    now = datetime.now(UTC)
    history: list[Document] = []
    for offering in _offerings(call):
        kind, place = offering["InstanceType"], offering["Location"]
        if (wanted and kind not in wanted) or (zone and place != zone):
            continue
        price = prices.spot(kind, place)
        if price is not None:
            history.append(
                {
                    "InstanceType": kind,
                    "ProductDescription": PRODUCT,
                    "SpotPrice": f"{price:.6f}",
                    "AvailabilityZone": place,
                    "Timestamp": now.replace(minute=0, second=0, microsecond=0),
                }
            )
    page, token = paged(select(history, request, FILTERS), request, token="NextToken", size="MaxResults", most=1000)
    # EC2 ends the pages with an empty token, not without one.
    return {"SpotPriceHistory": page, "NextToken": token or ""}


@ec2
def get_spot_placement_scores(call: Call, request: Document) -> Document:
    """A score of 1 to 10 for the region or each of its zones, fixed for the same question."""
    kinds = request.get("InstanceTypes") or []
    if not kinds:
        raise Fault("InvalidParameterCombination", "The local AWS scores instance types only: give InstanceTypes.")
    offered: dict[str, set[str]] = {}
    for offering in _offerings(call):
        offered.setdefault(offering["Location"], set()).add(offering["InstanceType"])
    regions = request.get("RegionNames") or [call.region]
    if call.region not in regions:
        return {"SpotPlacementScores": []}
    places = [place for place, found in sorted(offered.items()) if found & set(kinds)]
    if not request.get("SingleAvailabilityZone"):
        scores = [{"Region": call.region, "Score": _score(call.region, kinds)}] if places else []
        return {"SpotPlacementScores": scores}
    zones = {zone.name: zone.zone_id for zone in call.backend("ec2").describe_availability_zones()}
    return {
        "SpotPlacementScores": [
            {"Region": call.region, "AvailabilityZoneId": zones[place], "Score": _score(place, kinds)}
            for place in places
            if place in zones
        ]
    }


def _offerings(call: Call) -> list[dict[str, Any]]:
    return call.backend("ec2").describe_instance_type_offerings("availability-zone")


def _score(place: str, kinds: list[str]) -> int:
    digest = hashlib.sha256(f"{place}/{sorted(kinds)}".encode()).digest()
    return 1 + (digest[0] + 2 * len(kinds)) % 9
