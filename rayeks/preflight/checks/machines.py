"""Whether EC2 has the stack's machines in its zones, and their network cards are as planned."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.config.pools import Pool
from rayeks.preflight import matching
from rayeks.preflight.account import Account
from rayeks.preflight.demand import pool_types, requirements_of
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack

NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def instance_types(stack: Stack, aws: Account, also: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """The instance types that the stack names or its pools may launch, and others by name, as EC2 describes them."""
    platform = stack.platform
    asked = [matching.filters(requirements_of(name, pool)) for name, pool in platform.pools.items()]
    named = {kind for group in platform.node_groups.values() for kind in group.instance_types}
    named |= {reservation.instance_type for reservation in platform.reservations.values()}
    found = {item["InstanceType"]: item for filters in asked for item in _described(aws, filters)}
    # As a filter, because EC2 refuses the whole question for one name that it does not know.
    missing = sorted((named | set(also)) - set(found))
    for start in range(0, len(missing), 200):
        filters = [{"Name": "instance-type", "Values": missing[start : start + 200]}]
        found |= {item["InstanceType"]: item for item in _described(aws, filters)}
    return found


def _described(aws: Account, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return aws.read("ec2", "describe_instance_types", Filters=filters)["InstanceTypes"]


def offered(aws: Account, zones: tuple[str, ...]) -> dict[str, set[str]]:
    """Zone → the instance types that EC2 offers there."""
    filters = [{"Name": "location", "Values": list(zones)}]
    answer = aws.read("ec2", "describe_instance_type_offerings", LocationType="availability-zone", Filters=filters)
    found: dict[str, set[str]] = {zone: set() for zone in zones}
    for row in answer["InstanceTypeOfferings"]:
        if row["Location"] in found:
            found[row["Location"]].add(row["InstanceType"])
    return found


@check("machines")
def machines(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Instance types in the zones."""
    types, zones = instance_types(stack, aws), offered(aws, stack.zones)
    for name, group in stack.platform.node_groups.items():
        yield from _group(f"node_groups.{name}", group.instance_types, group.zones or stack.zones, zones)
    for name, pool in stack.platform.pools.items():
        yield from _pool(name, pool, types, zones)


def _group(
    path: str, kinds: tuple[str, ...], wanted: tuple[str, ...], zones: Mapping[str, set[str]]
) -> Iterator[Finding]:
    having = {zone: [kind for kind in kinds if kind in zones[zone]] for zone in wanted}
    empty = [zone for zone, found in having.items() if not found]
    partly = [f"{zone} has only {', '.join(found)}" for zone, found in having.items() if 0 < len(found) < len(kinds)]
    if empty:
        rest = ", ".join(zone for zone in wanted if zone not in empty)
        yield failed(
            path,
            f"EC2 offers no {' or '.join(kinds)} in {', '.join(empty)}",
            f"set {path}.zones to {rest}" if rest else f"choose other types for {path}.instance_types",
        )
    elif partly:
        yield warned(path, "; ".join(partly), f"name a type for {path}.instance_types that every zone has")
    else:
        yield passed(path, f"{', '.join(kinds)} in {', '.join(wanted)}")


def _pool(name: str, pool: Pool, types: Mapping[str, Any], zones: Mapping[str, set[str]]) -> Iterator[Finding]:
    path = f"pools.{name}"
    requirements = requirements_of(name, pool)
    launchable = pool_types(name, pool, types)
    if not launchable:
        yield failed(path, "EC2 has no instance type here that fits its requirements", f"widen {path}")
        return
    wanted = matching.values(requirements, matching.ZONE) or tuple(zones)
    told = launchable[0] if len(launchable) == 1 else f"any of its {len(launchable)} types"
    here = {zone: [kind for kind in launchable if kind in zones.get(zone, ())] for zone in wanted}
    wrong = False
    for zone, kinds in here.items():
        if not kinds:
            wrong = True
            elsewhere = ", ".join(key for key, offers in zones.items() if offers & set(launchable)) or "no zone here"
            yield failed(path, f"EC2 does not offer {told} in {zone}", f"use a zone that has it: {elsewhere}")
            continue
        for label, need in matching.least(requirements).items():
            have = {matching.labels(types[kind]).get(label, "") for kind in kinds}
            if len(have) < need:
                wrong = True
                what = label.rpartition("/")[2]
                yield failed(
                    path,
                    f"{zone} leaves {len(have)} values of {what} ({', '.join(sorted(have))}); Karpenter wants {need}",
                    f"lower {path}.min_families, or widen its categories, generation or sizes",
                )
    if not wrong:
        fewest = min(len(kinds) for kinds in here.values())
        what = told if len(launchable) == 1 else f"{fewest} types or more"
        yield passed(path, f"{what} in {', '.join(wanted)}")


@check("efa")
def efa(stack: Stack, aws: Account) -> Iterator[Finding]:
    """EFA interfaces as EC2 has them."""
    types = instance_types(stack, aws)
    for path, kind, layout in _layouts(stack):
        if kind in types:
            yield _layout(path, kind, layout, types[kind].get("NetworkInfo") or {})
        else:
            yield failed(path, f"EC2 has no {kind} here", "see the check `machines`")


def _layouts(stack: Stack) -> Iterator[tuple[str, str, list[tuple[int, str]]]]:
    """Path, instance type, and (network card, interface type) of each interface that the plan spells out."""
    for resource, inputs in stack.inputs(NODE_CLASS):
        planned = inputs["spec"].get("networkInterfaces") or []
        pool = stack.platform.pools.get(resource.name)
        kind = getattr(pool, "instance_type", None)
        if planned and kind:
            cards = [(item["networkCardIndex"], item.get("interfaceType", "interface")) for item in planned]
            yield f"pools.{resource.name}", kind, cards
    for resource, inputs in stack.inputs(TEMPLATE):
        planned = inputs.get("networkInterfaces") or []
        name = resource.name.removeprefix(f"{stack.platform.name}-")
        group = stack.platform.node_groups.get(name)
        if group and any(item.get("interfaceType", "").startswith("efa") for item in planned):
            cards = [(int(item.get("networkCardIndex", 0)), item.get("interfaceType", "interface")) for item in planned]
            yield f"node_groups.{name}", group.instance_types[0], cards


def _layout(path: str, kind: str, layout: list[tuple[int, str]], network: Mapping[str, Any]) -> Finding:
    most = (network.get("EfaInfo") or {}).get("MaximumEfaInterfaces", 0) if network.get("EfaSupported") else 0
    cards = {card["NetworkCardIndex"]: card for card in network.get("NetworkCards") or []}
    planned = sum(interface.startswith("efa") for _, interface in layout)
    fix = "update moto, whose EC2 data infra/instances.py reads; then plan again"
    if planned > most:
        return failed(path, f"{planned} EFA interfaces are planned, and EC2 gives {kind} {most}", fix)
    for index in sorted({card for card, _ in layout}):
        used = sum(card == index for card, _ in layout)
        if cards and index not in cards:
            return failed(path, f"network card {index} is planned, and {kind} has {len(cards)}", fix)
        room = cards.get(index, {}).get("MaximumNetworkInterfaces")
        if room is not None and used > room:
            return failed(
                path, f"{used} interfaces are planned on network card {index} of {kind}, which takes {room}", fix
            )
    if planned < most:
        return warned(path, f"{planned} of the {most} EFA interfaces of {kind} are planned", fix)
    return passed(path, f"all {most} EFA interfaces of {kind}, on {len({card for card, _ in layout})} network cards")
