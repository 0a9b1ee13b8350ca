"""EC2's routing: route tables, single routes, associations with subnets, and endpoints of AWS services."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import ABSENT, MINUTES, Call, Change, Resource
from local.providers.aws.types.ec2_common import arn, filtered, tagging

DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
TARGETS = {
    "carrierGatewayId": "CarrierGatewayId",
    "coreNetworkArn": "CoreNetworkArn",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "gatewayId": "GatewayId",
    "localGatewayId": "LocalGatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
INLINE = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
    **TARGETS,
}
ROUTE_ID = re.compile(r"r-(?P<table>rtb-(?:[0-9a-f]{17}|[0-9a-f]{8}))(?P<digest>\d+)|(?P<by>rtb-\w+)_(?P<to>.+)")


def _routes(operation: Operation, table: str) -> list[dict[str, Any]]:
    found = operation.ignoring_absence(lambda: operation.call("DescribeRouteTables", {"RouteTableIds": [table]}))
    return found["RouteTables"][0].get("Routes", []) if found and found["RouteTables"] else []


def _destination(route: dict[str, Any]) -> str:
    return next((route[member] for member in DESTINATIONS.values() if route.get(member)), "")


def _digest(destination: str) -> str:
    return str(zlib.crc32(destination.encode()))


def _create_route(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    names = {**DESTINATIONS, **TARGETS, "routeTableId": "RouteTableId"}
    params = {member: inputs[name] for name, member in names.items() if inputs.get(name)}
    operation.call("CreateRoute", params)
    operation.id = f"r-{inputs['routeTableId']}{_digest(_destination(params))}"
    return {}


def _read_route(operation: Operation) -> dict[str, Any] | None:
    match = ROUTE_ID.fullmatch(operation.id)
    if match is None:
        return None
    table = match["table"] or match["by"]
    for route in _routes(operation, table):
        destination = _destination(route)
        if _digest(destination) == match["digest"] or destination == match["to"]:
            operation.id = f"r-{table}{_digest(destination)}"
            gateway = route.get("GatewayId", "")
            told = {"VpcEndpointId": gateway, "GatewayId": None} if gateway.startswith("vpce-") else {}
            return {**route, **told, "RouteTableId": table}
    return None


def _replace_route(operation: Operation) -> None:
    inputs = operation.inputs
    names = {**DESTINATIONS, **TARGETS, "routeTableId": "RouteTableId"}
    operation.call("ReplaceRoute", {member: inputs[name] for name, member in names.items() if inputs.get(name)})


def _inline_routes(operation: Operation) -> None:
    """Bring the table's routes to the inline ones; routes that AWS or others keep there are told by their origin."""
    wanted = {}
    for route in operation.inputs.get("routes") or ():
        params = {INLINE[name]: value for name, value in route.items() if value}
        wanted[_destination(params)] = params
    present = {_destination(route): route for route in operation.raw.get("Routes", []) if _is_made(route)}
    for destination in present.keys() - wanted.keys():
        key = next(member for member in DESTINATIONS.values() if present[destination].get(member))
        operation.call("DeleteRoute", {"RouteTableId": operation.id, key: destination})
    for destination, params in wanted.items():
        known = present.get(destination)
        if known is None:
            operation.call("CreateRoute", {"RouteTableId": operation.id, **params})
        elif any(known.get(member) != value for member, value in params.items()):
            operation.call("ReplaceRoute", {"RouteTableId": operation.id, **params})


def _is_made(route: dict[str, Any]) -> bool:
    return route.get("Origin", "CreateRoute") == "CreateRoute" and route.get("GatewayId") != "local"


def _shown_routes(shown: dict[str, Any], operation: Operation) -> None:
    shown["routes"] = [
        {name: route[member] for name, member in INLINE.items() if route.get(member)}
        for route in operation.raw.get("Routes", [])
        if _is_made(route)
    ]
    shown["propagatingVgws"] = [each["GatewayId"] for each in operation.raw.get("PropagatingVgws", [])]


ROUTE_TABLE = Resource(
    token="aws:ec2/routeTable:RouteTable",
    service="ec2",
    id="{RouteTableId}",
    create=Call("CreateRouteTable", {}, "RouteTable"),
    reads=(Call("DescribeRouteTables", {"RouteTableIds": ["{id}"]}, "RouteTables[0]"),),
    changes=(Change("routes", _inline_routes),),
    delete=(Call("DeleteRouteTable", {"RouteTableId": "{id}"}),),
    awaits_deletion=True,
    replaces=words("vpcId"),
    computed=words("routes propagatingVgws"),
    unordered=words("routes propagatingVgws"),
    outputs={"arn": arn("route-table")},
    shown=_shown_routes,
    tagging=tagging("route-table"),
    timeouts={"create": 5 * MINUTES, "update": 2 * MINUTES, "delete": 5 * MINUTES},
)

ROUTE = Resource(
    token="aws:ec2/route:Route",
    service="ec2",
    id="r-{routeTableId}{digest}",
    create=_create_route,
    consumes=words("routeTableId", *DESTINATIONS, *TARGETS),
    reads=(_read_route,),
    changes=(Change(" ".join(TARGETS), _replace_route),),
    delete=(
        Call(
            "DeleteRoute",
            {
                "RouteTableId": "{RouteTableId}",
                "DestinationCidrBlock": "{DestinationCidrBlock}",
                "DestinationIpv6CidrBlock": "{DestinationIpv6CidrBlock}",
                "DestinationPrefixListId": "{DestinationPrefixListId}",
            },
        ),
    ),
    awaits_deletion=True,
    replaces=words("routeTableId", *DESTINATIONS),
    computed=words("networkInterfaceId"),
    names={"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"},
    missing=words("InvalidRouteTableId.NotFound InvalidRoute.NotFound"),
    timeouts={"create": 5 * MINUTES, "update": 2 * MINUTES, "delete": 5 * MINUTES},
)


def _association(operation: Operation) -> dict[str, Any] | None:
    """The association by its id, or of its subnet: AWS gives it a new id whenever its table is replaced."""
    subnet, gateway = operation.scope("subnetId"), operation.scope("gatewayId")
    name, value = "route-table-association-id", operation.id
    if subnet is not ABSENT:
        name, value = "subnet-id", subnet
    elif gateway is not ABSENT:
        name, value = "gateway-id", gateway
    filters = [{"Name": f"association.{name}", "Values": [value]}]
    for table in operation.call("DescribeRouteTables", {"Filters": filters})["RouteTables"]:
        for each in table["Associations"]:
            if value in (each.get("RouteTableAssociationId"), each.get("SubnetId"), each.get("GatewayId")):
                operation.id = each["RouteTableAssociationId"]
                return {key: member for key, member in each.items() if key != "AssociationState"}
    return None


def _reassociate(operation: Operation) -> None:
    params = {"AssociationId": operation.id, "RouteTableId": operation.inputs["routeTableId"]}
    operation.id = operation.call("ReplaceRouteTableAssociation", params)["NewAssociationId"]


ROUTE_TABLE_ASSOCIATION = Resource(
    token="aws:ec2/routeTableAssociation:RouteTableAssociation",
    service="ec2",
    id="{AssociationId}",
    create=Call("AssociateRouteTable"),
    reads=(_association,),
    changes=(Change("routeTableId", _reassociate),),
    delete=(Call("DisassociateRouteTable", {"AssociationId": "{id}"}),),
    awaits_deletion=True,
    replaces=words("subnetId gatewayId"),
    timeouts={"create": 5 * MINUTES, "update": 2 * MINUTES, "delete": 5 * MINUTES},
)


def _modify_endpoint(operation: Operation) -> None:
    inputs, raw = operation.inputs, operation.raw
    groups = [each["GroupId"] for each in raw.get("Groups", [])]
    params: dict[str, Any] = {"VpcEndpointId": operation.id}
    for name, member, present in (
        ("routeTableIds", "RouteTableIds", raw.get("RouteTableIds", [])),
        ("subnetIds", "SubnetIds", raw.get("SubnetIds", [])),
        ("securityGroupIds", "SecurityGroupIds", groups),
    ):
        if name in inputs:
            wanted = inputs[name] or []
            params[f"Add{member}"] = [one for one in wanted if one not in present]
            params[f"Remove{member}"] = [one for one in present if one not in wanted]
    for name, member in (("policy", "PolicyDocument"), ("ipAddressType", "IpAddressType")):
        if name in inputs:
            params[member] = inputs[name]
    if inputs.get("vpcEndpointType") == "Interface" and "privateDnsEnabled" in inputs:
        params["PrivateDnsEnabled"] = inputs["privateDnsEnabled"]
    operation.call("ModifyVpcEndpoint", {name: value for name, value in params.items() if value not in (None, [])})


def _endpoint_groups(shown: dict[str, Any], operation: Operation) -> None:
    shown["securityGroupIds"] = [each["GroupId"] for each in operation.raw.get("Groups", [])]


def _private_dns_is_of_interfaces(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({"privateDnsEnabled"} if new.get("vpcEndpointType") != "Interface" else ())


VPC_ENDPOINT = Resource(
    token="aws:ec2/vpcEndpoint:VpcEndpoint",
    service="ec2",
    id="{VpcEndpointId}",
    create=Call("CreateVpcEndpoint", {}, "VpcEndpoint"),
    reads=(
        Call("DescribeVpcEndpoints", {"VpcEndpointIds": ["{id}"]}, "VpcEndpoints[0]"),
        filtered(
            "DescribePrefixLists",
            "PrefixLists[0].{prefixListId: PrefixListId, cidrBlocks: Cidrs}",
            {"prefix-list-name": "{serviceName}"},
        ),
    ),
    changes=(
        Change(
            "routeTableIds subnetIds securityGroupIds policy ipAddressType privateDnsEnabled",
            _modify_endpoint,
        ),
    ),
    delete=(Call("DeleteVpcEndpoints", {"VpcEndpointIds": ["{id}"]}),),
    awaits_deletion=True,
    status="State",
    ready=words("available"),
    failed=words("failed rejected expired"),
    gone=words("deleted"),
    why="LastError.Message",
    replaces=words("vpcId serviceName serviceRegion vpcEndpointType dnsOptions"),
    forces=_private_dns_is_of_interfaces,
    computed=words(
        "dnsOptions ipAddressType policy privateDnsEnabled routeTableIds securityGroupIds serviceRegion subnetIds"
    ),
    unordered=words("routeTableIds subnetIds securityGroupIds networkInterfaceIds cidrBlocks"),
    documents=words("policy"),
    defaults={"vpcEndpointType": "Gateway"},
    names={"policy": "PolicyDocument"},
    outputs={"arn": arn("vpc-endpoint")},
    shown=_endpoint_groups,
    tagging=tagging("vpc-endpoint"),
    timeouts={"create": 10 * MINUTES, "update": 10 * MINUTES, "delete": 10 * MINUTES},
)

TYPES = (ROUTE_TABLE, ROUTE, ROUTE_TABLE_ASSOCIATION, VPC_ENDPOINT)
