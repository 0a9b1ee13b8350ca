"""What is true of every machine, whoever launches it: it exists, it is offered, and its zone is ours."""

import difflib
from collections.abc import Iterator, Sequence

from infra import instances
from infra.config.network import AnyNetwork
from infra.config.rules.base import Problem

UNUSABLE = {
    "g6f": "fractional GPUs advertise no nvidia.com/gpu",
    "gr6f": "fractional GPUs advertise no nvidia.com/gpu",
    "g7": "its GPU needs a newer driver than EKS's AMI ships",
}
"""Families that launch and then silently have no GPU, and why. Source: karpenter-provider-aws, amazon-eks-ami."""


def type_problems(path: str, kind: str, region: str, zones: Sequence[str]) -> Iterator[Problem]:
    """Whether EC2 has the type and offers it in at least one of the zones."""
    family = kind.split(".")[0]
    if family in UNUSABLE:
        yield Problem(path, f"{kind} is refused: {UNUSABLE[family]}", "it would need an AMI of its own")
    elif instances.facts(kind) is None:
        near = difflib.get_close_matches(kind, instances.names(), 3)
        yield Problem(path, f"EC2 has no instance type {kind}", f"there are {', '.join(near)}" if near else "check it")
    elif all(instances.offered(kind, region, zone) is False for zone in zones):
        where = [zone for zone in instances.zones(region) or () if instances.offered(kind, region, zone)]
        fix = f"EC2 has it in {', '.join(where)}" if where else f"{region} has none; take another type"
        yield Problem(path, f"{kind} is not offered in {', '.join(zones)}", fix)


def zone_problems(path: str, zones: Sequence[str], network: AnyNetwork) -> Iterator[Problem]:
    """Whether every zone of a list is one of the network's."""
    for index, zone in enumerate(zones):
        if zone not in network.zones:
            yield unknown_zone(f"{path}[{index}]", zone, network)


def unknown_zone(path: str, zone: str, network: AnyNetwork) -> Problem:
    """A zone in which the network has no subnet."""
    return Problem(path, f"{zone} is not one of network.zones", f"use {', '.join(network.zones)}")
