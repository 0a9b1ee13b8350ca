"""Whether machines outside AWS can reach the cluster, and the cluster them.

Source: EKS user guide, "Create an Amazon EKS cluster with hybrid nodes" and "Enable hybrid nodes on an existing Amazon
EKS cluster", considerations; and the EKS API's own words on `RemoteNodeNetwork`. EKS asks for the authentication mode
API as well, which every cluster of this project has.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations

from infra.config.cluster import Cluster
from infra.config.network import AnyNetwork
from infra.config.rules.base import Problem, rule

PRIVATE = tuple(IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
"""RFC 1918's ranges, and that of carriers' NAT (RFC 6598)."""


@rule
def hybrid_nodes_have_an_endpoint_that_they_can_reach(cluster: Cluster) -> Iterator[Problem]:
    if cluster.hybrid and cluster.public_access_cidrs:
        yield Problem(
            "cluster.public_access_cidrs",
            "hybrid nodes cannot join a cluster whose endpoint is public and private at once: outside the VPC its name "
            "leads to public addresses",
            "leave it out: the endpoint is private then, and people come by the network that the nodes come by",
        )


@rule
def hybrid_networks_are_private_and_apart(cluster: Cluster, network: AnyNetwork) -> Iterator[Problem]:
    if cluster.hybrid is None:
        return
    remote = {
        f"cluster.hybrid.{key}[{index}]": cidr
        for key in ("node_cidrs", "pod_cidrs")
        for index, cidr in enumerate(getattr(cluster.hybrid, key))
    }
    for path, cidr in remote.items():
        if not any(cidr.subnet_of(private) for private in PRIVATE):
            yield Problem(
                path, f"{cidr} is not private", f"EKS takes {', '.join(map(str, PRIVATE))}, and parts of them"
            )
    ours = {"network.cidr": network.cidr, "cluster.service_cidr": cluster.service_cidr}
    pairs = [(path, other) for path in remote for other in ours] + [(b, a) for a, b in combinations(remote, 2)]
    for path, other in pairs:
        if remote[path].overlaps((ours | remote)[other]):
            message = f"{remote[path]} overlaps {other} {(ours | remote)[other]}"
            yield Problem(path, message, "move one of them: an address would be in two places")
