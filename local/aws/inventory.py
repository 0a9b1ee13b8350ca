"""What is left in the account: everything that clients made, by kind, without what AWS itself always has there."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

Client = Callable[[str], Any]


def inventory(endpoint: str, region: str = "us-west-2") -> dict[str, list[str]]:
    """Every kind of which something is left at this endpoint, with the names or ids. Empty: nothing is left."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)
    config = Config(retries={"max_attempts": 2}, max_pool_connections=4)
    made = {
        name: session.client(name, endpoint_url=endpoint, config=config)
        for name in sorted({"sts", *(kind.split(":")[0] for kind in KINDS)})
    }
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda item: (item[0], sorted(item[1](made.__getitem__))), KINDS.items())
        return {kind: names for kind, names in found if names}


def _each(
    service: str, operation: str, key: str, name: str | None = None, **given: Any
) -> Callable[[Client], Iterable[str]]:
    """A kind that one paginated operation lists: the list's key, and the member that names an item."""

    def names(client: Client) -> Iterator[str]:
        for item in _items(client(service), operation, key, **given):
            yield item if name is None else item[name]

    return names


def _items(client: Any, operation: str, key: str, **given: Any) -> Iterator[Any]:
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**given):
            yield from page.get(key) or []
    else:
        yield from getattr(client, operation)(**given).get(key) or []


def _of_clusters(operation: str, key: str, member: str | None = None) -> Callable[[Client], Iterable[str]]:
    def names(client: Client) -> Iterator[str]:
        eks = client("eks")
        for cluster in _items(eks, "list_clusters", "clusters"):
            for item in _items(eks, operation, key, clusterName=cluster):
                yield f"{cluster}/{item if member is None else item[member]}"

    return names


def _vpcs(client: Client) -> Iterator[str]:
    for vpc in _items(client("ec2"), "describe_vpcs", "Vpcs"):
        if not vpc["IsDefault"]:
            yield vpc["VpcId"]


def _default_vpcs(client: Client) -> set[str]:
    return {vpc["VpcId"] for vpc in _items(client("ec2"), "describe_vpcs", "Vpcs") if vpc["IsDefault"]}


def _outside_default(operation: str, key: str, name: str) -> Callable[[Client], Iterable[str]]:
    """What a VPC holds, where it is not the account's default VPC; not each VPC's own group, table and list."""

    def names(client: Client) -> Iterator[str]:
        default = _default_vpcs(client)
        for item in _items(client("ec2"), operation, key):
            own = (
                item.get("GroupName") == "default"
                or item.get("IsDefault")
                or any(link.get("Main") for link in item.get("Associations") or [])
            )
            attached = {link.get("VpcId") for link in item.get("Attachments") or []}
            if not own and item.get("VpcId") not in default and not attached & default:
                yield item[name]

    return names


def _alive(operation: str, key: str, name: str, *gone: str) -> Callable[[Client], Iterable[str]]:
    """What stays visible for a while after its deletion."""

    def names(client: Client) -> Iterator[str]:
        for item in _items(client("ec2"), operation, key):
            if item["State"] not in gone:
                yield item[name]

    return names


def _instances(client: Client) -> Iterator[str]:
    for reservation in _items(client("ec2"), "describe_instances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield instance["InstanceId"]


def _roles(client: Client) -> Iterator[str]:
    for role in _items(client("iam"), "list_roles", "Roles"):
        if not role["Path"].startswith(("/aws-service-role/", "/aws-reserved/")):
            yield role["RoleName"]


def _keys(client: Client) -> Iterator[str]:
    """Keys but those that AWS makes for a service's default, which moto calls the customer's."""
    kms = client("kms")
    aliases = _items(kms, "list_aliases", "Aliases")
    own = {alias.get("TargetKeyId") for alias in aliases if alias["AliasName"].startswith("alias/aws/")}
    for key in _items(kms, "list_keys", "Keys"):
        about = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if about["KeyState"] != "PendingDeletion" and about["KeyManager"] != "AWS" and key["KeyId"] not in own:
            yield key["KeyId"]


def _aliases(client: Client) -> Iterator[str]:
    for alias in _items(client("kms"), "list_aliases", "Aliases"):
        if not alias["AliasName"].startswith("alias/aws/"):
            yield alias["AliasName"]


def _subscriptions(client: Client) -> Iterator[str]:
    yield from _each("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn")(client)


def _rules(client: Client) -> Iterator[str]:
    yield from _each("events", "list_rules", "Rules", "Name")(client)


def _budgets(client: Client) -> Iterator[str]:
    account = client("sts").get_caller_identity()["Account"]
    yield from _each("budgets", "describe_budgets", "Budgets", "BudgetName", AccountId=account)(client)


def _parameters(client: Client) -> Iterator[str]:
    for parameter in _items(client("ssm"), "describe_parameters", "Parameters"):
        if not parameter["Name"].startswith("/aws/"):
            yield parameter["Name"]


KINDS: dict[str, Callable[[Client], Iterable[str]]] = {
    "eks:cluster": _each("eks", "list_clusters", "clusters"),
    "eks:nodegroup": _of_clusters("list_nodegroups", "nodegroups"),
    "eks:addon": _of_clusters("list_addons", "addons"),
    "eks:access-entry": _of_clusters("list_access_entries", "accessEntries"),
    "eks:fargate-profile": _of_clusters("list_fargate_profiles", "fargateProfileNames"),
    "eks:pod-identity-association": _of_clusters("list_pod_identity_associations", "associations", "associationId"),
    "ec2:vpc": _vpcs,
    "ec2:subnet": _outside_default("describe_subnets", "Subnets", "SubnetId"),
    "ec2:internet-gateway": _outside_default("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "ec2:route-table": _outside_default("describe_route_tables", "RouteTables", "RouteTableId"),
    "ec2:security-group": _outside_default("describe_security_groups", "SecurityGroups", "GroupId"),
    "ec2:network-acl": _outside_default("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "ec2:network-interface": _outside_default("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "ec2:nat-gateway": _alive("describe_nat_gateways", "NatGateways", "NatGatewayId", "deleted", "failed"),
    "ec2:vpc-endpoint": _alive("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "deleted"),
    "ec2:elastic-ip": _each("ec2", "describe_addresses", "Addresses", "AllocationId"),
    "ec2:launch-template": _each("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "ec2:placement-group": _each("ec2", "describe_placement_groups", "PlacementGroups", "GroupName"),
    "ec2:capacity-reservation": _alive(
        "describe_capacity_reservations", "CapacityReservations", "CapacityReservationId", "cancelled", "expired"
    ),
    "ec2:instance": _instances,
    "ec2:volume": _each("ec2", "describe_volumes", "Volumes", "VolumeId"),
    "ec2:snapshot": _each("ec2", "describe_snapshots", "Snapshots", "SnapshotId", OwnerIds=["self"]),
    "ec2:image": _each("ec2", "describe_images", "Images", "ImageId", Owners=["self"]),
    "ec2:key-pair": _each("ec2", "describe_key_pairs", "KeyPairs", "KeyName"),
    "ec2:flow-log": _each("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    "autoscaling:group": _each(
        "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"
    ),
    "iam:role": _roles,
    "iam:policy": _each("iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
    "iam:instance-profile": _each("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    "iam:user": _each("iam", "list_users", "Users", "UserName"),
    "iam:group": _each("iam", "list_groups", "Groups", "GroupName"),
    "iam:oidc-provider": _each("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
    "s3:bucket": _each("s3", "list_buckets", "Buckets", "Name"),
    "kms:key": _keys,
    "kms:alias": _aliases,
    "sqs:queue": _each("sqs", "list_queues", "QueueUrls"),
    "sns:topic": _each("sns", "list_topics", "Topics", "TopicArn"),
    "sns:subscription": _subscriptions,
    "events:rule": _rules,
    "logs:log-group": _each("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "efs:file-system": _each("efs", "describe_file_systems", "FileSystems", "FileSystemId"),
    "efs:access-point": _each("efs", "describe_access_points", "AccessPoints", "AccessPointId"),
    "fsx:file-system": _each("fsx", "describe_file_systems", "FileSystems", "FileSystemId"),
    "fsx:data-repository-association": _each(
        "fsx", "describe_data_repository_associations", "Associations", "AssociationId"
    ),
    "ecr:repository": _each("ecr", "describe_repositories", "repositories", "repositoryName"),
    "ecr:pull-through-cache-rule": _each(
        "ecr", "describe_pull_through_cache_rules", "pullThroughCacheRules", "ecrRepositoryPrefix"
    ),
    "ecr:creation-template": _each(
        "ecr", "describe_repository_creation_templates", "repositoryCreationTemplates", "prefix"
    ),
    "budgets:budget": _budgets,
    "ce:anomaly-monitor": _each("ce", "get_anomaly_monitors", "AnomalyMonitors", "MonitorArn"),
    "ce:anomaly-subscription": _each("ce", "get_anomaly_subscriptions", "AnomalySubscriptions", "SubscriptionArn"),
    "bcm-data-exports:export": _each("bcm-data-exports", "list_exports", "Exports", "ExportArn"),
    "cloudwatch:alarm": _each("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "dynamodb:table": _each("dynamodb", "list_tables", "TableNames"),
    "elbv2:load-balancer": _each("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    "secretsmanager:secret": _each("secretsmanager", "list_secrets", "SecretList", "Name"),
    "ssm:parameter": _parameters,
}
