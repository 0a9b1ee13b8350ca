"""EC2's network: VPCs, subnets, gateways, addresses and flow logs."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.cloud import AwsError
from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import MINUTES, Call, Change, Resource
from local.providers.aws.types.ec2_common import arn, filtered, tagging


def _vpc_attribute(name: str) -> Change:
    member = name[0].upper() + name[1:]
    return Change(name, Call("ModifyVpcAttribute", {"VpcId": "{id}", member: {"Value": f"{{{name}}}"}}))


def _vpc_attribute_read(name: str) -> Call:
    member = name[0].upper() + name[1:]
    params = {"VpcId": "{id}", "Attribute": name}
    return Call("DescribeVpcAttribute", params, f"{{{name}: {member}.Value}}")


def _subnet_attribute(name: str, member: str | None = None) -> Change:
    member = member or name[0].upper() + name[1:]
    return Change(name, Call("ModifySubnetAttribute", {"SubnetId": "{id}", member: {"Value": f"{{{name}}}"}}))


def _tenancy_can_only_be_loosened(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    tightened = old.get("instanceTenancy") != "dedicated" and new.get("instanceTenancy") == "dedicated"
    return frozenset({"instanceTenancy"} if tightened else ())


VPC = Resource(
    token="aws:ec2/vpc:Vpc",
    service="ec2",
    id="{VpcId}",
    create=Call("CreateVpc", {}, "Vpc"),
    reads=(
        Call("DescribeVpcs", {"VpcIds": ["{id}"]}, "Vpcs[0]"),
        _vpc_attribute_read("enableDnsSupport"),
        _vpc_attribute_read("enableDnsHostnames"),
        _vpc_attribute_read("enableNetworkAddressUsageMetrics"),
        filtered(
            "DescribeRouteTables",
            "RouteTables[0].{mainRouteTableId: RouteTableId, defaultRouteTableId: RouteTableId}",
            {"vpc-id": "{id}", "association.main": "true"},
        ),
        filtered(
            "DescribeSecurityGroups",
            "SecurityGroups[0].{defaultSecurityGroupId: GroupId}",
            {"vpc-id": "{id}", "group-name": "default"},
        ),
        filtered(
            "DescribeNetworkAcls",
            "NetworkAcls[0].{defaultNetworkAclId: NetworkAclId}",
            {"vpc-id": "{id}", "default": "true"},
        ),
    ),
    changes=(
        _vpc_attribute("enableDnsSupport"),
        _vpc_attribute("enableDnsHostnames"),
        _vpc_attribute("enableNetworkAddressUsageMetrics"),
        Change("instanceTenancy", Call("ModifyVpcTenancy", {"VpcId": "{id}"})),
    ),
    delete=(Call("DeleteVpc", {"VpcId": "{id}"}),),
    awaits_deletion=True,
    status="State",
    ready=words("available"),
    replaces=words("cidrBlock"),
    forces=_tenancy_can_only_be_loosened,
    computed=words("cidrBlock enableDnsHostnames enableNetworkAddressUsageMetrics"),
    defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
    outputs={"arn": arn("vpc")},
    tagging=tagging("vpc"),
    timeouts={"delete": 5 * MINUTES},
)


def _launch_options(shown: dict[str, Any], operation: Operation) -> None:
    options = operation.raw.get("PrivateDnsNameOptionsOnLaunch") or {}
    shown["enableResourceNameDnsARecordOnLaunch"] = options.get("EnableResourceNameDnsARecord", False)
    shown["enableResourceNameDnsAaaaRecordOnLaunch"] = options.get("EnableResourceNameDnsAAAARecord", False)
    shown["privateDnsHostnameTypeOnLaunch"] = options.get("HostnameType", "ip-name")


SUBNET = Resource(
    token="aws:ec2/subnet:Subnet",
    service="ec2",
    id="{SubnetId}",
    create=Call("CreateSubnet", {}, "Subnet"),
    reads=(Call("DescribeSubnets", {"SubnetIds": ["{id}"]}, "Subnets[0]"),),
    changes=(
        _subnet_attribute("mapPublicIpOnLaunch"),
        _subnet_attribute("assignIpv6AddressOnCreation"),
        _subnet_attribute("enableDns64"),
        _subnet_attribute("enableResourceNameDnsARecordOnLaunch"),
        _subnet_attribute("enableResourceNameDnsAaaaRecordOnLaunch", "EnableResourceNameDnsAAAARecordOnLaunch"),
        Change("privateDnsHostnameTypeOnLaunch", Call("ModifySubnetAttribute", {"SubnetId": "{id}"})),
    ),
    delete=(Call("DeleteSubnet", {"SubnetId": "{id}"}),),
    awaits_deletion=True,
    status="State",
    ready=words("available"),
    replaces=words("vpcId cidrBlock availabilityZone availabilityZoneId ipv6CidrBlock ipv6Native"),
    computed=words("availabilityZone availabilityZoneId cidrBlock ipv6CidrBlock privateDnsHostnameTypeOnLaunch"),
    defaults={
        "assignIpv6AddressOnCreation": False,
        "enableDns64": False,
        "enableResourceNameDnsARecordOnLaunch": False,
        "enableResourceNameDnsAaaaRecordOnLaunch": False,
        "ipv6Native": False,
        "mapPublicIpOnLaunch": False,
    },
    names={"arn": "SubnetArn"},
    shown=_launch_options,
    tagging=tagging("subnet"),
)


def _attached(operation: Operation) -> str | None:
    return next((each["VpcId"] for each in operation.raw.get("Attachments") or ()), None)


def _attach(operation: Operation) -> None:
    _detach(operation)
    if wanted := operation.inputs.get("vpcId"):
        operation.call("AttachInternetGateway", {"InternetGatewayId": operation.id, "VpcId": wanted})


def _detach(operation: Operation) -> None:
    if attached := _attached(operation):
        operation.call("DetachInternetGateway", {"InternetGatewayId": operation.id, "VpcId": attached})


def _attachment(shown: dict[str, Any], operation: Operation) -> None:
    if attached := _attached(operation):
        shown["vpcId"] = attached


INTERNET_GATEWAY = Resource(
    token="aws:ec2/internetGateway:InternetGateway",
    service="ec2",
    id="{InternetGatewayId}",
    create=Call("CreateInternetGateway", {}, "InternetGateway"),
    reads=(Call("DescribeInternetGateways", {"InternetGatewayIds": ["{id}"]}, "InternetGateways[0]"),),
    changes=(Change("vpcId", _attach),),
    delete=(_detach, Call("DeleteInternetGateway", {"InternetGatewayId": "{id}"})),
    awaits_deletion=True,
    computed=words("vpcId"),
    outputs={"arn": arn("internet-gateway")},
    missing=words("Gateway.NotAttached"),
    shown=_attachment,
    tagging=tagging("internet-gateway"),
)

EIP = Resource(
    token="aws:ec2/eip:Eip",
    service="ec2",
    id="{AllocationId}",
    create=Call("AllocateAddress"),
    reads=(Call("DescribeAddresses", {"AllocationIds": ["{id}"]}, "Addresses[0]"),),
    delete=(
        lambda operation: (
            operation.raw.get("AssociationId")
            and operation.ignoring_absence(
                lambda: operation.call("DisassociateAddress", {"AssociationId": operation.raw["AssociationId"]})
            )
        ),
        Call("ReleaseAddress", {"AllocationId": "{id}", "NetworkBorderGroup": "{networkBorderGroup}"}),
    ),
    replaces=words("address domain networkBorderGroup publicIpv4Pool"),
    computed=words("address domain networkBorderGroup publicIpv4Pool networkInterface instance"),
    names={
        "networkInterface": "NetworkInterfaceId",
        "instance": "InstanceId",
        "privateIp": "PrivateIpAddress",
    },
    outputs={"arn": arn("elastic-ip")},
    busy=words("InvalidIPAddress.InUse AuthFailure"),
    tagging=tagging("elastic-ip"),
)


def _nat_addresses(shown: dict[str, Any], operation: Operation) -> None:
    addresses = operation.raw.get("NatGatewayAddresses") or []
    primary = next((each for each in addresses if each.get("IsPrimary")), addresses[0] if addresses else {})
    others = [each for each in addresses if each is not primary]
    if operation.raw.get("AvailabilityMode") == "regional":
        return
    told = {
        "allocationId": primary.get("AllocationId"),
        "associationId": primary.get("AssociationId"),
        "networkInterfaceId": primary.get("NetworkInterfaceId"),
        "privateIp": primary.get("PrivateIp"),
        "publicIp": primary.get("PublicIp"),
        "secondaryAllocationIds": [each["AllocationId"] for each in others if each.get("AllocationId")],
        "secondaryPrivateIpAddresses": [each["PrivateIp"] for each in others if each.get("PrivateIp")],
        "secondaryPrivateIpAddressCount": len(others),
    }
    shown.update({name: value for name, value in told.items() if value is not None})


NAT_GATEWAY = Resource(
    token="aws:ec2/natGateway:NatGateway",
    service="ec2",
    id="{NatGatewayId}",
    create=Call("CreateNatGateway", {}, "NatGateway"),
    reads=(Call("DescribeNatGateways", {"NatGatewayIds": ["{id}"]}, "NatGateways[0]"),),
    delete=(Call("DeleteNatGateway", {"NatGatewayId": "{id}"}),),
    awaits_deletion=True,
    status="State",
    ready=words("available"),
    failed=words("failed"),
    gone=words("deleted"),
    why="FailureMessage",
    replaces=words("allocationId availabilityMode connectivityType privateIp subnetId vpcId availabilityZoneAddresses"),
    computed=words(
        "availabilityMode privateIp vpcId secondaryPrivateIpAddressCount secondaryPrivateIpAddresses subnetId"
    ),
    unordered=words("availabilityZoneAddresses availabilityZoneAddresses.allocationIds secondaryAllocationIds"),
    defaults={"connectivityType": "public"},
    names={"privateIp": "PrivateIpAddress"},
    shown=_nat_addresses,
    tagging=tagging("natgateway"),
    timeouts={"create": 10 * MINUTES, "delete": 30 * MINUTES},
)

FLOW_LOG_SETTINGS = words(
    "deliverCrossAccountRole destinationOptions iamRoleArn logDestination logDestinationType logFormat",
    "maxAggregationInterval trafficType",
)
FLOW_LOG_TARGETS = {
    "vpcId": "VPC",
    "subnetId": "Subnet",
    "eniId": "NetworkInterface",
    "transitGatewayId": "TransitGateway",
    "transitGatewayAttachmentId": "TransitGatewayAttachment",
}


def _create_flow_log(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    source = next((name for name in FLOW_LOG_TARGETS if inputs.get(name)), None)
    if source is None:
        raise AwsError("CreateFlowLogs", "", f"one of {', '.join(FLOW_LOG_TARGETS)} must be given")
    params = {"ResourceIds": [inputs[source]], "ResourceType": FLOW_LOG_TARGETS[source]}
    wanted = {name: value for name, value in inputs.items() if name in FLOW_LOG_SETTINGS}
    answer = operation.run(Call("CreateFlowLogs", {**params, **tagging("vpc-flow-log").create}), wanted)
    for failure in answer.get("Unsuccessful") or ():
        raise AwsError("CreateFlowLogs", failure["Error"]["Code"], failure["Error"]["Message"])
    return {"FlowLogId": answer["FlowLogIds"][0]}


def _flow_log_source(shown: dict[str, Any], operation: Operation) -> None:
    source = operation.raw.get("ResourceId", "")
    prefixes = {"vpc-": "vpcId", "subnet-": "subnetId", "eni-": "eniId", "tgw-": "transitGatewayId"}
    for prefix, name in prefixes.items():
        if source.startswith(prefix):
            shown[name] = source


FLOW_LOG = Resource(
    token="aws:ec2/flowLog:FlowLog",
    service="ec2",
    id="{FlowLogId}",
    create=_create_flow_log,
    consumes=FLOW_LOG_SETTINGS | FLOW_LOG_TARGETS.keys(),
    reads=(Call("DescribeFlowLogs", {"FlowLogIds": ["{id}"]}, "FlowLogs[0]"),),
    delete=(Call("DeleteFlowLogs", {"FlowLogIds": ["{id}"]}),),
    awaits_deletion=True,
    replaces=FLOW_LOG_SETTINGS | FLOW_LOG_TARGETS.keys(),
    computed=words("logDestination logFormat destinationOptions"),
    defaults={"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
    names={"iamRoleArn": "DeliverLogsPermissionArn"},
    outputs={"arn": arn("vpc-flow-log")},
    shown=_flow_log_source,
    tagging=tagging("vpc-flow-log"),
)

TAG = Resource(
    token="aws:ec2/tag:Tag",
    service="ec2",
    id="{resourceId},{key}",
    create=Call("CreateTags", {"Resources": ["{resourceId}"], "Tags": [{"Key": "{key}", "Value": "{value}"}]}),
    reads=(filtered("DescribeTags", "Tags[0]", {"resource-id": "{resourceId}", "key": "{key}"}),),
    changes=(
        Change(
            "value",
            Call("CreateTags", {"Resources": ["{resourceId}"], "Tags": [{"Key": "{key}", "Value": "{value}"}]}),
        ),
    ),
    delete=(Call("DeleteTags", {"Resources": ["{resourceId}"], "Tags": [{"Key": "{key}"}]}),),
    replaces=words("resourceId key"),
)

TYPES = (VPC, SUBNET, INTERNET_GATEWAY, EIP, NAT_GATEWAY, FLOW_LOG, TAG)
