"""Ways from the VPC to AWS services without NAT: gateway endpoints (free) and interface endpoints."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import ec2, vpc


class Endpoints(pulumi.ComponentResource):
    """The VPC endpoints of a network of our own."""

    def __init__(
        self,
        name: str,
        *,
        vpc_id: Output[str],
        cidr: str,
        region: str,
        gateways: Sequence[str],
        interfaces: Sequence[str],
        route_tables: Sequence[Output[str]],
        subnets: Mapping[str, Output[str]],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("rayeks:infra:Endpoints", name, None, opts)
        child = ResourceOptions(parent=self)
        for service in gateways:
            ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=vpc_id,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(route_tables),
                tags={"Name": f"{name}-{service}"},
                opts=child,
            )
        if interfaces:
            group = ec2.SecurityGroup(
                f"{name}-endpoints",
                name=f"{name}-endpoints",
                description="HTTPS from the VPC to interface endpoints",
                vpc_id=vpc_id,
                tags={"Name": f"{name}-endpoints"},
                opts=child,
            )
            vpc.SecurityGroupIngressRule(
                f"{name}-endpoints",
                security_group_id=group.id,
                description="HTTPS from the VPC",
                cidr_ipv4=cidr,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                opts=child,
            )
            for service in interfaces:
                ec2.VpcEndpoint(
                    f"{name}-{service}",
                    vpc_id=vpc_id,
                    service_name=f"com.amazonaws.{region}.{service}",
                    vpc_endpoint_type="Interface",
                    subnet_ids=list(subnets.values()),
                    security_group_ids=[group.id],
                    private_dns_enabled=True,
                    tags={"Name": f"{name}-{service}"},
                    opts=child,
                )
        self.register_outputs({})
