"""Limits that AWS documents beside its models: by type and property path (without indexes), with their sources."""

from collections.abc import Mapping

from rayeks.plan.constraints.rules import (
    Rule,
    between,
    block,
    document,
    matching,
    one_of,
    policy,
    user_data,
)
from rayeks.plan.constraints.shapes import enumeration

ARN = matching(
    r"arn:aws(-[a-z]+)*:[\w-]+:([a-z]{2}(-[a-z]+)+-\d{1,2})?:(aws|aws-managed|\d{12})?:\S+",
    "must be an ARN: arn:aws:service:region:account:resource",
)
PORT = between(-1, 65535)
IP_PROTOCOL = matching(r"-1|tcp|udp|icmp|icmpv6|\d{1,3}", "must be -1, tcp, udp, icmp, icmpv6 or a number")
RULE_TEXT = matching(
    r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{0,255}",
    "may have 255 characters: letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
)
EVENTS_NAME = matching(r"[0-9A-Za-z_.-]{1,64}", "may have 64 letters, digits, _ . and -")
RETENTION = one_of(
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
BUCKET = matching(
    r"(?!xn--|sthree-|amzn-s3-demo-)(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)(?!.*-s3alias$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "must be a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens",
)
FILE_SHARE = "aws:efs/fileSystem:FileSystem"
LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
QUEUE = "aws:sqs/queue:Queue"

RULES: Mapping[str, Mapping[str, Rule]] = {
    # https://docs.aws.amazon.com/cost-management/latest/APIReference/API_budgets_Spend.html
    "aws:budgets/budget:Budget": {
        "limitAmount": matching(r"\d+(\.\d+)?", "must be an amount"),
        "notifications.subscriberEmailAddresses": matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "must be an address"),
        "notifications.subscriberSnsTopicArns": ARN,
    },
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html, API_Target.html
    "aws:cloudwatch/eventRule:EventRule": {"name": EVENTS_NAME, "eventPattern": document(4096)},
    "aws:cloudwatch/eventTarget:EventTarget": {"targetId": EVENTS_NAME, "rule": EVENTS_NAME, "arn": ARN},
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
    "aws:cloudwatch/logGroup:LogGroup": {"retentionInDays": RETENTION},
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html
    "aws:ec2/flowLog:FlowLog": {"maxAggregationInterval": one_of(60, 600)},
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html,
    # API_EbsBlockDevice.html (gp3), API_LaunchTemplateInstanceMetadataOptionsRequest.html
    TEMPLATE: {
        "name": matching(r"[a-zA-Z0-9().\-/_]{3,125}", "may have 3 to 125 letters, digits and ()./_-"),
        "userData": user_data,
        "metadataOptions.httpPutResponseHopLimit": between(1, 64),
        "blockDeviceMappings.ebs.volumeSize": between(1, 65536),
        "blockDeviceMappings.ebs.throughput": between(125, 2000),
        "blockDeviceMappings.ebs.iops": between(100, 256000),
    },
    "aws:ec2/placementGroup:PlacementGroup": {
        "name": matching(r"[\x20-\x7e]{1,255}", "may have 255 ASCII characters"),
        "partitionCount": between(1, 7),
    },
    "aws:ec2/route:Route": {"destinationCidrBlock": block(0, 32)},
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    "aws:ec2/securityGroup:SecurityGroup": {
        "name": matching(r"(?!sg-)[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{1,255}", "may have 255 characters, not sg-…"),
        "description": matching(
            r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{1,255}",
            "must have 1 to 255 characters: letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        ),
    },
    "aws:ec2/securityGroupRule:SecurityGroupRule": {
        "type": one_of("ingress", "egress"),
        "protocol": IP_PROTOCOL,
        "fromPort": PORT,
        "toPort": PORT,
        "cidrBlocks": block(0, 32),
        "description": RULE_TEXT,
    },
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    "aws:ec2/subnet:Subnet": {"cidrBlock": block(16, 28)},
    "aws:ec2/vpc:Vpc": {"cidrBlock": block(16, 28), "instanceTenancy": one_of("default", "dedicated")},
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {"policy": document(30720)},
    # https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html
    FILE_SHARE: {"provisionedThroughputInMibps": between(1, 10240)},
    "aws:eks/accessEntry:AccessEntry": {
        "principalArn": ARN,
        "kubernetesGroups": matching(r"(?!system:|eks:|aws:|amazon:|iam:).+", "may not start with system: or eks:"),
    },
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html
    "aws:eks/addon:Addon": {
        "addonVersion": matching(r"v\d+\.\d+\.\d+-eksbuild\.\d+", "must be a version as v1.2.3-eksbuild.4"),
        "configurationValues": document(50000),
    },
    "aws:eks/cluster:Cluster": {
        "version": matching(r"1\.\d{2}", "must be a Kubernetes version as 1.35"),
        "vpcConfig.publicAccessCidrs": block(0, 32),
        # https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html
        "kubernetesNetworkConfig.serviceIpv4Cidr": block(12, 24),
        "encryptionConfig.resources": one_of("secrets"),
    },
    "aws:eks/nodeGroup:NodeGroup": {
        "nodeGroupName": matching(r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}", "may have 63 letters, digits, _ and -"),
        "instanceTypes": enumeration("ec2", "InstanceType"),
        "updateConfig.maxUnavailablePercentage": between(1, 100),
        "taints.key": matching(r"([a-z0-9.-]+/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", "must be a Kubernetes key"),
    },
    # https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystemLustreConfiguration.html
    LUSTRE: {
        "fileSystemTypeVersion": one_of("2.10", "2.12", "2.15"),
        "perUnitStorageThroughput": one_of(12, 40, 50, 100, 125, 200, 250, 500, 1000),
        "automaticBackupRetentionDays": between(0, 90),
        "metadataConfiguration.iops": one_of(1500, 3000, 6000, *range(12000, 192001, 12000)),
    },
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (documents without white space)
    "aws:iam/policy:Policy": {"policy": policy(6144)},
    "aws:iam/role:Role": {"assumeRolePolicy": policy(4096), "maxSessionDuration": between(3600, 43200)},
    "aws:iam/rolePolicy:RolePolicy": {"policy": policy(10240)},
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {"policyArn": ARN},
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html, API_PutKeyPolicy.html
    "aws:kms/alias:Alias": {
        "name": matching(r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}", "must be as alias/name, not alias/aws/…")
    },
    "aws:kms/key:Key": {"policy": policy(32768), "deletionWindowInDays": between(7, 30)},
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    "aws:s3/bucket:Bucket": {"bucket": BUCKET},
    "aws:s3/bucketPolicy:BucketPolicy": {"policy": policy(20480)},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
        "rules.id": matching(r".{1,255}", "may have 255 characters"),
        "rules.expiration.days": between(1, 2**31),
        "rules.noncurrentVersionExpiration.noncurrentDays": between(1, 2**31),
        "rules.abortIncompleteMultipartUpload.daysAfterInitiation": between(1, 2**31),
    },
    # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html, API_Subscribe.html
    "aws:sns/topic:Topic": {
        "name": matching(r"[A-Za-z0-9_-]{1,256}(\.fifo)?", "may have 256 letters, digits, _ and -"),
        "displayName": matching(r".{0,100}", "may have 100 characters"),
    },
    "aws:sns/topicPolicy:TopicPolicy": {"policy": policy(30720)},
    "aws:sns/topicSubscription:TopicSubscription": {
        "protocol": one_of("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
    },
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    QUEUE: {
        "name": matching(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo", "may have 80 letters, digits, _ and -"),
        "delaySeconds": between(0, 900),
        "maxMessageSize": between(1024, 1048576),
        "messageRetentionSeconds": between(60, 1209600),
        "receiveWaitTimeSeconds": between(0, 20),
        "visibilityTimeoutSeconds": between(0, 43200),
        "kmsDataKeyReusePeriodSeconds": between(60, 86400),
    },
    "aws:sqs/queuePolicy:QueuePolicy": {"policy": policy(32768)},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
        "ipProtocol": IP_PROTOCOL,
        "fromPort": PORT,
        "toPort": PORT,
        "cidrIpv4": block(0, 32),
        "description": RULE_TEXT,
    },
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
        "ipProtocol": IP_PROTOCOL,
        "fromPort": PORT,
        "toPort": PORT,
        "cidrIpv4": block(0, 32),
        "description": RULE_TEXT,
    },
}
