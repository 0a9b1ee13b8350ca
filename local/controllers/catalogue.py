"""EC2 as the list of machines that Karpenter's core takes for its simulated cloud: pure, from EC2 data and prices.

Represented: every label that a requirement may name, what pods may use of a machine, and a price for each zone and way
to buy. Not represented: EC2NodeClasses (their placement groups, interfaces and disks), reservations, and capacity that
EC2 does not have at the moment.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infra import instances, prices
from infra.allocatable import for_pods
from infra.requirements import Offering, labels, offerings

Entry = dict[str, Any]

OVERHEAD = {"cpu": 100, "memory": 10 * 2**20}
"""What the simulated cloud takes off again (millicores, bytes); `for_pods` has taken all that a real machine loses."""


def catalogue(names: Iterable[str], *, region: str, zones: Iterable[str]) -> list[Entry]:
    """The machines as Karpenter's INSTANCE_TYPES_FILE_PATH holds them; one without a price is left out."""
    zones, names = tuple(zones), tuple(names)
    held = {name: labels(name) for name in names}
    keys = sorted({key for found in held.values() for key in found})
    found = []
    for name in names:
        offered = [
            _offering(offering, price, held[name], keys)
            for offering in offerings(name, region, zones)
            if (price := usd(name, region, offering)) is not None
        ]
        if offered:
            found.append(_entry(name, held[name], offered))
    return found


def usd(name: str, region: str, offering: Offering) -> float | None:
    """Dollars an hour for a type bought in that way; None where no price is on record."""
    if offering.capacity_type == "spot":
        price = prices.spot(name, region, offering.zone)
    else:
        price = prices.on_demand(name, region)
    return price.usd if price else None


def _entry(name: str, held: Mapping[str, str], offered: list[Entry]) -> Entry:
    free = for_pods(instances.known(name))
    amounts = {resource: amount + OVERHEAD.get(resource, 0) for resource, amount in free.items() if amount}
    return {
        "name": name,
        "architecture": held["kubernetes.io/arch"],
        "operatingSystems": ["linux"],
        "resources": {key: f"{amount}m" if key == "cpu" else str(amount) for key, amount in amounts.items()},
        "offerings": offered,
    }


def _offering(offering: Offering, price: float, held: Mapping[str, str], keys: Iterable[str]) -> Entry:
    """A label that a type lacks must be said to be absent, or its machines would match every requirement on it."""
    wanted = dict(offering.labels())
    requirements = [{"key": key, "operator": "In", "values": [value]} for key, value in wanted.items()]
    for key in keys:
        if key in held:
            requirements.append({"key": key, "operator": "In", "values": [held[key]]})
        else:
            requirements.append({"key": key, "operator": "DoesNotExist"})
    return {"Price": price, "Available": True, "Requirements": requirements}
