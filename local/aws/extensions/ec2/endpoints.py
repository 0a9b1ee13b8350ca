"""VPC endpoints with the interfaces, groups and routes that they hold."""

import json
from typing import Any

from moto.ec2.models import vpcs
from moto.ec2.models.managed_prefixes import ManagedPrefixListBackend
from moto.ec2.models.vpcs import VPCEndPoint

from local.aws.extensions.ec2.service import Document, ec2, forget_tags, select, tag, tags_of
from local.aws.moto import Call, Fault, override, paged

GATEWAY_SERVICES = {"s3", "dynamodb", "s3express"}
# Offered by AWS, absent from moto's list.
MORE_SERVICES = {"eks-auth", "s3express", "bcm-data-exports", "pricing.api", "glue", "redshift", "rds", "fsx"}
FILTERS = {
    "vpc-endpoint-id": "VpcEndpointId",
    "vpc-endpoint-type": "VpcEndpointType",
    "vpc-endpoint-state": "State",
    "vpc-id": "VpcId",
    "service-name": "ServiceName",
    "ip-address-type": "IpAddressType",
}


def patch() -> None:
    """The prefix list of S3 Express's gateway endpoint beside moto's two."""
    create = ManagedPrefixListBackend.create_default_pls

    def with_express(self: Any) -> None:
        create(self)
        self._create_aws_managed_prefix_list(
            name=f"com.amazonaws.{self.region_name}.s3express",
            address_family="IPv4",
            entries=[{"Cidr": "18.119.0.0/16", "Description": "default"}],
        )

    override(ManagedPrefixListBackend, "create_default_pls", with_express)


@ec2
def create_vpc_endpoint(call: Call, request: Document) -> Document:
    """Create a gateway or interface endpoint."""
    backend = call.backend("ec2")
    kind = request.get("VpcEndpointType") or "Gateway"
    service = request.get("ServiceName") or ""
    short = _service(call, service)
    vpc = backend.get_vpc(request["VpcId"])
    if kind == "Gateway" and short not in GATEWAY_SERVICES:
        raise Fault("InvalidParameter", "Endpoint type (Gateway) does not match available service types ([Interface]).")
    if kind not in ("Gateway", "Interface"):
        raise Fault("Unsupported", f"The local AWS makes no endpoints of type {kind}.")
    tables, subnets = request.get("RouteTableIds") or [], request.get("SubnetIds") or []
    groups = request.get("SecurityGroupIds") or []
    if kind == "Gateway" and (subnets or groups):
        raise Fault("InvalidParameter", "Gateway endpoints take neither subnets nor security groups.")
    if kind == "Interface" and tables:
        raise Fault("InvalidParameter", "Interface endpoints take no route tables.")
    for key in tables:
        backend.get_route_table(key)
    if kind == "Interface" and not groups:
        groups = [backend.get_security_group_by_name_or_id("default", vpc.id).id]
    endpoint = backend.create_vpc_endpoint(
        vpc.id,
        service,
        kind,
        _policy(request.get("PolicyDocument")),
        [],
        subnet_ids=[],
        security_group_ids=groups,
        private_dns_enabled=kind == "Interface" and request.get("PrivateDnsEnabled", True),
        client_token=request.get("ClientToken"),
    )
    tag(call, endpoint.id, request, "vpc-endpoint")
    _route(backend, endpoint, tables)
    _interfaces(backend, endpoint, subnets)
    return {"VpcEndpoint": _about(call, endpoint) | {"State": "pending" if kind == "Interface" else "available"}}


@ec2
def describe_vpc_endpoints(call: Call, request: Document) -> Document:
    """Endpoints by id or filter."""
    known = call.backend("ec2").vpc_end_points
    wanted = request.get("VpcEndpointIds") or list(known)
    found = [_about(call, _endpoint(call, key)) for key in wanted]
    shown = select(found, request, FILTERS)
    page, token = paged(shown, request, token="NextToken", size="MaxResults", most=1000)
    return {"VpcEndpoints": page, "NextToken": token}


@ec2
def modify_vpc_endpoint(call: Call, request: Document) -> Document:
    """Change policy, tables, subnets, groups or private DNS."""
    backend, endpoint = call.backend("ec2"), _endpoint(call, request["VpcEndpointId"])
    if request.get("ResetPolicy"):
        endpoint.policy_document = _policy(None)
    elif request.get("PolicyDocument"):
        endpoint.policy_document = _policy(request["PolicyDocument"])
    if request.get("PrivateDnsEnabled") is not None:
        endpoint.private_dns_enabled = request["PrivateDnsEnabled"]
    _unroute(backend, endpoint, request.get("RemoveRouteTableIds") or [])
    _route(backend, endpoint, request.get("AddRouteTableIds") or [])
    added, removed = request.get("AddSecurityGroupIds") or [], request.get("RemoveSecurityGroupIds") or []
    kept = [key for key in endpoint.security_group_ids if key not in removed]
    endpoint.security_group_ids = kept + [key for key in added if key not in kept]
    _remove_interfaces(backend, endpoint, request.get("RemoveSubnetIds") or [])
    _interfaces(backend, endpoint, request.get("AddSubnetIds") or [])
    for key in endpoint.network_interface_ids:
        backend.enis[key]._group_set = [
            backend.get_security_group_from_id(group) for group in endpoint.security_group_ids
        ]
    return {"Return": True}


@ec2
def delete_vpc_endpoints(call: Call, request: Document) -> Document:
    """Delete endpoints with what they hold; those that are not there are listed."""
    backend = call.backend("ec2")
    absent = []
    for key in request["VpcEndpointIds"]:
        endpoint = backend.vpc_end_points.get(key)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{key}' does not exist"
            absent.append({"ResourceId": key, "Error": {"Code": "InvalidVpcEndpoint.NotFound", "Message": message}})
            continue
        _unroute(backend, endpoint, endpoint.route_table_ids)
        _remove_interfaces(backend, endpoint, endpoint.subnet_ids)
        del backend.vpc_end_points[key]
        forget_tags(call, key)
    return {"Unsuccessful": absent}


def _service(call: Call, name: str) -> str:
    prefix = f"com.amazonaws.{call.region}."
    short = name.removeprefix(prefix)
    known = {*vpcs.AWS_ENDPOINT_SERVICES, *vpcs.COVERED_ENDPOINT_SERVICES, *MORE_SERVICES}
    if not name.startswith(prefix) or short not in known:
        raise Fault("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    return short


def _policy(given: str | None) -> str:
    if not given:
        return json.dumps(VPCEndPoint.DEFAULT_POLICY)
    try:
        json.loads(given)
    except ValueError:
        raise Fault("InvalidParameter", "Policy document is not valid JSON") from None
    return given


def _endpoint(call: Call, key: str) -> Any:
    found = call.backend("ec2").vpc_end_points.get(key)
    if found is None:
        raise Fault("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{key}' does not exist")
    return found


def _route(backend: Any, endpoint: Any, tables: list[str]) -> None:
    for key in tables:
        if key not in endpoint.route_table_ids:
            backend.create_route(
                key,
                None,
                gateway_id=endpoint.id,
                destination_prefix_list_id=endpoint.destination_prefix_list_id,
            )
            endpoint.route_table_ids.append(key)


def _unroute(backend: Any, endpoint: Any, tables: list[str]) -> None:
    for key in list(tables):
        if key in endpoint.route_table_ids and key in backend.route_tables:
            routes = backend.route_tables[key]._routes
            for route_id, route in list(routes.items()):
                if getattr(route.gateway, "id", None) == endpoint.id:
                    del routes[route_id]
        endpoint.route_table_ids = [other for other in endpoint.route_table_ids if other != key]


def _interfaces(backend: Any, endpoint: Any, subnets: list[str]) -> None:
    for key in subnets:
        subnet = backend.get_subnet(key)
        if subnet.vpc_id != endpoint.vpc_id:
            raise Fault("InvalidParameter", f"The subnet {key} is not in the VPC {endpoint.vpc_id}")
        if key in endpoint.subnet_ids:
            continue
        interface = backend.create_network_interface(
            subnet,
            [],
            group_ids=endpoint.security_group_ids,
            description=f"VPC Endpoint Interface {endpoint.id}",
        )
        interface.requester_managed, interface.status = True, "in-use"
        interface.interface_type = "vpc_endpoint"
        endpoint.subnet_ids.append(key)
        endpoint.network_interface_ids.append(interface.id)


def _remove_interfaces(backend: Any, endpoint: Any, subnets: list[str]) -> None:
    for key in list(endpoint.network_interface_ids):
        if backend.enis[key].subnet.id in subnets:
            endpoint.network_interface_ids.remove(key)
            backend.delete_network_interface(key)
    endpoint.subnet_ids = [key for key in endpoint.subnet_ids if key not in subnets]


def _about(call: Call, endpoint: Any) -> Document:
    interface = endpoint.vpc_endpoint_type == "Interface"
    return {
        "VpcEndpointId": endpoint.id,
        "VpcEndpointType": endpoint.vpc_endpoint_type,
        "VpcId": endpoint.vpc_id,
        "ServiceName": endpoint.service_name,
        "State": "available",
        "PolicyDocument": endpoint.policy_document,
        "RouteTableIds": endpoint.route_table_ids,
        "SubnetIds": endpoint.subnet_ids,
        "Groups": endpoint.groups if interface else [],
        "IpAddressType": "ipv4",
        "DnsOptions": {"DnsRecordIpType": "ipv4" if interface else "service-defined"},
        "PrivateDnsEnabled": bool(endpoint.private_dns_enabled),
        "RequesterManaged": False,
        "NetworkInterfaceIds": endpoint.network_interface_ids,
        "DnsEntries": endpoint.dns_entries if interface else [],
        "CreationTimestamp": endpoint.creation_timestamp,
        "OwnerId": call.account,
        "Tags": tags_of(call, endpoint.id),
    }
