"""Which IAM actions a deployment needs, by the types of what is planned. Pure data, and the ARNs they are asked for.

Source: service authorization reference, and what the Pulumi provider calls to make, read back, tag and remove each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.iam import Aws


@dataclass(frozen=True)
class Need:
    """Actions on one resource. `arn` is a pattern with {name} and {cluster}; `*` where AWS chooses the id."""

    actions: tuple[str, ...]
    arn: str = "*"


def _need(service: str, operations: str, arn: str = "*") -> Need:
    return Need(tuple(f"{service}:{operation}" for operation in operations.split()), arn)


def _role(operations: str) -> Need:
    return _need("iam", operations, "arn:{partition}:iam::{account}:role/{name}")


def _eks(operations: str, kind: str = "cluster/{cluster}") -> Need:
    return _need("eks", f"{operations} TagResource", f"arn:{{partition}}:eks:{{region}}:{{account}}:{kind}")


def _bucket(operations: str) -> Need:
    return _need("s3", operations, "arn:{partition}:s3:::{name}")


PASS_ROLE = _need("iam", "PassRole", "arn:{partition}:iam::{account}:role/{cluster}-*")
SERVICE_ROLE = _need("iam", "CreateServiceLinkedRole", "arn:{partition}:iam::{account}:role/aws-service-role/*")
QUEUE = "arn:{partition}:sqs:{region}:{account}:{name}"
RULE = "arn:{partition}:events:{region}:{account}:rule/{name}"
LOG_GROUP = "arn:{partition}:logs:{region}:{account}:log-group:{name}"
TOPIC = "arn:{partition}:sns:{region}:{account}:{name}"
REPOSITORY = "arn:{partition}:ecr:{region}:{account}:repository/{name}"

NEEDS: dict[str, tuple[Need, ...]] = {
    "ec2/vpc:Vpc": (
        _need("ec2", "CreateVpc ModifyVpcAttribute DescribeVpcs DescribeVpcAttribute DeleteVpc CreateTags"),
    ),
    "ec2/subnet:Subnet": (_need("ec2", "CreateSubnet ModifySubnetAttribute DescribeSubnets DeleteSubnet CreateTags"),),
    "ec2/internetGateway:InternetGateway": (
        _need(
            "ec2",
            "CreateInternetGateway AttachInternetGateway DescribeInternetGateways DetachInternetGateway "
            "DeleteInternetGateway CreateTags",
        ),
    ),
    "ec2/eip:Eip": (_need("ec2", "AllocateAddress DescribeAddresses ReleaseAddress CreateTags"),),
    "ec2/natGateway:NatGateway": (_need("ec2", "CreateNatGateway DescribeNatGateways DeleteNatGateway CreateTags"),),
    "ec2/routeTable:RouteTable": (_need("ec2", "CreateRouteTable DescribeRouteTables DeleteRouteTable CreateTags"),),
    "ec2/route:Route": (_need("ec2", "CreateRoute DescribeRouteTables DeleteRoute"),),
    "ec2/routeTableAssociation:RouteTableAssociation": (
        _need("ec2", "AssociateRouteTable DescribeRouteTables DisassociateRouteTable"),
    ),
    "ec2/vpcEndpoint:VpcEndpoint": (
        _need(
            "ec2",
            "CreateVpcEndpoint ModifyVpcEndpoint DescribeVpcEndpoints DescribePrefixLists DeleteVpcEndpoints "
            "CreateTags",
        ),
    ),
    "ec2/securityGroup:SecurityGroup": (
        _need(
            "ec2",
            "CreateSecurityGroup DescribeSecurityGroups RevokeSecurityGroupEgress DeleteSecurityGroup CreateTags",
        ),
    ),
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        _need("ec2", "AuthorizeSecurityGroupIngress DescribeSecurityGroupRules RevokeSecurityGroupIngress CreateTags"),
    ),
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        _need("ec2", "AuthorizeSecurityGroupEgress DescribeSecurityGroupRules RevokeSecurityGroupEgress CreateTags"),
    ),
    "ec2/securityGroupRule:SecurityGroupRule": (
        _need(
            "ec2",
            "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress DescribeSecurityGroupRules "
            "RevokeSecurityGroupIngress RevokeSecurityGroupEgress",
        ),
    ),
    "ec2/launchTemplate:LaunchTemplate": (
        _need(
            "ec2",
            "CreateLaunchTemplate CreateLaunchTemplateVersion ModifyLaunchTemplate DescribeLaunchTemplates "
            "DescribeLaunchTemplateVersions DeleteLaunchTemplate CreateTags",
        ),
    ),
    "ec2/placementGroup:PlacementGroup": (
        _need("ec2", "CreatePlacementGroup DescribePlacementGroups DeletePlacementGroup CreateTags"),
    ),
    "ec2/capacityReservation:CapacityReservation": (
        _need(
            "ec2",
            "CreateCapacityReservation ModifyCapacityReservation DescribeCapacityReservations "
            "CancelCapacityReservation CreateTags",
        ),
    ),
    "ec2/flowLog:FlowLog": (_need("ec2", "CreateFlowLogs DescribeFlowLogs DeleteFlowLogs CreateTags"), PASS_ROLE),
    "ec2/tag:Tag": (_need("ec2", "CreateTags DescribeTags DeleteTags"),),
    "iam/role:Role": (_role("CreateRole TagRole GetRole ListInstanceProfilesForRole DeleteRole"),),
    "iam/rolePolicy:RolePolicy": (_role("PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy"),),
    "iam/rolePolicyAttachment:RolePolicyAttachment": (
        _role("AttachRolePolicy ListAttachedRolePolicies DetachRolePolicy"),
    ),
    "iam/policy:Policy": (
        _need(
            "iam",
            "CreatePolicy TagPolicy GetPolicy GetPolicyVersion ListPolicyVersions DeletePolicy",
            "arn:{partition}:iam::{account}:policy/{name}",
        ),
    ),
    "iam/instanceProfile:InstanceProfile": (
        _need(
            "iam",
            "CreateInstanceProfile TagInstanceProfile GetInstanceProfile AddRoleToInstanceProfile "
            "RemoveRoleFromInstanceProfile DeleteInstanceProfile",
            "arn:{partition}:iam::{account}:instance-profile/{name}",
        ),
        PASS_ROLE,
    ),
    "iam/openIdConnectProvider:OpenIdConnectProvider": (
        _need(
            "iam",
            "CreateOpenIDConnectProvider TagOpenIDConnectProvider GetOpenIDConnectProvider DeleteOpenIDConnectProvider",
            "arn:{partition}:iam::{account}:oidc-provider/*",
        ),
    ),
    "eks/cluster:Cluster": (
        _eks("CreateCluster DescribeCluster UpdateClusterConfig UpdateClusterVersion DescribeUpdate DeleteCluster"),
        _need("kms", "CreateGrant DescribeKey"),
        PASS_ROLE,
        SERVICE_ROLE,
    ),
    "eks/nodeGroup:NodeGroup": (
        _eks("CreateNodegroup"),
        _eks(
            "DescribeNodegroup UpdateNodegroupConfig UpdateNodegroupVersion DeleteNodegroup",
            "nodegroup/{cluster}/*/*",
        ),
        # EKS launches from a launch template with the rights of whoever made the group.
        _need("ec2", "RunInstances CreateTags DescribeLaunchTemplateVersions"),
        PASS_ROLE,
        SERVICE_ROLE,
    ),
    "eks/addon:Addon": (
        _eks("CreateAddon"),
        _eks("DescribeAddon UpdateAddon DeleteAddon", "addon/{cluster}/*/*"),
    ),
    "eks/accessEntry:AccessEntry": (
        _eks("CreateAccessEntry"),
        _eks("DescribeAccessEntry UpdateAccessEntry DeleteAccessEntry", "access-entry/{cluster}/*"),
    ),
    "eks/accessPolicyAssociation:AccessPolicyAssociation": (
        _eks("AssociateAccessPolicy ListAssociatedAccessPolicies DisassociateAccessPolicy", "access-entry/{cluster}/*"),
    ),
    "eks/podIdentityAssociation:PodIdentityAssociation": (
        _eks("CreatePodIdentityAssociation"),
        _eks(
            "DescribePodIdentityAssociation UpdatePodIdentityAssociation DeletePodIdentityAssociation",
            "podidentityassociation/{cluster}/*",
        ),
        PASS_ROLE,
    ),
    "sqs/queue:Queue": (
        _need("sqs", "CreateQueue TagQueue GetQueueAttributes SetQueueAttributes ListQueueTags DeleteQueue", QUEUE),
    ),
    "sqs/queuePolicy:QueuePolicy": (_need("sqs", "SetQueueAttributes GetQueueAttributes"),),
    "cloudwatch/eventRule:EventRule": (_need("events", "PutRule TagResource DescribeRule DeleteRule", RULE),),
    "cloudwatch/eventTarget:EventTarget": (_need("events", "PutTargets ListTargetsByRule RemoveTargets"),),
    "cloudwatch/logGroup:LogGroup": (
        _need("logs", "CreateLogGroup PutRetentionPolicy TagResource ListTagsForResource DeleteLogGroup", LOG_GROUP),
        _need("logs", "DescribeLogGroups"),
    ),
    "kms/key:Key": (
        _need(
            "kms",
            "CreateKey PutKeyPolicy EnableKeyRotation TagResource DescribeKey GetKeyPolicy GetKeyRotationStatus "
            "ListResourceTags ScheduleKeyDeletion",
        ),
    ),
    "kms/alias:Alias": (_need("kms", "CreateAlias ListAliases UpdateAlias DeleteAlias"),),
    "s3/bucket:Bucket": (
        _bucket("CreateBucket ListBucket GetBucketLocation PutBucketTagging GetBucketTagging DeleteBucket"),
    ),
    "s3/bucketVersioning:BucketVersioning": (_bucket("PutBucketVersioning GetBucketVersioning"),),
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _bucket("PutEncryptionConfiguration GetEncryptionConfiguration"),
    ),
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        _bucket("PutBucketPublicAccessBlock GetBucketPublicAccessBlock"),
    ),
    "s3/bucketPolicy:BucketPolicy": (_bucket("PutBucketPolicy GetBucketPolicy DeleteBucketPolicy"),),
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        _bucket("PutLifecycleConfiguration GetLifecycleConfiguration"),
    ),
    "s3/bucketOwnershipControls:BucketOwnershipControls": (
        _bucket("PutBucketOwnershipControls GetBucketOwnershipControls"),
    ),
    "efs/fileSystem:FileSystem": (
        _need(
            "elasticfilesystem",
            "CreateFileSystem TagResource DescribeFileSystems PutLifecycleConfiguration "
            "DescribeLifecycleConfiguration UpdateFileSystem DeleteFileSystem",
        ),
        SERVICE_ROLE,
    ),
    "efs/mountTarget:MountTarget": (
        _need("elasticfilesystem", "CreateMountTarget DescribeMountTargets DeleteMountTarget"),
        _need("ec2", "CreateNetworkInterface DescribeNetworkInterfaces DeleteNetworkInterface DescribeSubnets"),
    ),
    "efs/accessPoint:AccessPoint": (
        _need("elasticfilesystem", "CreateAccessPoint TagResource DescribeAccessPoints DeleteAccessPoint"),
    ),
    "efs/backupPolicy:BackupPolicy": (_need("elasticfilesystem", "PutBackupPolicy DescribeBackupPolicy"),),
    "fsx/lustreFileSystem:LustreFileSystem": (
        _need("fsx", "CreateFileSystem TagResource DescribeFileSystems UpdateFileSystem DeleteFileSystem"),
        SERVICE_ROLE,
    ),
    "fsx/dataRepositoryAssociation:DataRepositoryAssociation": (
        _need(
            "fsx",
            "CreateDataRepositoryAssociation DescribeDataRepositoryAssociations UpdateDataRepositoryAssociation "
            "DeleteDataRepositoryAssociation TagResource",
        ),
        # FSx reaches the bucket through a linked role of its own, which it makes and fills as the caller.
        _need(
            "iam",
            "CreateServiceLinkedRole AttachRolePolicy PutRolePolicy",
            "arn:{partition}:iam::{account}:role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/*",
        ),
    ),
    "ecr/repository:Repository": (
        _need(
            "ecr",
            "CreateRepository TagResource DescribeRepositories PutImageScanningConfiguration PutImageTagMutability "
            "ListTagsForResource DeleteRepository",
            REPOSITORY,
        ),
    ),
    "ecr/lifecyclePolicy:LifecyclePolicy": (
        _need("ecr", "PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy"),
    ),
    "ecr/pullThroughCacheRule:PullThroughCacheRule": (
        _need("ecr", "CreatePullThroughCacheRule DescribePullThroughCacheRules DeletePullThroughCacheRule"),
        SERVICE_ROLE,
    ),
    "sns/topic:Topic": (
        _need("sns", "CreateTopic TagResource GetTopicAttributes SetTopicAttributes DeleteTopic", TOPIC),
    ),
    "sns/topicPolicy:TopicPolicy": (_need("sns", "SetTopicAttributes GetTopicAttributes"),),
    "sns/topicSubscription:TopicSubscription": (_need("sns", "Subscribe GetSubscriptionAttributes Unsubscribe"),),
    "budgets/budget:Budget": (_need("budgets", "ModifyBudget ViewBudget TagResource"),),
    "costexplorer/anomalyMonitor:AnomalyMonitor": (
        _need("ce", "CreateAnomalyMonitor GetAnomalyMonitors DeleteAnomalyMonitor TagResource"),
    ),
    "costexplorer/anomalySubscription:AnomalySubscription": (
        _need("ce", "CreateAnomalySubscription GetAnomalySubscriptions DeleteAnomalySubscription TagResource"),
    ),
    "costexplorer/costAllocationTag:CostAllocationTag": (
        _need("ce", "UpdateCostAllocationTagsStatus ListCostAllocationTags"),
    ),
    "bcmdata/export:Export": (
        _need("bcm-data-exports", "CreateExport GetExport DeleteExport TagResource"),
        _need("cur", "PutReportDefinition"),
    ),
    "secretsmanager/secret:Secret": (
        _need("secretsmanager", "CreateSecret TagResource DescribeSecret GetResourcePolicy DeleteSecret"),
    ),
}
"""Resource type without its `aws:` → what it needs."""


def needs(types: Iterable[tuple[str, Mapping[str, Any]]], aws: Aws, cluster: str) -> dict[str, set[str]]:
    """ARN → the actions that are needed on it, for resources given as (type, inputs)."""
    found: dict[str, set[str]] = {}
    for kind, inputs in types:
        name = next((inputs[key] for key in ("name", "bucket", "role") if isinstance(inputs.get(key), str)), "*")
        for need in NEEDS.get(kind.removeprefix("aws:"), ()):
            arn = need.arn.format(
                partition=aws.partition, region=aws.region, account=aws.account, name=name, cluster=cluster
            )
            found.setdefault(arn, set()).update(need.actions)
    return found


def unlisted(types: Iterable[str]) -> list[str]:
    """The AWS resource types of which this module does not know what they need."""
    return sorted({kind for kind in types if kind.startswith("aws:") and kind.removeprefix("aws:") not in NEEDS})
