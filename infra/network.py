"""The VPC: public and private subnets over the zones, NAT by choice, gateway endpoints."""

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import ec2

from infra import cidrs
from infra.config.network import Network as Settings
from infra.karpenter import DISCOVERY_TAG


class Network(pulumi.ComponentResource):
    """A VPC for one cluster. `depends_on=[network]` waits for routes and NAT, which nodes need and subnets do not."""

    vpc_id: Output[str]
    public_subnet_ids: list[Output[str]]
    private_subnets: dict[str, Output[str]]
    """Zone → private subnet id."""

    def __init__(self, name: str, settings: Settings, *, region: str) -> None:
        super().__init__("rayeks:infra:Network", name)
        self._name, self._region = name, region
        plan = cidrs.plan(settings.cidr, settings.zones)
        self._vpc = ec2.Vpc(
            name,
            cidr_block=str(settings.cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=self._child(),
        )
        public = self._subnets("public", plan.public, {"kubernetes.io/role/elb": "1"})
        private = self._subnets("private", plan.private, {"kubernetes.io/role/internal-elb": "1", DISCOVERY_TAG: name})
        internet = ec2.InternetGateway(name, vpc_id=self._vpc.id, tags={"Name": name}, opts=self._child())
        public_table = self._table("public")
        self._default_route("public", public_table, gateway_id=internet.id)
        public_routes = [self._associate("public", z, s, public_table) for z, s in public.items()]

        gateways = {
            zone: self._nat(zone, public[zone], after=[internet, *public_routes])
            for zone in (settings.zones if settings.nat == "per_zone" else settings.zones[:1])
        }
        tables = {}
        for zone, subnet in private.items():
            tables[zone] = table = self._table(f"private-{zone}")
            gateway = gateways.get(zone, gateways[settings.zones[0]])
            self._default_route(f"private-{zone}", table, nat_gateway_id=gateway.id)
            self._associate("private", zone, subnet, table)
        for service in settings.gateway_endpoints:
            ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in (*tables.values(), public_table)],
                tags={"Name": f"{name}-{service}"},
                opts=self._child(),
            )
        self.vpc_id = self._vpc.id
        self.public_subnet_ids = [subnet.id for subnet in public.values()]
        self.private_subnets = {zone: subnet.id for zone, subnet in private.items()}
        self.register_outputs({"vpc_id": self.vpc_id})

    def _child(self, depends_on: list[pulumi.Resource] | None = None) -> ResourceOptions:
        return ResourceOptions(parent=self, depends_on=depends_on or [])

    def _subnets(self, kind: str, plan: dict, tags: dict[str, str]) -> dict[str, ec2.Subnet]:
        return {
            zone: ec2.Subnet(
                f"{self._name}-{kind}-{zone}",
                vpc_id=self._vpc.id,
                cidr_block=str(cidr),
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags={"Name": f"{self._name}-{kind}-{zone}"} | tags,
                opts=self._child(),
            )
            for zone, cidr in plan.items()
        }

    def _table(self, kind: str) -> ec2.RouteTable:
        name = f"{self._name}-{kind}"
        return ec2.RouteTable(name, vpc_id=self._vpc.id, tags={"Name": name}, opts=self._child())

    def _default_route(self, kind: str, table: ec2.RouteTable, **target: Input[str]) -> None:
        ec2.Route(
            f"{self._name}-{kind}",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            **target,
            opts=self._child(),
        )

    def _associate(self, kind: str, zone: str, subnet: ec2.Subnet, table: ec2.RouteTable) -> ec2.RouteTableAssociation:
        return ec2.RouteTableAssociation(
            f"{self._name}-{kind}-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child()
        )

    def _nat(self, zone: str, subnet: ec2.Subnet, *, after: list[pulumi.Resource]) -> ec2.NatGateway:
        name = f"{self._name}-nat-{zone}"
        # An address can only be released after the gateway of the VPC let go of it.
        address = ec2.Eip(name, domain="vpc", tags={"Name": name}, opts=self._child(depends_on=after[:1]))
        return ec2.NatGateway(
            name,
            allocation_id=address.allocation_id,
            subnet_id=subnet.id,
            tags={"Name": name},
            opts=self._child(depends_on=after),
        )
