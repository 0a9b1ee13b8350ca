"""A VPC and everything in it on the real engine: created, read back, repaired, changed, deleted."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def program(cidr="10.0.0.0/16", tags=None, hop_limit=2, description="nodes", strategy="cluster", target="nat"):
    def run():
        vpc = aws.ec2.Vpc("vpc", cidr_block=cidr, enable_dns_hostnames=True, tags=tags)
        prefix = cidr.rsplit(".", 2)[0]
        gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id)
        public = aws.ec2.Subnet(
            "public",
            vpc_id=vpc.id,
            cidr_block=f"{prefix}.0.0/24",
            availability_zone="us-west-2a",
            map_public_ip_on_launch=True,
        )
        private = aws.ec2.Subnet(
            "private", vpc_id=vpc.id, cidr_block=f"{prefix}.1.0/24", availability_zone="us-west-2a"
        )
        address = aws.ec2.Eip("address", domain="vpc")
        nat = aws.ec2.NatGateway(
            "nat", subnet_id=public.id, allocation_id=address.id, opts=pulumi.ResourceOptions(depends_on=[gateway])
        )
        outward = aws.ec2.RouteTable("outward", vpc_id=vpc.id)
        aws.ec2.Route("world", route_table_id=outward.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
        aws.ec2.RouteTableAssociation("public", subnet_id=public.id, route_table_id=outward.id)
        inward = aws.ec2.RouteTable("inward", vpc_id=vpc.id)
        way_out: dict[str, Any] = {"nat_gateway_id": nat.id} if target == "nat" else {"gateway_id": gateway.id}
        aws.ec2.Route("out", route_table_id=inward.id, destination_cidr_block="0.0.0.0/0", **way_out)
        aws.ec2.RouteTableAssociation("private", subnet_id=private.id, route_table_id=inward.id)
        aws.ec2.VpcEndpoint(
            "s3", vpc_id=vpc.id, service_name="com.amazonaws.us-west-2.s3", route_table_ids=[inward.id, outward.id]
        )
        nodes = aws.ec2.SecurityGroup(
            "nodes",
            vpc_id=vpc.id,
            description=description,
            ingress=[
                {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8", "172.16.0.0/12"]},
                {"protocol": "-1", "from_port": 0, "to_port": 0, "self": True},
            ],
            egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
        )
        efa = aws.ec2.SecurityGroup("efa", vpc_id=vpc.id)
        for name, kind in (("in", aws.vpc.SecurityGroupIngressRule), ("out", aws.vpc.SecurityGroupEgressRule)):
            kind(f"efa-{name}", security_group_id=efa.id, ip_protocol="-1", referenced_security_group_id=efa.id)
        aws.ec2.SecurityGroupRule(
            "kubelet",
            type="ingress",
            security_group_id=efa.id,
            source_security_group_id=nodes.id,
            protocol="tcp",
            from_port=10250,
            to_port=10250,
        )
        group = aws.ec2.PlacementGroup("together", strategy=strategy)
        template = aws.ec2.LaunchTemplate(
            "template",
            vpc_security_group_ids=[nodes.id, efa.id],
            metadata_options={"http_tokens": "required", "http_put_response_hop_limit": hop_limit},
            block_device_mappings=[
                {"device_name": "/dev/xvda", "ebs": {"volume_size": 100, "volume_type": "gp3", "encrypted": "true"}}
            ],
            placement={"group_name": group.name},
            tag_specifications=[{"resource_type": "instance", "tags": {"team": "ray"}}],
            update_default_version=True,
        )
        pulumi.export("version", template.latest_version)
        pulumi.export(
            "ids", {"vpc": vpc.id, "nodes": nodes.id, "efa": efa.id, "public": public.id, "inward": inward.id}
        )

    return run


def test_a_network_goes_through_a_whole_life(account, engine):
    ec2 = account("ec2")
    stack = engine(program(tags={"Name": "ray"}))
    assert stack.up() == {"create": 21}
    ids = stack.outputs()["ids"]
    assert ec2.describe_vpc_attribute(VpcId=ids["vpc"], Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    tags = ec2.describe_vpcs(VpcIds=[ids["vpc"]])["Vpcs"][0]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"Name": "ray", "project": "trial"}
    assert ec2.describe_subnets(SubnetIds=[ids["public"]])["Subnets"][0]["MapPublicIpOnLaunch"]
    assert ec2.describe_nat_gateways()["NatGateways"][0]["State"] == "available"
    rules = ec2.describe_security_groups(GroupIds=[ids["nodes"]])["SecurityGroups"][0]
    assert {rule["IpProtocol"] for rule in rules["IpPermissions"]} == {"tcp", "-1"}
    assert ec2.describe_placement_groups()["PlacementGroups"][0]["Strategy"] == "cluster"
    version = ec2.describe_launch_template_versions(Versions=["$Default"])["LaunchTemplateVersions"]
    assert version[0]["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert stack.plan(refresh=True) == {}

    ec2.modify_subnet_attribute(SubnetId=ids["public"], MapPublicIpOnLaunch={"Value": False})
    ec2.modify_vpc_attribute(VpcId=ids["vpc"], EnableDnsHostnames={"Value": False})
    ec2.delete_tags(Resources=[ids["vpc"]], Tags=[{"Key": "Name"}])
    ec2.delete_route(RouteTableId=ids["inward"], DestinationCidrBlock="0.0.0.0/0")
    ec2.authorize_security_group_ingress(
        GroupId=ids["nodes"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    kubelet = {"IpProtocol": "tcp", "FromPort": 10250, "ToPort": 10250, "UserIdGroupPairs": [{"GroupId": ids["nodes"]}]}
    ec2.revoke_security_group_ingress(GroupId=ids["efa"], IpPermissions=[kubelet])
    assert stack.up(refresh=True) == {"create": 2, "update": 3, "same": 16}
    assert ec2.describe_subnets(SubnetIds=[ids["public"]])["Subnets"][0]["MapPublicIpOnLaunch"]
    rules = ec2.describe_security_groups(GroupIds=[ids["nodes"]])["SecurityGroups"][0]
    assert 22 not in {rule.get("FromPort") for rule in rules["IpPermissions"]}

    changes = stack.plan(program(hop_limit=1, description="others", strategy="spread", target="gateway"))
    assert changes == {
        "template": "update",
        "nodes": "replace",
        "kubelet": "replace",
        "together": "replace",
        "out": "update",
        "vpc": "update",
    }
    stack.up()
    assert stack.outputs()["version"] == 2
    table = ec2.describe_route_tables(RouteTableIds=[ids["inward"]])["RouteTables"][0]
    assert "igw-" in next(r["GatewayId"] for r in table["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0")
    assert stack.plan(refresh=True) == {}

    assert stack.plan(program(cidr="10.1.0.0/16"))["vpc"] == "replace"
    assert stack.destroy() == {"delete": 21}
    assert [vpc["VpcId"] for vpc in ec2.describe_vpcs(VpcIds=[], Filters=[])["Vpcs"] if not vpc["IsDefault"]] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
