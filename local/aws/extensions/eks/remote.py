"""Networks of hybrid nodes: what EKS takes as the ranges of machines and pods outside AWS.

Source: EKS user guide, "Enable hybrid nodes on an existing Amazon EKS cluster or modify configuration", and the API's
own words on RemoteNodeNetwork. The texts of the refusals are not AWS's.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations

from local.aws.extensions.eks.service import Document, invalid
from local.aws.moto import Call

RANGES = tuple(IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
PARTS = ("remoteNodeNetworks", "remotePodNetworks")
MOST_CIDRS = 15


def checked(call: Call, about: Document, given: Document | None) -> Document | None:
    """The cluster's networks with what a request says of them: a part that it leaves out stays, an empty one goes.

    `about` is the cluster as AWS describes it.
    """
    wanted = {part: _stated(part, (about.get("remoteNetworkConfig") or {}) | (given or {})) for part in PARTS}
    networks = {cidr: part for part, cidrs in wanted.items() for cidr in cidrs}
    if not networks:
        return None
    mode = about["accessConfig"]["authenticationMode"]
    if mode == "CONFIG_MAP":
        raise invalid(f"Hybrid nodes need the authentication mode API or API_AND_CONFIG_MAP, not {mode}.")
    if about["kubernetesNetworkConfig"]["ipFamily"] != "ipv4":
        raise invalid("Hybrid nodes need a cluster of the IPv4 address family.")
    for cidr in networks:
        if not any(cidr.subnet_of(allowed) for allowed in RANGES):
            raise invalid(f"The CIDR {cidr} is not within {', '.join(map(str, RANGES))}.")
    every = [cidr for cidrs in wanted.values() for cidr in cidrs]
    for one, two in [*combinations(every, 2), *((cidr, own) for cidr in every for own in _own(call, about))]:
        if one.overlaps(two):
            raise invalid(f"The CIDR {one} overlaps {two} of the cluster.")
    return {part: [{"cidrs": [str(cidr) for cidr in cidrs]}] for part, cidrs in wanted.items() if cidrs}


def _stated(part: str, config: Document) -> list[IPv4Network]:
    texts = [text for group in config.get(part) or [] for text in group.get("cidrs") or []]
    if len(texts) > MOST_CIDRS:
        raise invalid(f"{part} takes at most {MOST_CIDRS} CIDRs, not {len(texts)}.")
    return [_parsed(part, text) for text in texts]


def _parsed(part: str, text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        raise invalid(f"{text} in {part} is no IPv4 CIDR.") from None


def _own(call: Call, about: Document) -> Iterator[IPv4Network]:
    """Every range of the cluster's VPC, and that of its services."""
    vpc = call.backend("ec2").get_vpc(about["resourcesVpcConfig"]["vpcId"])
    for block in vpc.cidr_block_association_set:
        yield IPv4Network(block["cidr_block"])
    yield IPv4Network(about["kubernetesNetworkConfig"]["serviceIpv4Cidr"])
