"""What AWS charges for each kind of resource of a plan: a table from resource type to lines of the bill."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from infra import prices
from infra.config import Platform
from infra.prices import HOURS_A_MONTH, Price
from infra.versions import STANDARD_SUPPORT_ENDS
from rayeks.plan.free import FREE
from rayeks.plan.model import Plan, Resource
from rayeks.plan.values import reveal

CENT = Decimal("0.01")
NAT = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
REPOSITORY = "aws:ecr/repository:Repository"
RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
ADDRESSES = "public IPv4 addresses"
GP3_IOPS, GP3_THROUGHPUT = 3000, 125
"""What the price of a gp3 volume includes: IOPS, and MB/s."""


@dataclass(frozen=True)
class Line:
    """One line of the bill: so many units of something at a price. `expected` lines rest on stated, not known, use."""

    section: str
    what: str
    quantity: Decimal
    unit: str
    price: Price | None
    urns: tuple[str, ...] = ()
    expected: bool = False

    @property
    def amount(self) -> Decimal | None:
        """US dollars, to the cent; None where the price is not known, which is not the same as nothing."""
        if self.price is None:
            return None
        return (self.quantity * exact(self.price.usd)).quantize(CENT, ROUND_HALF_UP)

    def to_json(self) -> dict[str, Any]:
        """The line for machines; amounts are text, so that no reader rounds them."""
        return {
            "section": self.section,
            "what": self.what,
            "quantity": str(self.quantity),
            "unit": self.unit,
            "usdPerUnit": None if self.price is None else str(exact(self.price.usd)),
            "usd": None if self.amount is None else str(self.amount),
            "source": self.price.source if self.price else None,
            "date": self.price.date.isoformat() if self.price else None,
            "urns": list(self.urns),
            "expected": self.expected,
        }


@dataclass(frozen=True)
class Stack:
    """What the charges of a resource are read from."""

    plan: Plan
    platform: Platform
    today: date

    def service(self, key: str) -> Price | None:
        """The price of a service in the stack's region."""
        return prices.service(key, self.platform.region)

    def on_demand(self, instance_type: str) -> Price | None:
        """The price of a machine's hour in the stack's region."""
        return prices.on_demand(instance_type, self.platform.region)

    def behind(self, resource: Resource, property_name: str, kind: str) -> Resource | None:
        """The resource of a type that a property was made from."""
        found = (self.plan.by_urn.get(urn) for urn in resource.property_dependencies.get(property_name, ()))
        return next((one for one in found if one is not None and one.type == kind), None)


Charges = Iterator[Line]


def exact(number: float) -> Decimal:
    """The number as it is written, not as binary keeps it."""
    return Decimal(str(number))


def charges(stack: Stack) -> list[Line]:
    """What the plan's AWS resources cost in a month, equal things on one line.

    A type that is neither priced nor known to be free is a line without a price.
    """
    lines: list[Line] = []
    for resource in stack.plan.resources:
        if resource.package != "aws" or resource.external or resource.type in FREE:
            continue
        if priced := PRICED.get(resource.type):
            lines += priced(stack, resource, reveal(resource.inputs))
        else:
            lines.append(Line("Not priced", resource.type, Decimal(1), "month", None, (resource.urn,)))
    return _merged([*lines, *_traffic(stack)])


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Lines of equal things at an equal price as one."""
    found: dict[Line, Line] = {}
    for line in lines:
        key = replace(line, quantity=Decimal(0), urns=())
        held = found.get(key)
        found[key] = replace(line, quantity=held.quantity + line.quantity, urns=held.urns + line.urns) if held else line
    return list(found.values())


def _traffic(stack: Stack) -> Charges:
    """What passes through all resources of a kind together, as the stack file expects."""
    expected = stack.platform.expected
    if any(stack.plan.of_type(NAT)):
        yield _amount("Network", "data through NAT", expected.nat_gib, "GB", stack.service("nat.gb"))
    if any(_is_interface(one.inputs) for one in stack.plan.of_type(ENDPOINT)):
        price = stack.service("endpoint.gb")
        yield _amount("Network", "data through interface endpoints", expected.endpoints_gib, "GB", price)
    if any(stack.plan.of_type(REPOSITORY)):
        yield _amount("Storage", "images in ECR", expected.images_gib, "GB-month", stack.service("ecr.gb"))


def _hours(section: str, what: str, price: Price | None, urn: str, count: int = 1) -> Line:
    return Line(section, what, Decimal(count * HOURS_A_MONTH), "hour", price, (urn,))


def _amount(section: str, what: str, quantity: float, unit: str, price: Price | None, *urns: str) -> Line:
    return Line(section, what, exact(quantity), unit, price, urns, expected=True)


def _cluster(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    version = inputs.get("version") or stack.platform.cluster.version
    # With STANDARD, EKS upgrades the cluster by itself when standard support ends, and never charges for more.
    stays = (inputs.get("upgradePolicy") or {}).get("supportType", "EXTENDED") == "EXTENDED"
    ends = STANDARD_SUPPORT_ENDS.get(version)
    support = "extended" if stays and ends and stack.today >= ends else "standard"
    what = f"EKS control plane, Kubernetes {version} in {support} support"
    yield _hours("Control plane", what, stack.service(f"eks.{support}"), resource.urn)
    tier = (inputs.get("controlPlaneScalingConfig") or {}).get("tier", "standard")
    if tier != "standard":
        yield _hours("Control plane", f"provisioned capacity {tier}", stack.service(f"eks.{tier}"), resource.urn)


def _nat(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    regional = inputs.get("availabilityMode") == "regional"
    zones = len(stack.platform.network.zones) if regional else 1
    yield _hours("Network", "NAT gateways", stack.service("nat.hour"), resource.urn, zones)
    if regional:  # AWS takes an address for each zone by itself
        yield _hours("Network", ADDRESSES, stack.service("ipv4.hour"), resource.urn, zones)


def _address(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    yield _hours("Network", ADDRESSES, stack.service("ipv4.hour"), resource.urn)


def _endpoint(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    if _is_interface(inputs):
        zones = len(inputs.get("subnetIds") or ())
        yield _hours("Network", "interface endpoints", stack.service("endpoint.hour"), resource.urn, zones)


def _is_interface(inputs: Mapping[str, Any]) -> bool:
    return inputs.get("vpcEndpointType") == "Interface"


def _node_group(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    desired = int(inputs["scalingConfig"]["desiredSize"])
    warm = inputs.get("warmPoolConfig") or {}
    waiting = int(warm.get("minSize") or 0)
    running = desired + (waiting if warm.get("poolState") == "RUNNING" else 0)
    template = stack.behind(resource, "launchTemplate", "aws:ec2/launchTemplate:LaunchTemplate")
    reserved = template and stack.behind(template, "capacityReservationSpecification", RESERVATION)
    kind = str(
        inputs["instanceTypes"][0] if inputs.get("instanceTypes") else template and template.inputs["instanceType"]
    )
    if running and not reserved:  # what runs in a reservation is paid with it
        price, market = stack.on_demand(kind), "on demand"
        if inputs.get("capacityType") == "SPOT":
            price, market = prices.spot(kind, stack.platform.region), "spot"
        if inputs.get("capacityType") == "CAPACITY_BLOCK":
            price, market = None, "Capacity Block, paid when it is bought"
        yield _hours("Nodes", f"{resource.name}: {running} × {kind}, {market}", price, resource.urn, running)
    if template and desired + waiting:
        disk = reveal(template.inputs)["blockDeviceMappings"][0]["ebs"]
        yield from disks(stack, f"disks of {resource.name}", desired + waiting, disk, resource.urn)


def disks(stack: Stack, what: str, count: int, disk: Mapping[str, Any], urn: str) -> Charges:
    """A month of gp3 volumes: their size, and what they have beyond the 3,000 IOPS and 125 MB/s that it includes."""
    beyond = int(disk.get("iops") or GP3_IOPS) - GP3_IOPS
    faster = int(disk.get("throughput") or GP3_THROUGHPUT) - GP3_THROUGHPUT
    for what_of_it, each, unit, key in (
        (what, int(disk["volumeSize"]), "GB-month", "gb"),
        (f"{what}, IOPS beyond {GP3_IOPS}", beyond, "IOPS-month", "iops"),
        (f"{what}, MB/s beyond {GP3_THROUGHPUT}", faster, "MB/s-month", "throughput"),
    ):
        if each:
            price = stack.service(f"ebs.gp3.{key}")
            yield Line("Nodes", what_of_it, Decimal(count * each), unit, price, (urn,))


def _reservation(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    count, kind = int(inputs["instanceCount"]), inputs["instanceType"]
    what = f"{resource.name}: {count} × {kind}, used or not"
    yield _hours("Reservations", what, stack.on_demand(kind), resource.urn, count)


def _bucket(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    platform = stack.platform
    name = inputs.get("bucket") or resource.name
    purpose = name.removeprefix(f"{platform.name}-").removesuffix(f"-{platform.account}-{platform.region}")
    gib = platform.expected.buckets_gib.get(purpose, 500 if purpose in platform.storage.buckets else 10)
    yield _amount("Storage", f"S3 bucket {purpose}", gib, "GB-month", stack.service("s3.standard.gb"), resource.urn)


def _files(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    expected, name = stack.platform.expected, "EFS"
    for what, gib, unit, key in (
        (name, expected.files_gib, "GB-month", "standard"),
        (f"{name}, read", expected.files_read_gib, "GB", "read"),
        (f"{name}, written", expected.files_written_gib, "GB", "write"),
    ):
        yield _amount("Storage", what, gib, unit, stack.service(f"efs.{key}.gb"), resource.urn)


def _backup(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    if (inputs.get("backupPolicy") or {}).get("status") == "ENABLED":
        gib, price = stack.platform.expected.files_gib, stack.service("efs.backup.gb")
        yield _amount("Storage", "EFS, backups", gib, "GB-month", price, resource.urn)


def _lustre(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    throughput = inputs.get("perUnitStorageThroughput")
    price = stack.service(f"fsx.lustre.ssd-{throughput}.gb")
    what = f"FSx for Lustre, {throughput} MB/s per TiB"
    yield Line("Storage", what, Decimal(int(inputs["storageCapacity"])), "GB-month", price, (resource.urn,))


def _key(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    price = stack.service("kms.key")
    yield Line("Keys and logs", "KMS keys", Decimal(1), "key-month", price, (resource.urn,))


def _secret(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    price = stack.service("secret.month")
    yield Line("Keys and logs", "secrets", Decimal(1), "secret-month", price, (resource.urn,))


def _logs(stack: Stack, resource: Resource, inputs: Mapping[str, Any]) -> Charges:
    gib, days = stack.platform.expected.logs_gib, int(inputs.get("retentionInDays") or 3653)
    name = f"logs {inputs.get('name', resource.name)}"
    yield _amount("Keys and logs", f"{name}, taken in", gib, "GB", stack.service("logs.ingest.gb"), resource.urn)
    kept = (exact(gib) * days / 30).quantize(CENT)
    price = stack.service("logs.store.gb")
    yield Line("Keys and logs", f"{name}, {days} days kept", kept, "GB-month", price, (resource.urn,), expected=True)


PRICED: Mapping[str, Callable[[Stack, Resource, Mapping[str, Any]], Charges]] = {
    "aws:cloudwatch/logGroup:LogGroup": _logs,
    RESERVATION: _reservation,
    "aws:ec2/eip:Eip": _address,
    NAT: _nat,
    ENDPOINT: _endpoint,
    REPOSITORY: lambda *_: iter(()),
    "aws:efs/backupPolicy:BackupPolicy": _backup,
    "aws:efs/fileSystem:FileSystem": _files,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:fsx/lustreFileSystem:LustreFileSystem": _lustre,
    "aws:kms/key:Key": _key,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:secretsmanager/secret:Secret": _secret,
}
