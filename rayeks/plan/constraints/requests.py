"""Which AWS request each resource type becomes, as data: the operation, and where property names differ from AWS's.

A property goes to the member of the same name, in any case and number; `names` says where it goes otherwise, as a
dotted path of members from where the property's own container goes. Sources: the API references of the services,
and internal/service/* of hashicorp/terraform-provider-aws, which pulumi-aws wraps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One operation of a service that takes a resource's properties.

    `below` is the member that takes all properties that the input itself has no member for; `filled` are required
    members that the provider sets itself; `only` limits the request to some properties and to when one is given.
    """

    service: str
    operation: str
    names: Mapping[str, str] = field(default_factory=dict)
    below: str = ""
    filled: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()


def _request(call: str, names: str = "", *, below: str = "", filled: str = "", only: str = "") -> Request:
    """A row: `service.Operation`, `property=Member.Path` pairs, and lists of words."""
    service, _, operation = call.partition(".")
    pairs = dict(pair.split("=", 1) for pair in names.split())
    return Request(service, operation, pairs, below, frozenset(filled.split()), frozenset(only.split()))


REQUESTS: Mapping[str, tuple[Request, ...]] = {
    "aws:bcmdata/export:Export": (_request("bcm-data-exports.CreateExport"),),
    "aws:budgets/budget:Budget": (
        _request(
            "budgets.CreateBudget",
            "name=Budget.BudgetName budgetType=Budget.BudgetType timeUnit=Budget.TimeUnit "
            "limitAmount=Budget.BudgetLimit.Amount limitUnit=Budget.BudgetLimit.Unit "
            "notifications=NotificationsWithSubscribers "
            "notifications.comparisonOperator=Notification.ComparisonOperator "
            "notifications.notificationType=Notification.NotificationType "
            "notifications.threshold=Notification.Threshold "
            "notifications.thresholdType=Notification.ThresholdType",
            filled="AccountId Subscribers",
        ),
    ),
    "aws:cloudwatch/eventRule:EventRule": (_request("events.PutRule"),),
    "aws:cloudwatch/eventTarget:EventTarget": (
        _request("events.PutTargets", "targetId=Targets.Id arn=Targets.Arn roleArn=Targets.RoleArn"),
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        _request("logs.CreateLogGroup", "name=logGroupName"),
        _request("logs.PutRetentionPolicy", "name=logGroupName", only="retentionInDays"),
    ),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": (
        _request(
            "ce.CreateAnomalyMonitor", "name=AnomalyMonitor.MonitorName monitorSpecification=-", below="AnomalyMonitor"
        ),
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": (
        _request(
            "ce.CreateAnomalySubscription", "name=AnomalySubscription.SubscriptionName", below="AnomalySubscription"
        ),
    ),
    "aws:costexplorer/costAllocationTag:CostAllocationTag": (
        _request(
            "ce.UpdateCostAllocationTagsStatus",
            "tagKey=CostAllocationTagsStatus.TagKey status=CostAllocationTagsStatus.Status",
        ),
    ),
    "aws:ec2/capacityReservation:CapacityReservation": (_request("ec2.CreateCapacityReservation"),),
    "aws:ec2/eip:Eip": (_request("ec2.AllocateAddress"),),
    "aws:ec2/flowLog:FlowLog": (
        _request(
            "ec2.CreateFlowLogs",
            "vpcId=ResourceIds subnetId=ResourceIds eniId=ResourceIds iamRoleArn=DeliverLogsPermissionArn",
            filled="ResourceType",
        ),
    ),
    "aws:ec2/instance:Instance": (_request("ec2.RunInstances", "ami=ImageId", filled="MinCount MaxCount"),),
    "aws:ec2/internetGateway:InternetGateway": (_request("ec2.CreateInternetGateway"),),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        _request(
            "ec2.CreateLaunchTemplate",
            "name=LaunchTemplateName",
            below="LaunchTemplateData",
            filled="LaunchTemplateName",
        ),
    ),
    "aws:ec2/natGateway:NatGateway": (_request("ec2.CreateNatGateway"),),
    "aws:ec2/placementGroup:PlacementGroup": (_request("ec2.CreatePlacementGroup", "name=GroupName"),),
    "aws:ec2/route:Route": (_request("ec2.CreateRoute"),),
    "aws:ec2/routeTable:RouteTable": (_request("ec2.CreateRouteTable", "routes=-"),),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (_request("ec2.AssociateRouteTable"),),
    "aws:ec2/securityGroup:SecurityGroup": (
        _request("ec2.CreateSecurityGroup", "name=GroupName", filled="GroupName Description"),
    ),
    "aws:ec2/securityGroupRule:SecurityGroupRule": (
        _request(
            "ec2.AuthorizeSecurityGroupIngress",
            "securityGroupId=GroupId protocol=IpPermissions.IpProtocol fromPort=IpPermissions.FromPort "
            "toPort=IpPermissions.ToPort sourceSecurityGroupId=IpPermissions.UserIdGroupPairs.GroupId description=-",
        ),
    ),
    "aws:ec2/subnet:Subnet": (_request("ec2.CreateSubnet"),),
    "aws:ec2/vpc:Vpc": (_request("ec2.CreateVpc"),),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (_request("ec2.CreateVpcEndpoint"),),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (
        _request("ecr.PutLifecyclePolicy", "repository=repositoryName policy=lifecyclePolicyText"),
    ),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": (_request("ecr.CreatePullThroughCacheRule"),),
    "aws:ecr/repository:Repository": (
        _request("ecr.CreateRepository", "name=repositoryName", filled="repositoryName"),
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": (
        _request("ecr.SetRepositoryPolicy", "repository=repositoryName policy=policyText"),
    ),
    "aws:efs/accessPoint:AccessPoint": (_request("efs.CreateAccessPoint", filled="ClientToken"),),
    "aws:efs/backupPolicy:BackupPolicy": (_request("efs.PutBackupPolicy"),),
    "aws:efs/fileSystem:FileSystem": (
        _request("efs.CreateFileSystem", "lifecyclePolicies=- protection=-", filled="CreationToken"),
        _request("efs.PutLifecycleConfiguration", only="lifecyclePolicies", filled="FileSystemId"),
    ),
    "aws:efs/mountTarget:MountTarget": (_request("efs.CreateMountTarget"),),
    "aws:eks/accessEntry:AccessEntry": (_request("eks.CreateAccessEntry"),),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (_request("eks.AssociateAccessPolicy"),),
    "aws:eks/addon:Addon": (
        _request("eks.CreateAddon", "resolveConflictsOnCreate=resolveConflicts"),
        _request(
            "eks.UpdateAddon",
            "resolveConflictsOnUpdate=resolveConflicts",
            only="clusterName addonName resolveConflictsOnUpdate",
        ),
    ),
    "aws:eks/cluster:Cluster": (
        _request(
            "eks.CreateCluster",
            "vpcConfig=resourcesVpcConfig enabledClusterLogTypes=logging.clusterLogging.types",
            filled="name",
        ),
    ),
    "aws:eks/nodeGroup:NodeGroup": (
        _request("eks.CreateNodegroup", "nodeRoleArn=nodeRole subnetIds=subnets", filled="nodegroupName"),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (_request("eks.CreatePodIdentityAssociation"),),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": (_request("fsx.CreateDataRepositoryAssociation"),),
    "aws:fsx/lustreFileSystem:LustreFileSystem": (
        _request("fsx.CreateFileSystem", below="LustreConfiguration", filled="FileSystemType"),
    ),
    "aws:iam/instanceProfile:InstanceProfile": (
        _request("iam.CreateInstanceProfile", "name=InstanceProfileName role=-", filled="InstanceProfileName"),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (_request("iam.CreateOpenIDConnectProvider"),),
    "aws:iam/policy:Policy": (
        _request("iam.CreatePolicy", "name=PolicyName policy=PolicyDocument", filled="PolicyName"),
    ),
    "aws:iam/role:Role": (
        _request("iam.CreateRole", "name=RoleName assumeRolePolicy=AssumeRolePolicyDocument", filled="RoleName"),
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        _request("iam.PutRolePolicy", "role=RoleName name=PolicyName policy=PolicyDocument", filled="PolicyName"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (_request("iam.AttachRolePolicy", "role=RoleName"),),
    "aws:kms/alias:Alias": (_request("kms.CreateAlias", "name=AliasName", filled="AliasName"),),
    "aws:kms/key:Key": (
        _request("kms.CreateKey", "customerMasterKeySpec=KeySpec"),
        _request(
            "kms.ScheduleKeyDeletion",
            "deletionWindowInDays=PendingWindowInDays",
            only="deletionWindowInDays",
            filled="KeyId",
        ),
        _request("kms.EnableKeyRotation", only="rotationPeriodInDays", filled="KeyId"),
    ),
    "aws:s3/bucket:Bucket": (_request("s3.CreateBucket", filled="Bucket"),),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        _request("s3.PutBucketLifecycleConfiguration", "rules=LifecycleConfiguration.Rules"),
    ),
    "aws:s3/bucketNotification:BucketNotification": (
        _request(
            "s3.PutBucketNotificationConfiguration",
            below="NotificationConfiguration",
            filled="NotificationConfiguration",
        ),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        _request("s3.PutBucketOwnershipControls", "rule=OwnershipControls.Rules"),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (_request("s3.PutBucketPolicy"),),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        _request("s3.PutPublicAccessBlock", below="PublicAccessBlockConfiguration"),
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _request("s3.PutBucketEncryption", "rules=ServerSideEncryptionConfiguration.Rules"),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (_request("s3.PutBucketVersioning"),),
    "aws:secretsmanager/secret:Secret": (_request("secretsmanager.CreateSecret", filled="Name"),),
    "aws:sns/topic:Topic": (_request("sns.CreateTopic", filled="Name"),),
    "aws:sns/topicPolicy:TopicPolicy": (
        _request("sns.SetTopicAttributes", "arn=TopicArn policy=-", filled="AttributeName"),
    ),
    "aws:sns/topicSubscription:TopicSubscription": (_request("sns.Subscribe", "topic=TopicArn"),),
    "aws:sqs/queue:Queue": (_request("sqs.CreateQueue", filled="QueueName"),),
    "aws:sqs/queuePolicy:QueuePolicy": (_request("sqs.SetQueueAttributes", "policy=-", filled="Attributes"),),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        _request(
            "ec2.AuthorizeSecurityGroupEgress",
            "securityGroupId=GroupId ipProtocol=IpPermissions.IpProtocol fromPort=IpPermissions.FromPort "
            "toPort=IpPermissions.ToPort cidrIpv4=IpPermissions.IpRanges.CidrIp description=-",
        ),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        _request(
            "ec2.AuthorizeSecurityGroupIngress",
            "securityGroupId=GroupId ipProtocol=IpPermissions.IpProtocol fromPort=IpPermissions.FromPort "
            "toPort=IpPermissions.ToPort cidrIpv4=IpPermissions.IpRanges.CidrIp description=-",
        ),
    ),
}
"""By type; a property that goes to `-` has rules in `documented` instead."""
