"""Pools of a stack as objects of Karpenter's simulated cloud, which knows no AWS: pure, and open about what is lost.

The simulated cloud of Karpenter's core takes any NodePool; its node class says only how long a machine takes to come.
So families, sizes, zones and ways to buy stay as they are, in the NodePool's requirements over `catalogue`'s labels,
and what an EC2NodeClass says beyond that is named by `unrepresented`.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from infra.requirements import FAMILY, ZONE
from local.controllers.catalogue import Entry

Object = dict[str, Any]

GROUP, KIND = "karpenter.kwok.sh", "KWOKNodeClass"

OWN_FAMILY = f"{GROUP}/instance-family"
"""Karpenter counts values (`minValues`) of a type's own labels alone, and the simulated cloud's types have this one."""

LOST = {
    "amiSelectorTerms": "images",
    "subnetSelectorTerms": "subnets, beyond their zones",
    "securityGroupSelectorTerms": "security groups",
    "blockDeviceMappings": "disks and their price",
    "instanceStorePolicy": "NVMe disks as room for pods",
    "networkInterfaces": "EFA interfaces, and that types without them are left out",
    "placementGroupSelector": "the placement group, beyond the one zone that its pool names",
    "userData": "user data",
    # A reserved offering needs the label of its provider's reservations, which the simulated one has none of.
    "capacityReservationSelectorTerms": "reservations: their machines are bought on demand",
}
"""Field of an EC2NodeClass → what the simulated cloud has nothing for."""


def node_pool(name: str, spec: Mapping[str, Any], *, seconds: int = 0) -> list[Object]:
    """A NodePool of the stack and the class that its nodes are of, which join `seconds` after they were asked for."""
    moved = copy.deepcopy(dict(spec))
    template = moved["template"]["spec"]
    template["nodeClassRef"] = {"group": GROUP, "kind": KIND, "name": name}
    template["requirements"] = [
        wanted | {"key": OWN_FAMILY} if wanted["key"] == FAMILY and "minValues" in wanted else wanted
        for wanted in template["requirements"]
    ]
    return [
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": KIND,
            "metadata": {"name": name},
            "spec": {"nodeRegistrationDelay": f"{seconds}s"},
        },
        {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name}, "spec": moved},
    ]


def without(entries: Iterable[Entry], zone: str) -> list[Entry]:
    """The catalogue as it is when EC2 has nothing left in a zone; the simulated cloud takes every offering for sold."""
    left = [
        entry | {"offerings": [each for each in entry["offerings"] if _value(each, ZONE) != zone]} for entry in entries
    ]
    return [entry for entry in left if entry["offerings"]]


def unrepresented(node_class: Mapping[str, Any]) -> list[str]:
    """What of an EC2NodeClass's spec the simulated cloud has nothing for, in words."""
    return [words for field, words in LOST.items() if node_class.get(field)]


def _value(offering: Entry, key: str) -> str | None:
    return next((each["values"][0] for each in offering["Requirements"] if each["key"] == key), None)
