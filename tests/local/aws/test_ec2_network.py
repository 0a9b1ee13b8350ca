"""EC2's network in the local AWS: what is created is described back, and nothing is deleted that others need."""

import json

import pytest
from botocore.exceptions import WaiterError


def address(aws) -> str:
    return aws("ec2").allocate_address(Domain="vpc")["AllocationId"]


def internet(aws, vpc: str) -> str:
    gateway = aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    aws("ec2").attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return gateway


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


def test_a_vpc_has_the_attributes_that_clients_read_back(aws) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags(Name="ray")}]
    )["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    for name, key, value in (
        ("enableDnsSupport", "EnableDnsSupport", True),
        ("enableDnsHostnames", "EnableDnsHostnames", True),
        ("enableNetworkAddressUsageMetrics", "EnableNetworkAddressUsageMetrics", False),
    ):
        assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)[key] == {"Value": value}
    mine = [{"Name": "vpc-id", "Values": [vpc]}]
    default = [*mine, {"Name": "default", "Values": ["true"]}]
    assert len(ec2.describe_network_acls(Filters=default)["NetworkAcls"]) == 1
    main = [*mine, {"Name": "association.main", "Values": ["true"]}]
    assert len(ec2.describe_route_tables(Filters=main)["RouteTables"]) == 1
    named = [*mine, {"Name": "group-name", "Values": ["default"]}]
    assert len(ec2.describe_security_groups(Filters=named)["SecurityGroups"]) == 1
    seen = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    assert seen["Tags"] == tags(Name="ray")
    assert seen["OwnerId"] == "123456789012"
    assert not seen["IsDefault"]


def test_a_zonal_nat_gateway_holds_its_interface_and_address(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network()
    internet(aws, vpc)
    eip = address(aws)
    made = ec2.create_nat_gateway(
        SubnetId=subnets[0],
        AllocationId=eip,
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": tags(Name="nat")}],
    )["NatGateway"]
    key = made["NatGatewayId"]
    assert made["State"] == "pending"
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[key])
    seen = ec2.describe_nat_gateways(NatGatewayIds=[key])["NatGateways"][0]
    assert seen["AvailabilityMode"] == "zonal"
    assert seen["ConnectivityType"] == "public"
    assert seen["Tags"] == tags(Name="nat")
    assert (seen["VpcId"], seen["SubnetId"]) == (vpc, subnets[0])
    held = seen["NatGatewayAddresses"][0]
    assert held["AllocationId"] == eip
    eni = ec2.describe_network_interfaces(NetworkInterfaceIds=[held["NetworkInterfaceId"]])
    assert eni["NetworkInterfaces"][0]["InterfaceType"] == "nat_gateway"
    with aws.refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=eip)
    with aws.refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnets[0])
    ec2.delete_nat_gateway(NatGatewayId=key)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[key])
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    ec2.release_address(AllocationId=eip)
    ec2.delete_subnet(SubnetId=subnets[0])


def test_a_regional_nat_gateway_belongs_to_the_vpc(aws) -> None:
    vpc, _ = aws.network()
    internet(aws, vpc)
    made = aws("ec2").create_nat_gateway(VpcId=vpc, AvailabilityMode="regional")["NatGateway"]
    seen = aws("ec2").describe_nat_gateways(Filter=[{"Name": "vpc-id", "Values": [vpc]}])["NatGateways"][0]
    assert seen["NatGatewayId"] == made["NatGatewayId"]
    assert seen["AvailabilityMode"] == "regional"
    assert seen["AutoProvisionZones"] == "enabled"
    assert "SubnetId" not in seen
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert len(aws("ec2").describe_route_tables(Filters=of_vpc)["RouteTables"]) == 2
    aws("ec2").delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    (main,) = aws("ec2").describe_route_tables(Filters=of_vpc)["RouteTables"]
    assert main["Associations"][0]["Main"], "the gateway's own table went with it"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"SubnetId": "subnet-0"}, "InvalidSubnetID.NotFound"),
        ({"AllocationId": None}, "MissingParameter"),
        ({"AvailabilityMode": "regional"}, "InvalidParameterCombination"),
    ],
)
def test_a_wrong_nat_gateway_is_refused(aws, given: dict, code: str) -> None:
    vpc, subnets = aws.network()
    internet(aws, vpc)
    request = {"SubnetId": subnets[0], "AllocationId": address(aws)} | given
    with aws.refused(code):
        aws("ec2").create_nat_gateway(**{key: value for key, value in request.items() if value})
    assert aws("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def failure(aws, subnet: str, allocation: str) -> str:
    made = aws("ec2").create_nat_gateway(SubnetId=subnet, AllocationId=allocation)["NatGateway"]["NatGatewayId"]
    with pytest.raises(WaiterError):
        aws("ec2").get_waiter("nat_gateway_available").wait(NatGatewayIds=[made])
    seen = aws("ec2").describe_nat_gateways(NatGatewayIds=[made])["NatGateways"][0]
    assert seen["State"] == "failed"
    return seen["FailureCode"]


def test_a_nat_gateway_that_cannot_work_fails_while_it_is_made(aws) -> None:
    vpc, subnets = aws.network()
    eip = address(aws)
    assert failure(aws, subnets[0], eip) == "Gateway.NotAttached"
    internet(aws, vpc)
    assert failure(aws, subnets[0], "eipalloc-0123456789abcdef0") == "InvalidAllocationID.NotFound"
    aws("ec2").create_nat_gateway(SubnetId=subnets[0], AllocationId=eip)
    assert failure(aws, subnets[1], eip) == "InvalidAllocationID.AlreadyAssociated"
    assert len(aws("ec2").describe_network_interfaces()["NetworkInterfaces"]) == 1


def test_an_absent_nat_gateway_is_not_found(aws) -> None:
    with aws.refused("NatGatewayNotFound"):
        aws("ec2").describe_nat_gateways(NatGatewayIds=["nat-0123456789abcdef0"])
    with aws.refused("NatGatewayNotFound"):
        aws("ec2").delete_nat_gateway(NatGatewayId="nat-0123456789abcdef0")


def test_a_vpc_is_deleted_only_when_nothing_is_left_in_it(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network("a")
    gateway = internet(aws, vpc)
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    for undo in (
        lambda: ec2.delete_subnet(SubnetId=subnets[0]),
        lambda: ec2.delete_security_group(GroupId=group),
        lambda: ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
    ):
        with aws.refused("DependencyViolation"):
            ec2.delete_vpc(VpcId=vpc)
        undo()
    ec2.delete_vpc(VpcId=vpc)
    with aws.refused("InvalidVpcID.NotFound"):
        ec2.describe_vpcs(VpcIds=[vpc])


def test_an_internet_gateway_with_mapped_addresses_stays_attached(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network()
    gateway = internet(aws, vpc)
    ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address(aws))
    with aws.refused("DependencyViolation", says="mapped public address"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def test_a_security_group_that_another_refers_to_is_not_deleted(aws) -> None:
    ec2 = aws("ec2")
    vpc, _ = aws.network()
    one, two = (ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in "ab")
    pair = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": one}]}]
    ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=pair)
    with aws.refused("DependencyViolation", says="dependent object"):
        ec2.delete_security_group(GroupId=one)
    ec2.revoke_security_group_ingress(GroupId=two, IpPermissions=pair)
    ec2.delete_security_group(GroupId=one)
    with aws.refused("CannotDelete"):
        default = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
        found = ec2.describe_security_groups(Filters=default)["SecurityGroups"][0]["GroupId"]
        ec2.delete_security_group(GroupId=found)


def test_a_rule_has_an_id_tags_and_a_description(aws) -> None:
    ec2 = aws("ec2")
    vpc, _ = aws.network()
    group = ec2.create_security_group(GroupName="efa", Description="efa", VpcId=vpc)["GroupId"]
    made = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "Description": "to itself"}]}],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags(Name="efa")}],
    )["SecurityGroupRules"][0]
    key = made["SecurityGroupRuleId"]
    seen = ec2.describe_security_group_rules(SecurityGroupRuleIds=[key])["SecurityGroupRules"][0]
    assert seen["ReferencedGroupInfo"]["GroupId"] == group
    assert seen["Description"] == "to itself"
    assert seen["IsEgress"] is False
    assert seen["IpProtocol"] == "-1"
    assert (seen["FromPort"], seen["ToPort"]) == (-1, -1)
    assert seen["Tags"] == tags(Name="efa")
    ec2.create_tags(Resources=[key], Tags=tags(Name="changed"))
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "10.0.0.0/8", "Description": "x"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": key, "SecurityGroupRule": rule}]
    )
    seen = ec2.describe_security_group_rules(SecurityGroupRuleIds=[key])["SecurityGroupRules"][0]
    assert (seen["CidrIpv4"], seen["FromPort"], seen["Description"]) == ("10.0.0.0/8", 443, "x")
    assert seen["Tags"] == tags(Name="changed")
    assert "ReferencedGroupInfo" not in seen
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[key])
    with aws.refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.describe_security_group_rules(SecurityGroupRuleIds=[key])


def test_every_permission_of_a_request_becomes_a_rule(aws) -> None:
    ec2 = aws("ec2")
    vpc, _ = aws.network()
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    made = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "IpRanges": [{"CidrIp": f"10.{net}.0.0/16", "Description": f"net {net}"} for net in (1, 2)],
            }
            for port in (988, 2049)
        ],
    )["SecurityGroupRules"]
    assert len(made) == 4
    assert len({rule["SecurityGroupRuleId"] for rule in made}) == 4
    assert {rule["Description"] for rule in made} == {"net 1", "net 2"}
    with aws.refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=988, ToPort=988, CidrIp="10.1.0.0/16"
        )
    with aws.refused("InvalidGroup.NotFound"):
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}],
        )


def test_a_gateway_endpoint_adds_its_route_and_takes_it_away(aws) -> None:
    ec2 = aws("ec2")
    vpc, _ = aws.network()
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-west-2.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[table],
        PolicyDocument=policy,
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags(Name="s3")}],
    )["VpcEndpoint"]
    seen = ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"][0]
    assert seen["State"] == "available"
    assert seen["VpcEndpointType"] == "Gateway"
    assert seen["RouteTableIds"] == [table]
    assert json.loads(seen["PolicyDocument"]) == json.loads(policy)
    assert seen["Tags"] == tags(Name="s3")
    assert seen["PrivateDnsEnabled"] is False
    assert seen["OwnerId"] == "123456789012"
    prefix = ec2.describe_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-west-2.s3"]}]
    )["PrefixLists"][0]["PrefixListId"]
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert prefix in [route.get("DestinationPrefixListId") for route in routes]
    second = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=made["VpcEndpointId"], AddRouteTableIds=[second], RemoveRouteTableIds=[table])
    for where, count in ((table, 1), (second, 2)):
        assert len(ec2.describe_route_tables(RouteTableIds=[where])["RouteTables"][0]["Routes"]) == count
    with aws.refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    with aws.refused("InvalidVpcEndpointId.NotFound"):
        ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    assert len(ec2.describe_route_tables(RouteTableIds=[second])["RouteTables"][0]["Routes"]) == 1


def test_an_interface_endpoint_has_an_interface_in_each_subnet(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network()
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-west-2.ecr.api",
        VpcEndpointType="Interface",
        SubnetIds=subnets[:2],
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]
    key = made["VpcEndpointId"]
    seen = ec2.describe_vpc_endpoints(VpcEndpointIds=[key])["VpcEndpoints"][0]
    assert seen["SubnetIds"] == subnets[:2]
    assert seen["PrivateDnsEnabled"] is True
    assert [held["GroupId"] for held in seen["Groups"]] == [group]
    assert len(seen["NetworkInterfaceIds"]) == 2
    ec2.modify_vpc_endpoint(VpcEndpointId=key, AddSubnetIds=[subnets[2]], PrivateDnsEnabled=False)
    seen = ec2.describe_vpc_endpoints(VpcEndpointIds=[key])["VpcEndpoints"][0]
    assert len(seen["NetworkInterfaceIds"]) == 3
    assert seen["PrivateDnsEnabled"] is False
    for delete in (
        lambda: ec2.delete_subnet(SubnetId=subnets[0]),
        lambda: ec2.delete_security_group(GroupId=group),
    ):
        with aws.refused("DependencyViolation"):
            delete()
    ec2.delete_vpc_endpoints(VpcEndpointIds=[key])
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnets[0])


def test_an_endpoint_of_an_unknown_service_is_refused(aws) -> None:
    vpc, _ = aws.network()
    with aws.refused("InvalidServiceName"):
        aws("ec2").create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-west-2.nothing")


def test_routes_lead_through_gateways_and_are_replaced(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network()
    gateway = internet(aws, vpc)
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address(aws))["NatGateway"]["NatGatewayId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert routes[1]["NatGatewayId"] == nat
    assert "GatewayId" not in routes[1]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[1])["AssociationId"]
    with aws.refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=table)
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.delete_route_table(RouteTableId=table)
    with aws.refused("InvalidRouteTableID.NotFound"):
        ec2.describe_route_tables(RouteTableIds=[table])


def test_an_elastic_ip_is_described_back(aws) -> None:
    ec2 = aws("ec2")
    made = ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags(Name="nat")}]
    )
    seen = ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"][0]
    assert seen["Tags"] == tags(Name="nat")
    assert seen["PublicIp"] == made["PublicIp"]
    attributes = ec2.describe_addresses_attribute(AllocationIds=[made["AllocationId"]], Attribute="domain-name")
    assert "PtrRecord" not in attributes["Addresses"][0]
    ec2.release_address(AllocationId=made["AllocationId"])
    with aws.refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=[made["AllocationId"]])


def test_tags_of_deleted_things_are_gone(aws) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=tags(Name="x"))
    assert len(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]) == 1
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"] == []


def test_a_route_needs_a_target_and_turns_black_without_it(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network()
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    loose = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    with aws.refused("InvalidParameterValue", says="different networks"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=loose)
    with aws.refused("InvalidNatGatewayID.NotFound"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat-0")
    internet(aws, vpc)
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address(aws))["NatGateway"]["NatGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [route["State"] for route in routes] == ["active", "blackhole"]
