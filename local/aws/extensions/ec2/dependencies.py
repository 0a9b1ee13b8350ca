"""What EC2 refuses to delete while something else needs it, where moto would let it go."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.core import TaggedEC2Resource

from local.aws.extensions.ec2.service import Document, ec2
from local.aws.moto import Call, Fault, override


def patch() -> None:
    """Put the refusals before moto's deletions, and forget the tags of what is gone."""
    for name, refuse in (
        ("delete_vpc", _vpc),
        ("delete_subnet", _subnet),
        ("delete_security_group", _security_group),
        ("detach_internet_gateway", _internet_gateway),
        ("delete_network_interface", None),
        ("release_address", _address),
        ("delete_route_table", None),
        ("delete_internet_gateway", None),
        ("delete_launch_template", None),
    ):
        override(EC2Backend, name, _guarded(name, refuse))
    override(TaggedEC2Resource, "get_tags", _get_tags)


@ec2
def delete_network_interface(call: Call, request: Document) -> Document:
    """Delete an interface that nothing uses: neither an instance nor another service."""
    backend, key = call.backend("ec2"), request["NetworkInterfaceId"]
    eni = backend.get_network_interface(key)
    if eni.status == "in-use" or (eni.instance is not None and eni.attachment_id):
        raise Fault("InvalidParameterValue", f"Network interface '{key}' is currently in use.")
    backend.delete_network_interface(key)
    return {}


def _guarded(name: str, refuse: Callable[..., None] | None) -> Callable[..., Any]:
    delete = getattr(EC2Backend, name)

    @wraps(delete)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        if refuse:
            refuse(self, *args, **kwargs)
        result = delete(self, *args, **kwargs)
        for key in [*args, *kwargs.values()]:
            if isinstance(key, str) and not name.startswith("detach"):
                self.tags.pop(key, None)
        return result

    return guarded


def _vpc(backend: Any, vpc_id: str) -> None:
    backend.get_vpc(vpc_id)
    held = (
        any(subnet.vpc_id == vpc_id for zone in backend.subnets.values() for subnet in zone.values())
        or any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in backend.internet_gateways.values())
        or any(group.name != "default" for group in backend.groups.get(vpc_id, {}).values())
        or any(item.vpc_id == vpc_id and item.state != "deleted" for item in backend.vpc_end_points.values())
        or any(
            item.vpc_id == vpc_id and item.state not in ("deleted", "failed") for item in backend.nat_gateways.values()
        )
        or any(
            peer.status.code == "active" and vpc_id in (peer.vpc.id, peer.peer_vpc.id)
            for peer in backend.vpc_pcxs.values()
        )
    )
    if held:
        raise _violation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


def _subnet(backend: Any, subnet_id: str) -> None:
    if any(eni.subnet.id == subnet_id for eni in backend.enis.values()):
        raise _violation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


def _security_group(backend: Any, name: str | None = None, group_id: str | None = None) -> None:
    group = backend.get_security_group_from_id(group_id) if group_id else None
    if group is None:
        return
    used = any(group.id in {held.id for held in eni.group_set} for eni in backend.enis.values())
    referring = any(
        other.id != group.id and group.id in {rule.source_group.get("GroupId") for rule in _rules(other)}
        for groups in backend.groups.values()
        for other in groups.values()
    )
    if used or referring:
        raise _violation(f"resource {group.id} has a dependent object")


def _rules(group: Any) -> list[Any]:
    return [*group.ingress_rules, *group.egress_rules]


def _internet_gateway(backend: Any, internet_gateway_id: str, vpc_id: str) -> None:
    mapped = any(eni.public_ip and eni.subnet.vpc_id == vpc_id for eni in backend.enis.values())
    if mapped:
        raise _violation(
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway."
        )


def _address(backend: Any, address: str | None = None, allocation_id: str | None = None) -> None:
    for held in backend.addresses:
        if allocation_id and held.allocation_id == allocation_id and held.association_id:
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address with allocation id [{allocation_id}] is in use.")


def _violation(message: str) -> EC2ClientError:
    return EC2ClientError("DependencyViolation", message)


def _get_tags(self: Any) -> list[dict[str, str]]:
    """As moto's, without searching all tags of the account."""
    tags = self.ec2_backend.tags.get(self.id) or {}
    return [{"key": key, "value": value, "resource_id": self.id} for key, value in tags.items()]
