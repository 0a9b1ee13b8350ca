"""Routes: a target has to exist when the route is made, and a route whose target has gone is a black hole."""

from functools import wraps
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import Route

from local.aws.moto import Fault, override


def patch() -> None:
    """Check targets that moto takes unseen."""
    for name in ("create_route", "replace_route"):
        override(EC2Backend, name, _checked(getattr(EC2Backend, name)))
    override(Route, "state", property(_state))


def _checked(change: Any) -> Any:
    @wraps(change)
    def checked(self: Any, route_table_id: str, *args: Any, **kwargs: Any) -> Any:
        nat = kwargs.get("nat_gateway_id")
        if nat and (nat not in self.nat_gateways or self.nat_gateways[nat].state == "deleted"):
            raise Fault("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat}' does not exist")
        gateway = kwargs.get("gateway_id") or ""
        if gateway.startswith("igw-"):
            attached = self.get_internet_gateway(gateway).vpc
            vpc_id = self.get_route_table(route_table_id).vpc_id
            if attached is None or attached.id != vpc_id:
                raise Fault(
                    "InvalidParameterValue",
                    f"route table {route_table_id} and network gateway {gateway} belong to different networks",
                )
        return change(self, route_table_id, *args, **kwargs)

    return checked


def _state(route: Any) -> str:
    gone = (
        (route.nat_gateway is not None and route.nat_gateway.state == "deleted")
        or (getattr(route.gateway, "vpc", route) is None)
        or (route.interface is not None and route.interface.id not in route.interface.ec2_backend.enis)
    )
    return "blackhole" if gone else "active"
