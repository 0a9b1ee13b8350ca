"""How long AWS and the cluster take to make each kind of resource: published or observed times, with their sources."""

from collections.abc import Mapping
from dataclasses import dataclass

from rayeks.plan.model import Resource
from rayeks.plan.values import reveal


@dataclass(frozen=True)
class Time:
    """Seconds that a creation takes, typically, and where the number comes from."""

    seconds: float
    source: str


TERRAFORM_LOGS = "`Creation complete after` in public Terraform logs"
EKS_LOGS = "ten public Terraform logs of EKS clusters, 2025-2026"
ESTIMATE = "estimate"

TIMES: Mapping[str, Time] = {
    "aws:ec2/natGateway:NatGateway": Time(105, f"{EKS_LOGS}: 1.4-2.1 min"),
    "aws:ec2/subnet:Subnet": Time(11, f"{TERRAFORM_LOGS}: 11 s with public addresses on launch, else 1 s"),
    "aws:ec2/vpc:Vpc": Time(12, f"{TERRAFORM_LOGS}: 12 s with DNS host names"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Time(6, f"{TERRAFORM_LOGS}: 6 s for a gateway"),
    "aws:efs/fileSystem:FileSystem": Time(6, TERRAFORM_LOGS),
    "aws:efs/mountTarget:MountTarget": Time(90, f"{TERRAFORM_LOGS}: about 1.5 min"),
    "aws:eks/accessEntry:AccessEntry": Time(1, TERRAFORM_LOGS),
    "aws:eks/addon:Addon": Time(35, f"{EKS_LOGS}: 14-56 s"),
    "aws:eks/cluster:Cluster": Time(590, f"{EKS_LOGS}: 8.3-11.4 min"),
    "aws:eks/nodeGroup:NodeGroup": Time(144, f"{EKS_LOGS}: 1.5-3.3 min for two or three nodes"),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": Time(300, ESTIMATE),
    "aws:fsx/lustreFileSystem:LustreFileSystem": Time(300, f"{TERRAFORM_LOGS}: 2-8 min for PERSISTENT_2"),
    "aws:iam/instanceProfile:InstanceProfile": Time(7, TERRAFORM_LOGS),
    "aws:kms/key:Key": Time(10, TERRAFORM_LOGS),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Time(31, f"{TERRAFORM_LOGS}: it waits 30 s"),
    "aws:sqs/queue:Queue": Time(26, f"{TERRAFORM_LOGS}: it waits 25 s for consistency"),
    "kubernetes:helm.sh/v3:Release": Time(45, f"{ESTIMATE}: pull an operator's image and become ready"),
}
EMPTY_NODE_GROUP = Time(58, f"{EKS_LOGS}: a group without nodes")
INTERFACE_ENDPOINT = Time(75, f"{TERRAFORM_LOGS}: 1-1.5 min for an interface")
PRIVATE_SUBNET = Time(1, TERRAFORM_LOGS)
OTHERS: Mapping[str, Time] = {
    "aws": Time(2, f"{TERRAFORM_LOGS}: 1-3 s for a resource that is one API call"),
    "kubernetes": Time(1, f"{ESTIMATE}: one API call"),
    "pulumi": Time(0, "the engine's own"),
}

NODE = Time(55, "Karpenter: EC2 instance to Ready node in 41-65 s (Outreach, fleet of 2025; AWS samples)")
IMAGE = Time(60, "AL2023 FastImagePull (awslabs/amazon-eks-ami): 30-60 s for an image of 15 GB")


def creation_time(resource: Resource) -> Time:
    """How long one resource takes, once everything that it waits for is there; components take no time."""
    if not resource.custom or resource.external:
        return Time(0, "nothing is made")
    inputs = reveal(resource.inputs)
    match resource.type:
        case "aws:eks/nodeGroup:NodeGroup" if (inputs.get("scalingConfig") or {}).get("desiredSize") == 0:
            return EMPTY_NODE_GROUP
        case "aws:ec2/vpcEndpoint:VpcEndpoint" if inputs.get("vpcEndpointType") == "Interface":
            return INTERFACE_ENDPOINT
        case "aws:ec2/subnet:Subnet" if not inputs.get("mapPublicIpOnLaunch"):
            return PRIVATE_SUBNET
    return TIMES.get(resource.type) or OTHERS.get(resource.package) or Time(0, "unknown to this table")
