"""NAT gateways, zonal and regional, with the network interfaces and addresses that they hold."""

from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource

from local.aws.extensions.ec2.service import Document, ec2, new_id, select, tag, tags_of, zone_id
from local.aws.moto import Call, Fault, paged

FILTERS = {
    "nat-gateway-id": "NatGatewayId",
    "state": "State",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


class Failure(Exception):
    """Why a gateway could not be made, and what of it is known."""

    def __init__(self, code: str, message: str, **about: str) -> None:
        super().__init__(message)
        self.about: Document = {"FailureCode": code, "FailureMessage": message, **about}


class Gateway(TaggedEC2Resource):
    """A NAT gateway; moto's routes hold it by its id."""

    def __init__(self, backend: Any, about: Document) -> None:
        self.ec2_backend = backend
        self.id: str = about["NatGatewayId"]
        self.about = about

    @property
    def vpc_id(self) -> str:
        """Its VPC."""
        return self.about["VpcId"]

    @property
    def state(self) -> str:
        """Its state."""
        return self.about["State"]


@ec2
def create_nat_gateway(call: Call, request: Document) -> Document:
    """Create a gateway; it is available when next described."""
    regional = request.get("AvailabilityMode") == "regional"
    private = request.get("ConnectivityType") == "private"
    addresses: list[Document] = []
    about: Document = {
        "NatGatewayId": new_id("nat"),
        "State": "available",
        "CreateTime": datetime.now(UTC),
        "ConnectivityType": "private" if private else "public",
        "AvailabilityMode": "regional" if regional else "zonal",
        "NatGatewayAddresses": addresses,
    }
    try:
        about |= _regional(call, request, addresses) if regional else _zonal(call, request, addresses, private)
    except Failure as failure:
        # What EC2 finds out only while it makes the gateway shows in the gateway's state.
        about |= failure.about | {"State": "failed", "DeleteTime": datetime.now(UTC)}
    key = about["NatGatewayId"]
    tag(call, key, request, "natgateway")
    backend = call.backend("ec2")
    backend.nat_gateways[key] = Gateway(backend, about)
    return {"NatGateway": _about(call, about) | {"State": "pending"}, "ClientToken": request.get("ClientToken")}


@ec2
def describe_nat_gateways(call: Call, request: Document) -> Document:
    """Gateways by id or filter; deleted ones stay visible, as for an hour at AWS."""
    known = call.backend("ec2").nat_gateways
    for key in request.get("NatGatewayIds") or []:
        if key not in known:
            raise _unknown(key)
    found = [
        _about(call, gateway.about)
        for key, gateway in known.items()
        if not request.get("NatGatewayIds") or key in request["NatGatewayIds"]
    ]
    # The model's own name of the list is Filter.
    shown = select(found, request, FILTERS, key="Filter")
    page, token = paged(shown, request, token="NextToken", size="MaxResults", most=1000)
    return {"NatGateways": page, "NextToken": token}


@ec2
def delete_nat_gateway(call: Call, request: Document) -> Document:
    """Delete a gateway and free its interface and addresses."""
    backend, key = call.backend("ec2"), request["NatGatewayId"]
    gateway = backend.nat_gateways.get(key)
    if gateway is None or gateway.state == "deleted":
        raise _unknown(key)
    for address in gateway.about["NatGatewayAddresses"]:
        if address.get("AssociationId"):
            backend.disassociate_address(association_id=address["AssociationId"])
        if address.get("NetworkInterfaceId"):
            backend.delete_network_interface(address["NetworkInterfaceId"])
    if gateway.about.get("RouteTableId"):
        # The table that came with a regional gateway goes with it, or the VPC could never go.
        backend.delete_route_table(gateway.about["RouteTableId"])
    gateway.about |= {"State": "deleted", "DeleteTime": datetime.now(UTC)}
    return {"NatGatewayId": key}


def _zonal(call: Call, request: Document, addresses: list[Document], private: bool) -> Document:
    backend = call.backend("ec2")
    if not request.get("SubnetId"):
        raise Fault("MissingParameter", "The request must contain the parameter subnetId")
    subnet = backend.get_subnet(request["SubnetId"])
    allocation = request.get("AllocationId")
    if private and allocation:
        raise Fault("InvalidParameter", "AllocationId can't be given for a private NAT gateway")
    if not private and not allocation:
        raise Fault("MissingParameter", "The request must contain the parameter allocationId")
    place = {"SubnetId": subnet.id, "VpcId": subnet.vpc_id}
    if not private and not _has_internet_gateway(call, subnet.vpc_id):
        raise Failure("Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached", **place)
    address = _free_address(backend, allocation, place) if allocation else None
    interface = backend.create_network_interface(
        subnet, request.get("PrivateIpAddress") or [], description="Interface for NAT Gateway"
    )
    interface.requester_managed, interface.status, interface.interface_type = True, "in-use", "nat_gateway"
    about: Document = {
        "NetworkInterfaceId": interface.id,
        "PrivateIp": interface.private_ip_address,
        "IsPrimary": True,
        "Status": "succeeded",
    }
    if address:
        about |= _associate(backend, address, interface)
    addresses.append(about)
    return place


def _regional(call: Call, request: Document, addresses: list[Document]) -> Document:
    backend = call.backend("ec2")
    if request.get("SubnetId") or request.get("AllocationId"):
        raise Fault("InvalidParameterCombination", "A regional NAT gateway takes neither SubnetId nor AllocationId")
    if not request.get("VpcId"):
        raise Fault("MissingParameter", "The request must contain the parameter vpcId")
    vpc = backend.get_vpc(request["VpcId"])
    if not _has_internet_gateway(call, vpc.id):
        raise Failure("Gateway.NotAttached", f"Network {vpc.id} has no Internet gateway attached", VpcId=vpc.id)
    for place in request.get("AvailabilityZoneAddresses") or []:
        zone = place.get("AvailabilityZone")
        for allocation in place.get("AllocationIds") or []:
            held = _associate(backend, _free_address(backend, allocation, {"VpcId": vpc.id}), None)
            addresses.append(
                held
                | {
                    "Status": "succeeded",
                    "AvailabilityZone": zone,
                    "AvailabilityZoneId": place.get("AvailabilityZoneId") or zone_id(call, zone),
                }
            )
    automatic = "disabled" if addresses else "enabled"
    table = backend.create_route_table(vpc.id)
    internet = next(gw for gw in backend.internet_gateways.values() if gw.vpc and gw.vpc.id == vpc.id)
    backend.create_route(table.id, "0.0.0.0/0", gateway_id=internet.id)
    return {
        "VpcId": vpc.id,
        "AutoProvisionZones": automatic,
        "AutoScalingIps": automatic,
        "RouteTableId": table.id,
    }


def _free_address(backend: Any, allocation: str, place: dict[str, str]) -> Any:
    address = next((item for item in backend.addresses if item.allocation_id == allocation), None)
    message = f"Elastic IP address {allocation} could not be associated with this NAT gateway"
    if address is None:
        raise Failure("InvalidAllocationID.NotFound", message, **place)
    if address.association_id:
        raise Failure("InvalidAllocationID.AlreadyAssociated", message, **place)
    return address


def _associate(backend: Any, address: Any, interface: Any) -> Document:
    backend.associate_address(eni=interface, allocation_id=address.allocation_id, reassociate=interface is None)
    return {
        "AllocationId": address.allocation_id,
        "PublicIp": address.public_ip,
        "AssociationId": address.association_id,
    }


def _has_internet_gateway(call: Call, vpc_id: str) -> bool:
    gateways = call.backend("ec2").internet_gateways.values()
    return any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in gateways)


def _about(call: Call, about: Document) -> Document:
    return about | {"Tags": tags_of(call, about["NatGatewayId"])}


def _unknown(key: str) -> Fault:
    return Fault("NatGatewayNotFound", f"NAT gateway {key} was not found")
