"""An account with several of everything that a stack makes, for tests that only look."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from infra import iam
from infra.iam import Aws
from tests.local.aws.conftest import Account

HERE = Aws("123456789012", "us-west-2")
SIX = range(6)
"""EC2 gives no page of fewer than five."""


@pytest.fixture(scope="module")
def full(endpoint: str) -> Iterator[Account]:
    """An account with six of everything, emptied afterwards."""
    reset = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset).read()
    account = Account(endpoint)
    for fill in (_network, _machines, _clusters, _identities, _storage, _messages, _costs):
        fill(account)
    yield account
    urllib.request.urlopen(reset).read()


def _network(aws: Account) -> None:
    ec2 = aws("ec2")
    for index in SIX:
        vpc = ec2.create_vpc(CidrBlock=f"10.{index}.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{index}.0.0/24", AvailabilityZone="us-west-2a")
        subnet = subnet["Subnet"]["SubnetId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
        ec2.create_security_group(GroupName="ray", Description="ray", VpcId=vpc)
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-west-2.s3")
        role = aws.role(f"flow-{index}", "vpc-flow-logs.amazonaws.com")
        aws("logs").create_log_group(logGroupName=f"/aws/vpc/{index}")
        ec2.create_flow_logs(
            ResourceIds=[vpc],
            ResourceType="VPC",
            TrafficType="REJECT",
            LogGroupName=f"/aws/vpc/{index}",
            DeliverLogsPermissionArn=role,
        )


def _machines(aws: Account) -> None:
    ec2 = aws("ec2")
    for index in SIX:
        ec2.create_launch_template(LaunchTemplateName=f"ray-{index}", LaunchTemplateData={"InstanceType": "m7i.large"})
        ec2.create_capacity_reservation(
            InstanceType="m7i.large", InstancePlatform="Linux/UNIX", InstanceCount=1, AvailabilityZone="us-west-2a"
        )
    for _ in range(5):
        ec2.create_launch_template_version(
            LaunchTemplateName="ray-0", LaunchTemplateData={"InstanceType": "m7i.xlarge"}
        )


def _clusters(aws: Account) -> None:
    eks = aws("eks")
    control_plane = aws.role("control-plane", "eks.amazonaws.com")
    for index in range(3):
        aws.cluster(f"ray-{index}", roleArn=control_plane)
    for index in range(3):
        aws.nodes(f"cpu-{index}", of="ray-0")
        role = aws.role(f"pod-{index}", "pods.eks.amazonaws.com")
        eks.create_pod_identity_association(
            clusterName="ray-0", namespace="a", serviceAccount=f"s{index}", roleArn=role
        )
        eks.create_fargate_profile(
            clusterName="ray-0",
            fargateProfileName=f"f{index}",
            podExecutionRoleArn=aws.role(f"fargate-{index}", "eks-fargate-pods.amazonaws.com"),
            selectors=[{"namespace": "a"}],
        )
    for addon in ("vpc-cni", "kube-proxy", "coredns"):
        eks.create_addon(clusterName="ray-0", addonName=addon)
    person = aws.role("person", "ec2.amazonaws.com")
    eks.create_access_entry(clusterName="ray-0", principalArn=person)
    for policy in ("AmazonEKSViewPolicy", "AmazonEKSEditPolicy", "AmazonEKSAdminPolicy"):
        arn = f"arn:aws:eks::aws:cluster-access-policy/{policy}"
        scope = {"type": "cluster"}
        eks.associate_access_policy(clusterName="ray-0", principalArn=person, policyArn=arn, accessScope=scope)


def _identities(aws: Account) -> None:
    client, allowed = aws("iam"), json.dumps(iam.document(iam.allow("A", ["s3:GetObject"], ["arn:aws:s3:::a/*"])))
    for index in range(3):
        client.create_instance_profile(InstanceProfileName=f"p{index}")
        arn = client.create_policy(PolicyName=f"a{index}", PolicyDocument=allowed)["Policy"]["Arn"]
        client.attach_role_policy(RoleName="person", PolicyArn=arn)
        client.put_role_policy(RoleName="person", PolicyName=f"i{index}", PolicyDocument=allowed)
        key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
        aws("kms").create_alias(AliasName=f"alias/k{index}", TargetKeyId=key)
        aws("kms").tag_resource(KeyId=key, Tags=[{"TagKey": str(n), "TagValue": ""} for n in range(3)])


def _storage(aws: Account) -> None:
    s3 = aws("s3")
    place = {"LocationConstraint": "us-west-2"}
    for index in range(3):
        s3.create_bucket(Bucket=f"ray-{index}", CreateBucketConfiguration=place)
        s3.put_bucket_versioning(Bucket="ray-0", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="ray-0", Key=f"o{index}", Body=b"")
        system = aws("efs").create_file_system(CreationToken=f"e{index}")["FileSystemId"]
        aws("ecr").create_repository(repositoryName=f"ray-{index}")
        aws("secretsmanager").create_secret(Name=f"s{index}", SecretString="x")
    ec2 = aws("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.5.0.0/24"]}])["Subnets"][0]
    group = ec2.create_security_group(GroupName="lustre", Description="lustre", VpcId=subnet["VpcId"])["GroupId"]
    anything = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=anything)
    for index in range(3):
        aws("efs").create_access_point(ClientToken=f"a{index}", FileSystemId=system)
        aws("fsx").create_file_system(
            FileSystemType="LUSTRE",
            StorageCapacity=1200,
            SubnetIds=[subnet["SubnetId"]],
            SecurityGroupIds=[group],
            LustreConfiguration={"DeploymentType": "SCRATCH_2"},
        )
    for prefix, upstream in (("quay", "quay.io"), ("ecr", "public.ecr.aws"), ("k8s", "registry.k8s.io")):
        aws("ecr").create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl=upstream)


def _messages(aws: Account) -> None:
    events = aws("events")
    for index in range(3):
        queue = aws("sqs").create_queue(QueueName=f"q{index}")["QueueUrl"].rsplit("/", 1)[-1]
        events.put_rule(Name=f"e{index}", EventPattern='{"source": ["aws.ec2"]}')
        events.put_targets(Rule="e0", Targets=[{"Id": f"t{index}", "Arn": HERE.arn("sqs", queue)}])
    for index in range(101):  # SNS pages hold a hundred, whatever one asks for
        aws("sns").create_topic(Name=f"t{index}")


def _costs(aws: Account) -> None:
    s3, budgets, ce = aws("s3"), aws("budgets"), aws("ce")
    policy = iam.document(iam.bill_delivery(HERE, "ray-0"))
    s3.put_bucket_policy(Bucket="ray-0", Policy=json.dumps(policy))
    topic = HERE.arn("sns", "t0")
    alert = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "ThresholdType": "PERCENTAGE"}
    mail = [{"SubscriptionType": "EMAIL", "Address": f"{who}@example.com"} for who in "abc"]
    for index in range(3):
        budgets.create_budget(
            AccountId=HERE.account,
            Budget={
                "BudgetName": f"b{index}",
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": "1", "Unit": "USD"},
            },
            NotificationsWithSubscribers=[
                {"Notification": alert | {"Threshold": percent}, "Subscribers": mail} for percent in (50.0, 80.0, 100.0)
            ],
        )
        monitor = {"MonitorName": f"m{index}", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
        if index == 0:  # AWS allows one monitor of services
            arn = ce.create_anomaly_monitor(AnomalyMonitor=monitor)["MonitorArn"]
        ce.create_anomaly_subscription(
            AnomalySubscription={
                "SubscriptionName": f"s{index}",
                "Frequency": "IMMEDIATE",
                "MonitorArnList": [arn],
                "Subscribers": [{"Type": "SNS", "Address": topic}],
                "Threshold": 1.0,
            }
        )
        aws("bcm-data-exports", "us-east-1").create_export(Export=_export(f"x{index}"))


def _export(name: str) -> dict[str, Any]:
    output = {
        "OutputType": "CUSTOM",
        "Format": "PARQUET",
        "Compression": "PARQUET",
        "Overwrite": "OVERWRITE_REPORT",
    }
    where = {"S3Bucket": "ray-0", "S3Prefix": "x", "S3Region": "us-west-2", "S3OutputConfigurations": output}
    return {
        "Name": name,
        "DataQuery": {"QueryStatement": "SELECT bill_type FROM COST_AND_USAGE_REPORT"},
        "DestinationConfigurations": {"S3Destination": where},
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }
