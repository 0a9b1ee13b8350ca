"""Which IAM actions a deployment needs, by the types of what is planned. Pure data, and the ARNs they are asked for.

Source: service authorization reference, and what the Pulumi provider calls to make, read back, tag and remove each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.iam import Aws
from rayeks.plan.values import known


@dataclass(frozen=True)
class Need:
    """Actions on one resource. `arn` is a pattern with {name} and {cluster}; policies name resources by prefix, so
    a pattern that ends in `*` is simulated as it stands."""

    actions: tuple[str, ...]
    arn: str = "*"


ROLES = "arn:{partition}:iam::{account}:role/{cluster}-*"


def _need(service: str, operations: str, arn: str = "*") -> Need:
    return Need(tuple(f"{service}:{operation}" for operation in operations.split()), arn)


def _ec2(kind: str, operations: str) -> tuple[Need, ...]:
    """What EC2's own resources need; its Describe actions know no resources."""
    asked = [name for name in operations.split() if name.startswith("Describe")]
    done = [name for name in operations.split() if not name.startswith("Describe")]
    own = f"arn:{{partition}}:ec2:{{region}}:{{account}}:{kind}/*"
    return _need("ec2", " ".join(asked)), _need("ec2", " ".join([*done, "CreateTags"]), own)


def _role(operations: str) -> Need:
    return _need("iam", operations, ROLES)


def _eks(operations: str, kind: str = "cluster/{cluster}") -> Need:
    return _need("eks", f"{operations} TagResource", f"arn:{{partition}}:eks:{{region}}:{{account}}:{kind}")


def _bucket(operations: str) -> Need:
    return _need("s3", operations, "arn:{partition}:s3:::{cluster}-*")


PASS_ROLE = _need("iam", "PassRole", ROLES)
SERVICE_ROLE = _need("iam", "CreateServiceLinkedRole", "arn:{partition}:iam::{account}:role/aws-service-role/*")
QUEUE = "arn:{partition}:sqs:{region}:{account}:{cluster}*"
RULE = "arn:{partition}:events:{region}:{account}:rule/{cluster}-*"
LOG_GROUP = "arn:{partition}:logs:{region}:{account}:log-group:{name}"
TOPIC = "arn:{partition}:sns:{region}:{account}:{cluster}*"
KEY = "arn:{partition}:kms:{region}:{account}:key/*"
FILES = "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*"
LUSTRE = "arn:{partition}:fsx:{region}:{account}:*/*"
REPOSITORY = "arn:{partition}:ecr:{region}:{account}:repository/{cluster}/*"

NEEDS: dict[str, tuple[Need, ...]] = {
    "ec2/vpc:Vpc": _ec2("vpc", "CreateVpc ModifyVpcAttribute DescribeVpcs DescribeVpcAttribute DeleteVpc"),
    "ec2/subnet:Subnet": _ec2("subnet", "CreateSubnet ModifySubnetAttribute DescribeSubnets DeleteSubnet"),
    "ec2/internetGateway:InternetGateway": _ec2(
        "internet-gateway",
        "CreateInternetGateway AttachInternetGateway DescribeInternetGateways DetachInternetGateway "
        "DeleteInternetGateway",
    ),
    "ec2/eip:Eip": _ec2("elastic-ip", "AllocateAddress DescribeAddresses ReleaseAddress"),
    "ec2/natGateway:NatGateway": _ec2("natgateway", "CreateNatGateway DescribeNatGateways DeleteNatGateway"),
    "ec2/routeTable:RouteTable": _ec2("route-table", "CreateRouteTable DescribeRouteTables DeleteRouteTable"),
    "ec2/route:Route": _ec2("route-table", "CreateRoute DescribeRouteTables DeleteRoute"),
    "ec2/routeTableAssociation:RouteTableAssociation": _ec2(
        "route-table", "AssociateRouteTable DescribeRouteTables DisassociateRouteTable"
    ),
    "ec2/vpcEndpoint:VpcEndpoint": _ec2(
        "vpc-endpoint",
        "CreateVpcEndpoint ModifyVpcEndpoint DescribeVpcEndpoints DescribePrefixLists DeleteVpcEndpoints",
    ),
    "ec2/securityGroup:SecurityGroup": _ec2(
        "security-group",
        "CreateSecurityGroup DescribeSecurityGroups RevokeSecurityGroupEgress DeleteSecurityGroup",
    ),
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ec2(
        "security-group", "AuthorizeSecurityGroupIngress DescribeSecurityGroupRules RevokeSecurityGroupIngress"
    ),
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": _ec2(
        "security-group", "AuthorizeSecurityGroupEgress DescribeSecurityGroupRules RevokeSecurityGroupEgress"
    ),
    "ec2/securityGroupRule:SecurityGroupRule": _ec2(
        "security-group",
        "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress DescribeSecurityGroupRules "
        "RevokeSecurityGroupIngress RevokeSecurityGroupEgress",
    ),
    "ec2/launchTemplate:LaunchTemplate": _ec2(
        "launch-template",
        "CreateLaunchTemplate CreateLaunchTemplateVersion ModifyLaunchTemplate DescribeLaunchTemplates "
        "DescribeLaunchTemplateVersions DeleteLaunchTemplate",
    ),
    "ec2/placementGroup:PlacementGroup": _ec2(
        "placement-group", "CreatePlacementGroup DescribePlacementGroups DeletePlacementGroup"
    ),
    "ec2/capacityReservation:CapacityReservation": _ec2(
        "capacity-reservation",
        "CreateCapacityReservation ModifyCapacityReservation DescribeCapacityReservations CancelCapacityReservation",
    ),
    "ec2/flowLog:FlowLog": (*_ec2("vpc-flow-log", "CreateFlowLogs DescribeFlowLogs DeleteFlowLogs"), PASS_ROLE),
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
        _need("kms", "CreateGrant DescribeKey", KEY),
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
    "sqs/queuePolicy:QueuePolicy": (_need("sqs", "SetQueueAttributes GetQueueAttributes", QUEUE),),
    "cloudwatch/eventRule:EventRule": (_need("events", "PutRule TagResource DescribeRule DeleteRule", RULE),),
    "cloudwatch/eventTarget:EventTarget": (_need("events", "PutTargets ListTargetsByRule RemoveTargets", RULE),),
    "cloudwatch/logGroup:LogGroup": (
        _need(
            "logs",
            "CreateLogGroup PutRetentionPolicy AssociateKmsKey TagResource ListTagsForResource DeleteLogGroup",
            LOG_GROUP,
        ),
        _need("logs", "DescribeLogGroups"),
    ),
    "kms/key:Key": (
        _need(
            "kms",
            "PutKeyPolicy EnableKeyRotation TagResource DescribeKey GetKeyPolicy GetKeyRotationStatus "
            "ListResourceTags ScheduleKeyDeletion",
            KEY,
        ),
        _need("kms", "CreateKey"),
    ),
    "kms/alias:Alias": (
        _need("kms", "CreateAlias UpdateAlias DeleteAlias", "arn:{partition}:kms:{region}:{account}:{name}"),
        _need("kms", "ListAliases"),
    ),
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
            FILES,
        ),
        SERVICE_ROLE,
    ),
    "efs/mountTarget:MountTarget": (
        _need("elasticfilesystem", "CreateMountTarget DescribeMountTargets DeleteMountTarget", FILES),
        _need("ec2", "CreateNetworkInterface DescribeNetworkInterfaces DeleteNetworkInterface DescribeSubnets"),
    ),
    "efs/accessPoint:AccessPoint": (
        _need("elasticfilesystem", "CreateAccessPoint TagResource DescribeAccessPoints DeleteAccessPoint", FILES),
    ),
    "efs/backupPolicy:BackupPolicy": (_need("elasticfilesystem", "PutBackupPolicy DescribeBackupPolicy", FILES),),
    "fsx/lustreFileSystem:LustreFileSystem": (
        _need("fsx", "CreateFileSystem TagResource UpdateFileSystem DeleteFileSystem", LUSTRE),
        _need("fsx", "DescribeFileSystems"),
        SERVICE_ROLE,
    ),
    "fsx/dataRepositoryAssociation:DataRepositoryAssociation": (
        _need(
            "fsx",
            "CreateDataRepositoryAssociation UpdateDataRepositoryAssociation DeleteDataRepositoryAssociation "
            "TagResource",
            LUSTRE,
        ),
        _need("fsx", "DescribeDataRepositoryAssociations"),
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
        _need("ecr", "PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy", REPOSITORY),
    ),
    "ecr/pullThroughCacheRule:PullThroughCacheRule": (
        _need("ecr", "CreatePullThroughCacheRule DescribePullThroughCacheRules DeletePullThroughCacheRule"),
        SERVICE_ROLE,
    ),
    "sns/topic:Topic": (
        _need("sns", "CreateTopic TagResource GetTopicAttributes SetTopicAttributes DeleteTopic", TOPIC),
    ),
    "sns/topicPolicy:TopicPolicy": (_need("sns", "SetTopicAttributes GetTopicAttributes", TOPIC),),
    "sns/topicSubscription:TopicSubscription": (
        _need("sns", "Subscribe GetSubscriptionAttributes Unsubscribe", TOPIC),
    ),
    "budgets/budget:Budget": (
        _need("budgets", "ModifyBudget ViewBudget TagResource", "arn:{partition}:budgets::{account}:budget/{name}"),
    ),
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
        _need("bcm-data-exports", "CreateExport GetExport UpdateExport DeleteExport TagResource ListTagsForResource"),
        _need("cur", "PutReportDefinition"),
    ),
    "secretsmanager/secret:Secret": (
        _need(
            "secretsmanager",
            "CreateSecret TagResource DescribeSecret GetResourcePolicy DeleteSecret",
            "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}*",
        ),
    ),
}
"""Resource type without its `aws:` → what it needs."""


def needs(types: Iterable[tuple[str, Mapping[str, Any]]], aws: Aws, cluster: str) -> dict[str, set[str]]:
    """ARN → the actions that are needed on it, for resources given as (type, inputs)."""
    found: dict[str, set[str]] = {}
    for kind, inputs in types:
        given = inputs.get("name")
        name = given if isinstance(given, str) and known(given) else "*"
        for need in NEEDS.get(kind.removeprefix("aws:"), ()):
            arn = need.arn.format(
                partition=aws.partition, region=aws.region, account=aws.account, name=name, cluster=cluster
            )
            found.setdefault(arn, set()).update(need.actions)
    return found


def unlisted(types: Iterable[str]) -> list[str]:
    """The AWS resource types of which this module does not know what they need."""
    return sorted({kind for kind in types if kind.startswith("aws:") and kind.removeprefix("aws:") not in NEEDS})
