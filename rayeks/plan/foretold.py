"""What AWS will answer, where its rule is public: identifiers and ARNs that follow from names, account and region."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

EC2_ARN = "arn:{partition}:ec2:{region}:{account}:{kind}/{id}"


@dataclass(frozen=True)
class Place:
    """Where the stack lives: AWS partition, region, account, and the DNS suffix of its services."""

    region: str
    account: str

    @property
    def partition(self) -> str:
        """The part of AWS that the region belongs to."""
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rsplit("-", 2)[0], "aws")

    @property
    def suffix(self) -> str:
        """The domain of AWS's services in that part."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def fields(self) -> dict[str, str]:
        """The place as template fields."""
        return {
            "partition": self.partition,
            "region": self.region,
            "account": self.account,
            "suffix": self.suffix,
        }


def _ec2(kind: str) -> dict[str, str]:
    return {"arn": EC2_ARN.replace("{kind}", kind)}


# Templates over the resource's own properties (inputs first, then the ones foretold before) and its place.
# Sources: the ARN formats of AWS's Service Authorization Reference, and what the Terraform AWS provider, which
# pulumi-aws wraps, uses as the id of each resource.
TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "aws:budgets/budget:Budget": {
        "id": "{account}:{name}",
        "accountId": "{account}",
        "arn": "arn:{partition}:budgets::{account}:budget/{name}",
    },
    "aws:cloudwatch/eventRule:EventRule": {
        "id": "{name}",
        "arn": "arn:{partition}:events:{region}:{account}:rule/{name}",
    },
    "aws:cloudwatch/eventTarget:EventTarget": {"id": "{rule}-{targetId}"},
    "aws:cloudwatch/logGroup:LogGroup": {
        "id": "{name}",
        "arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}",
    },
    "aws:ec2/capacityReservation:CapacityReservation": _ec2("capacity-reservation"),
    "aws:ec2/eip:Eip": _ec2("elastic-ip") | {"allocationId": "{id}"},
    "aws:ec2/flowLog:FlowLog": _ec2("vpc-flow-log"),
    "aws:ec2/internetGateway:InternetGateway": _ec2("internet-gateway"),
    "aws:ec2/launchTemplate:LaunchTemplate": _ec2("launch-template"),
    "aws:ec2/natGateway:NatGateway": {},
    "aws:ec2/placementGroup:PlacementGroup": {
        "id": "{name}",
        "arn": "arn:{partition}:ec2:{region}:{account}:placement-group/{name}",
    },
    "aws:ec2/routeTable:RouteTable": _ec2("route-table"),
    "aws:ec2/securityGroup:SecurityGroup": _ec2("security-group"),
    "aws:ec2/subnet:Subnet": _ec2("subnet"),
    "aws:ec2/vpc:Vpc": _ec2("vpc"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ec2("vpc-endpoint"),
    "aws:ecr/repository:Repository": {
        "id": "{name}",
        "arn": "arn:{partition}:ecr:{region}:{account}:repository/{name}",
        "registryId": "{account}",
        "repositoryUrl": "{account}.dkr.ecr.{region}.{suffix}/{name}",
    },
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {"id": "{repository}", "registryId": "{account}"},
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": {
        "id": "{ecrRepositoryPrefix}",
        "registryId": "{account}",
    },
    "aws:efs/accessPoint:AccessPoint": {
        "arn": "arn:{partition}:elasticfilesystem:{region}:{account}:access-point/{id}",
        "fileSystemArn": "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{fileSystemId}",
    },
    "aws:efs/backupPolicy:BackupPolicy": {"id": "{fileSystemId}"},
    "aws:efs/fileSystem:FileSystem": {
        "arn": "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{id}",
        "dnsName": "{id}.efs.{region}.{suffix}",
    },
    "aws:eks/accessEntry:AccessEntry": {"id": "{clusterName}:{principalArn}"},
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": {"id": "{clusterName}#{principalArn}#{policyArn}"},
    "aws:eks/addon:Addon": {"id": "{clusterName}:{addonName}"},
    "aws:eks/cluster:Cluster": {
        "id": "{name}",
        "arn": "arn:{partition}:eks:{region}:{account}:cluster/{name}",
    },
    "aws:eks/nodeGroup:NodeGroup": {"id": "{clusterName}:{nodeGroupName}"},
    "aws:fsx/lustreFileSystem:LustreFileSystem": {
        "arn": "arn:{partition}:fsx:{region}:{account}:file-system/{id}",
        "dnsName": "{id}.fsx.{region}.{suffix}",
        "ownerId": "{account}",
    },
    "aws:iam/instanceProfile:InstanceProfile": {
        "id": "{name}",
        "path": "/",
        "arn": "arn:{partition}:iam::{account}:instance-profile{path}{name}",
    },
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {"id": "{arn}"},
    "aws:iam/policy:Policy": {
        "path": "/",
        "arn": "arn:{partition}:iam::{account}:policy{path}{name}",
        "id": "{arn}",
    },
    "aws:iam/role:Role": {
        "id": "{name}",
        "path": "/",
        "arn": "arn:{partition}:iam::{account}:role{path}{name}",
    },
    "aws:iam/rolePolicy:RolePolicy": {"id": "{role}:{name}"},
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {"id": "{role}/{policyArn}"},
    "aws:kms/alias:Alias": {
        "id": "{name}",
        "arn": "arn:{partition}:kms:{region}:{account}:{name}",
    },
    "aws:kms/key:Key": {"keyId": "{id}", "arn": "arn:{partition}:kms:{region}:{account}:key/{id}"},
    "aws:s3/bucket:Bucket": {
        "id": "{bucket}",
        "arn": "arn:{partition}:s3:::{bucket}",
        "bucketDomainName": "{bucket}.s3.{suffix}",
        "bucketRegion": "{region}",
        "bucketRegionalDomainName": "{bucket}.s3.{region}.{suffix}",
    },
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"id": "{bucket}"},
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {"id": "{bucket}"},
    "aws:s3/bucketPolicy:BucketPolicy": {"id": "{bucket}"},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {"id": "{bucket}"},
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {"id": "{bucket}"},
    "aws:s3/bucketVersioning:BucketVersioning": {"id": "{bucket}"},
    "aws:sns/topic:Topic": {
        "arn": "arn:{partition}:sns:{region}:{account}:{name}",
        "id": "{arn}",
        "owner": "{account}",
    },
    "aws:sns/topicPolicy:TopicPolicy": {"id": "{arn}", "owner": "{account}"},
    "aws:sqs/queue:Queue": {
        "arn": "arn:{partition}:sqs:{region}:{account}:{name}",
        "url": "https://sqs.{region}.{suffix}/{account}/{name}",
        "id": "{url}",
    },
    "aws:sqs/queuePolicy:QueuePolicy": {"id": "{queueUrl}"},
}

WAITS_FOR_AWS: Mapping[str, tuple[str, ...]] = {
    "aws:eks/cluster:Cluster": ("vpcConfig.clusterSecurityGroupId", "vpcConfig.vpcId"),
}
"""Properties inside an input that only AWS fills in, which no type tells from those that stay empty."""


def foretold(kind: str, inputs: Mapping[str, Any], stand_ins: Mapping[str, Any], place: Place) -> dict[str, str]:
    """The outputs of a resource that can be said before AWS is asked.

    A property that the inputs lack is taken from `stand_ins`, so that an ARN has its shape even where a name in
    it is not known yet.
    """
    texts = {key: value for key, value in {**stand_ins, **inputs}.items() if isinstance(value, str)}
    fields = place.fields() | texts
    result: dict[str, str] = {}
    for output, template in TEMPLATES.get(kind, {}).items():
        if inputs.get(output) is None and all(name in fields for name in _names(template)):
            result[output] = fields[output] = template.format_map(fields)
    return result


def invoked(token: str, place: Place) -> dict[str, str] | None:
    """The answer of the functions that only tell where one is; None for any other."""
    match token:
        case "aws:index/getCallerIdentity:getCallerIdentity":
            arn = f"arn:{place.partition}:iam::{place.account}:root"
            return {"accountId": place.account, "id": place.account, "userId": place.account, "arn": arn}
        case "aws:index/getRegion:getRegion":
            return {"name": place.region, "region": place.region, "id": place.region}
        case "aws:index/getPartition:getPartition":
            return {"partition": place.partition, "id": place.partition, "dnsSuffix": place.suffix}
    return None


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}
