"""The network: a VPC of our own over the zones, or one that is there already, and the security groups of both."""

import json
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, ec2, vpc

from infra import cidrs, iam
from infra.config.network import ExistingNetwork, FlowLogs
from infra.config.network import Network as OwnNetwork
from infra.endpoints import Endpoints
from infra.iam import Aws
from infra.identity import Role
from infra.karpenter import DISCOVERY_TAG
from infra.keys import DataKey


class Network(pulumi.ComponentResource):
    """Where nodes live. `depends_on=[network]` waits for routes and NAT, which nodes need and subnets do not."""

    vpc_id: Output[str]
    cidr: str
    private_subnets: dict[str, Output[str]]
    """Zone → private subnet id."""
    public_subnets: dict[str, Output[str]]
    load_balancer_group: Output[str]
    """The security group of every load balancer: owned by the stack, so that a teardown leaves none behind."""
    efa_group: Output[str]
    """Members may exchange anything with each other, as EFA demands; nobody else gets in by it."""

    def __init__(self, name: str, settings: OwnNetwork | ExistingNetwork, *, key: DataKey, aws: Aws) -> None:
        super().__init__("rayeks:infra:Network", name)
        self._name, self.cidr = name, str(settings.cidr)
        if isinstance(settings, ExistingNetwork):
            self._adopt(settings)
        else:
            self._make(settings, key, aws)
        self.load_balancer_group = self._load_balancer_group(settings.load_balancer_cidrs)
        self.efa_group = self._efa_group()
        self.register_outputs({"vpc_id": self.vpc_id})

    def _adopt(self, settings: ExistingNetwork) -> None:
        self.vpc_id = Output.from_input(settings.vpc_id)
        self.private_subnets = {z: Output.from_input(s) for z, s in settings.private_subnets.items()}
        self.public_subnets = {z: Output.from_input(s) for z, s in settings.public_subnets.items()}
        for zone, subnet in settings.private_subnets.items():
            # Single tags: the subnets' other tags belong to their owner.
            for key, value in {DISCOVERY_TAG: self._name, "kubernetes.io/role/internal-elb": "1"}.items():
                ec2.Tag(
                    f"{self._name}-{zone}-{key.rsplit('/', 1)[-1]}",
                    resource_id=subnet,
                    key=key,
                    value=value,
                    opts=self._child(),
                )

    def _make(self, settings: OwnNetwork, key: DataKey, aws: Aws) -> None:
        name = self._name
        plan = cidrs.plan(settings.cidr, settings.zones)
        self._vpc = ec2.Vpc(
            name,
            cidr_block=str(settings.cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            # Inside out: what lies in the old network goes before it, for much of it cannot be in two networks at once
            # (an EFS's mount targets, a NAT gateway's address, fixed names).
            opts=ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.vpc_id = self._vpc.id
        public = self._subnets("public", plan.public, {"kubernetes.io/role/elb": "1"})
        private = self._subnets("private", plan.private, {"kubernetes.io/role/internal-elb": "1", DISCOVERY_TAG: name})
        self.private_subnets = {zone: subnet.id for zone, subnet in private.items()}
        self.public_subnets = {zone: subnet.id for zone, subnet in public.items()}
        # Moved to another VPC it would have to leave the old one while NAT gateways there still need it.
        moved = ResourceOptions(parent=self, replace_on_changes=["vpcId"])
        internet = ec2.InternetGateway(name, vpc_id=self._vpc.id, tags={"Name": name}, opts=moved)
        public_table = self._table("public")
        self._default_route("public", public_table, gateway_id=internet.id)
        routes = [self._associate("public", zone, subnet, public_table) for zone, subnet in public.items()]

        gateways = self._gateways(settings, public, after=[internet, *routes])
        tables = {}
        for zone, subnet in private.items():
            tables[zone] = table = self._table(f"private-{zone}")
            if gateways:
                self._default_route(f"private-{zone}", table, nat_gateway_id=gateways[zone].id)
            self._associate("private", zone, subnet, table)
        Endpoints(
            name,
            vpc_id=self._vpc.id,
            cidr=self.cidr,
            region=aws.region,
            gateways=settings.gateway_endpoints,
            interfaces=settings.endpoint_services,
            route_tables=[table.id for table in (*tables.values(), public_table)],
            subnets=self.private_subnets,
            opts=self._child(),
        )
        if settings.flow_logs:
            self._flow_logs(settings.flow_logs, key, aws)

    def _child(self, depends_on: Sequence[pulumi.Resource] = ()) -> ResourceOptions:
        return ResourceOptions(parent=self, depends_on=depends_on)

    def _subnets(self, kind: str, plan: Mapping[str, IPv4Network], tags: dict[str, str]) -> dict[str, ec2.Subnet]:
        return {
            zone: ec2.Subnet(
                f"{self._name}-{kind}-{zone}",
                vpc_id=self.vpc_id,
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
        return ec2.RouteTable(name, vpc_id=self.vpc_id, tags={"Name": name}, opts=self._child())

    def _default_route(self, kind: str, table: ec2.RouteTable, **target: Input[str]) -> None:
        ec2.Route(
            f"{self._name}-{kind}",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            **target,
            opts=self._child(),
        )

    def _associate(self, kind: str, zone: str, subnet: ec2.Subnet, table: ec2.RouteTable) -> ec2.RouteTableAssociation:
        name = f"{self._name}-{kind}-{zone}"
        return ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._child())

    def _gateways(
        self, settings: OwnNetwork, public: dict[str, ec2.Subnet], after: list[pulumi.Resource]
    ) -> dict[str, ec2.NatGateway]:
        """Zone → the NAT gateway that its private subnet leaves by."""
        match settings.nat:
            case "none":
                return {}
            case "regional":
                regional = ec2.NatGateway(
                    f"{self._name}-nat",
                    availability_mode="regional",
                    vpc_id=self.vpc_id,
                    tags={"Name": f"{self._name}-nat"},
                    opts=self._child(after),
                )
                return dict.fromkeys(settings.zones, regional)
            case "single":
                return dict.fromkeys(settings.zones, self._nat(settings.zones[0], public, after))
            case "per_zone":
                return {zone: self._nat(zone, public, after) for zone in settings.zones}

    def _nat(self, zone: str, public: dict[str, ec2.Subnet], after: list[pulumi.Resource]) -> ec2.NatGateway:
        name = f"{self._name}-nat-{zone}"
        # The gateway of the VPC goes last: AWS refuses to detach it while an address is mapped through it.
        address = ec2.Eip(name, domain="vpc", tags={"Name": name}, opts=self._child(after[:1]))
        return ec2.NatGateway(
            name,
            allocation_id=address.allocation_id,
            subnet_id=public[zone].id,
            tags={"Name": name},
            # The address stays when the VPC is replaced, and serves one gateway at a time.
            opts=ResourceOptions.merge(self._child(after), ResourceOptions(delete_before_replace=True)),
        )

    def _security_group(self, purpose: str, description: str) -> ec2.SecurityGroup:
        name = f"{self._name}-{purpose}"
        return ec2.SecurityGroup(
            name, name=name, description=description, vpc_id=self.vpc_id, tags={"Name": name}, opts=self._child()
        )

    def _load_balancer_group(self, allowed: Sequence[IPv4Network]) -> Output[str]:
        group = self._security_group("load-balancer", "HTTPS to load balancers, and from them to the VPC")
        for source in (self.cidr, *map(str, allowed)):
            vpc.SecurityGroupIngressRule(
                f"{self._name}-load-balancer-{source}",
                security_group_id=group.id,
                description=f"HTTPS from {source}",
                cidr_ipv4=source,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                opts=self._child(),
            )
        vpc.SecurityGroupEgressRule(
            f"{self._name}-load-balancer",
            security_group_id=group.id,
            description="To pods and nodes",
            cidr_ipv4=self.cidr,
            ip_protocol="-1",
            opts=self._child(),
        )
        return group.id

    def _efa_group(self) -> Output[str]:
        group = self._security_group("efa", "EFA: members exchange anything with each other")
        # EFA bypasses the kernel, and works only where the group allows all traffic to itself both ways.
        for kind, rule in {"in": vpc.SecurityGroupIngressRule, "out": vpc.SecurityGroupEgressRule}.items():
            rule(
                f"{self._name}-efa-{kind}",
                security_group_id=group.id,
                description="All traffic between members",
                referenced_security_group_id=group.id,
                ip_protocol="-1",
                opts=self._child(),
            )
        return group.id

    def _flow_logs(self, settings: FlowLogs, key: DataKey, aws: Aws) -> None:
        name = f"{self._name}-flow-logs"
        logs = cloudwatch.LogGroup(
            name,
            name=f"/aws/vpc/{self._name}",
            retention_in_days=settings.retention_days,
            kms_key_id=key.arn,
            opts=self._child(),
        )
        role = Role(
            name,
            trust=iam.trust("vpc-flow-logs.amazonaws.com"),
            policies={"write": json.dumps(iam.flow_logs(aws, f"/aws/vpc/{self._name}"))},
            opts=self._child(),
        )
        ec2.FlowLog(
            name,
            vpc_id=self.vpc_id,
            traffic_type=settings.traffic,
            log_destination=logs.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,
            tags={"Name": name},
            opts=self._child([role]),
        )
