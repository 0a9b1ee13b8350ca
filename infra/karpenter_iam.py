"""Karpenter's AWS rights: the six scoped controller policies and the queue policy of its own 1.14 template.

Source: karpenter-provider-aws v1.14.1, website/content/en/docs/reference/cloudformation.md. No action and no
wildcard stands here that does not stand there.
"""

from typing import Any

from infra.iam import Aws, Document, allow, document

DISCOVERY = (
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
)

INTERRUPTION_EVENTS: dict[str, tuple[str, str]] = {
    "health": ("aws.health", "AWS Health Event"),
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state": ("aws.ec2", "EC2 Instance State-change Notification"),
    "reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}
"""Event rule → its source and detail type; Karpenter drains a node on all but the rebalance recommendation."""


def controller_policies(aws: Aws, cluster: str, *, node_role: str, queue_arn: str) -> dict[str, Document]:
    """Policy name → document: everything that Karpenter's controller may do."""
    return {
        "node-lifecycle": _node_lifecycle(aws, cluster),
        "iam-integration": _iam_integration(aws, cluster, node_role),
        "eks-integration": document(
            allow(
                "AllowAPIServerEndpointDiscovery",
                ["eks:DescribeCluster"],
                [aws.arn("eks", f"cluster/{cluster}")],
            )
        ),
        "interruption": document(
            allow(
                "AllowInterruptionQueueActions",
                ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
                [queue_arn],
            )
        ),
        "zonal-shift": document(
            allow(
                "AllowZonalShiftReadActions",
                ["arc-zonal-shift:GetManagedResource"],
                [aws.arn("eks", f"cluster/{cluster}")],
            )
        ),
        "resource-discovery": _discovery(aws),
    }


def queue_policy(queue_arn: str) -> Document:
    """Lets EventBridge and SQS deliver, over TLS only."""
    return document(
        {
            "Sid": "AllowEvents",
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        },
        {
            "Sid": "DenyHTTP",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def _owned(cluster: str, *, tag: str) -> dict[str, Any]:
    return {
        "StringEquals": {f"aws:{tag}/kubernetes.io/cluster/{cluster}": "owned"},
        "StringLike": {f"aws:{tag}/karpenter.sh/nodepool": "*"},
    }


def _requested(cluster: str) -> dict[str, Any]:
    owned = _owned(cluster, tag="RequestTag")
    return owned | {"StringEquals": owned["StringEquals"] | {"aws:RequestTag/eks:eks-cluster-name": cluster}}


def _ec2(aws: Aws, *kinds: str) -> list[str]:
    """Resource patterns as the template has them: images and snapshots belong to no account of their own."""
    public = ("image", "snapshot")
    return [f"arn:{aws.partition}:ec2:{aws.region}:{'' if kind in public else '*'}:{kind}/*" for kind in kinds]


def _node_lifecycle(aws: Aws, cluster: str) -> Document:
    launched = _ec2(
        aws, "fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request"
    )
    tagging = _requested(cluster)
    creating = {"ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]}
    return document(
        allow(
            "AllowScopedEC2InstanceAccessActions",
            ["ec2:RunInstances", "ec2:CreateFleet"],
            _ec2(
                aws,
                "image",
                "snapshot",
                "security-group",
                "subnet",
                "capacity-reservation",
                "placement-group",
            ),
        ),
        allow(
            "AllowScopedEC2LaunchTemplateAccessActions",
            ["ec2:RunInstances", "ec2:CreateFleet"],
            _ec2(aws, "launch-template"),
            _owned(cluster, tag="ResourceTag"),
        ),
        allow(
            "AllowScopedEC2InstanceActionsWithTags",
            ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            launched,
            tagging,
        ),
        allow(
            "AllowScopedResourceCreationTagging",
            ["ec2:CreateTags"],
            launched,
            tagging | {"StringEquals": tagging["StringEquals"] | creating},
        ),
        allow(
            "AllowScopedResourceTagging",
            ["ec2:CreateTags"],
            _ec2(aws, "instance"),
            _owned(cluster, tag="ResourceTag")
            | {
                "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                },
            },
        ),
        allow(
            "AllowScopedDeletion",
            ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            _ec2(aws, "instance", "launch-template"),
            _owned(cluster, tag="ResourceTag"),
        ),
    )


def _iam_integration(aws: Aws, cluster: str, node_role: str) -> Document:
    profiles = [aws.arn("iam", "instance-profile/*", region=False)]

    def scoped(tag: str) -> dict[str, str]:
        return {
            f"aws:{tag}/kubernetes.io/cluster/{cluster}": "owned",
            f"aws:{tag}/topology.kubernetes.io/region": aws.region,
        }

    any_class = "karpenter.k8s.aws/ec2nodeclass"
    named = {"aws:RequestTag/eks:eks-cluster-name": cluster}
    return document(
        allow(
            "AllowPassingInstanceRole",
            ["iam:PassRole"],
            [aws.role(node_role)],
            {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}},
        ),
        allow(
            "AllowScopedInstanceProfileCreationActions",
            ["iam:CreateInstanceProfile"],
            profiles,
            {
                "StringEquals": scoped("RequestTag") | named,
                "StringLike": {f"aws:RequestTag/{any_class}": "*"},
            },
        ),
        allow(
            "AllowScopedInstanceProfileTagActions",
            ["iam:TagInstanceProfile"],
            profiles,
            {
                "StringEquals": scoped("ResourceTag") | scoped("RequestTag") | named,
                "StringLike": {f"aws:ResourceTag/{any_class}": "*", f"aws:RequestTag/{any_class}": "*"},
            },
        ),
        allow(
            "AllowScopedInstanceProfileActions",
            [
                "iam:AddRoleToInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:DeleteInstanceProfile",
            ],
            profiles,
            {"StringEquals": scoped("ResourceTag"), "StringLike": {f"aws:ResourceTag/{any_class}": "*"}},
        ),
    )


def _discovery(aws: Aws) -> Document:
    return document(
        allow(
            "AllowRegionalReadActions",
            DISCOVERY,
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": aws.region}},
        ),
        allow(
            "AllowSSMReadActions",
            ["ssm:GetParameter"],
            [aws.arn("ssm", "parameter/aws/service/*", account=False)],
        ),
        allow("AllowPricingReadActions", ["pricing:GetProducts"], ["*"]),
        allow("AllowUnscopedInstanceProfileListAction", ["iam:ListInstanceProfiles"], ["*"]),
        allow(
            "AllowInstanceProfileReadActions",
            ["iam:GetInstanceProfile"],
            [aws.arn("iam", "instance-profile/*", region=False)],
        ),
    )
