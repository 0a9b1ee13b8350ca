"""What a deployment does with AWS's services, as a table: actions, and the stack's own resources by their names."""

from collections.abc import Sequence

from infra.iam import Aws, Document, allow, document

NETWORK = (
    "Address",
    "Addresses",
    "FlowLogs",
    "InternetGateway",
    "NatGateway",
    "NetworkInterface",
    "Route",
    "RouteTable",
    "SecurityGroup*",
    "Subnet*",
    "Vpc",
    "VpcAttribute",
    "VpcCidrBlock",
    "VpcEndpoint*",
)
MACHINES = ("CapacityReservation*", "LaunchTemplate*", "PlacementGroup", "Tags")
"""What EC2's actions end in, for all that a stack makes of EC2: `ec2:*Subnet*` creates, changes and deletes subnets."""

NAMED = {
    "eks": (
        "cluster/{name}",
        "nodegroup/{name}/*",
        "addon/{name}/*",
        "access-entry/{name}/*",
        "podidentityassociation/{name}/*",
    ),
    "sqs": ("{name}*",),
    "events": ("rule/{name}-*",),
    "logs": ("log-group:/aws/eks/{name}/*", "log-group:/aws/vpc/{name}*"),
    "sns": ("{name}*",),
    "ecr": ("repository/{name}/*",),
    "secretsmanager": ("secret:{name}*",),
}
"""Service → its resources that bear the stack's name, on which a deployment may do anything."""

REGIONAL = {
    "ec2": (*(f"*{noun}" for noun in (*NETWORK, *MACHINES)), "RunInstances"),
    "elasticfilesystem": ("*FileSystem*", "*MountTarget*", "*AccessPoint*", "*BackupPolicy", "*Configuration", "*Tag*"),
    "fsx": ("*FileSystem*", "*DataRepositoryAssociation*", "*Tag*", "ListTagsForResource"),
    "ecr": ("*PullThroughCacheRule*",),
    "kms": (
        "CreateKey",
        "CreateGrant",
        "*KeyRotation",
        "*KeyDeletion",
        "EnableKey",
        "DisableKey",
        "PutKeyPolicy",
        "UpdateKeyDescription",
        "*TagResource",
        "UntagResource",
    ),
}
"""Service → actions on what AWS names itself, in the stack's own region; the key of the state is guarded apart."""

READ = {
    "ec2": ("Describe*", "GetLaunchTemplateData", "GetManagedPrefixListEntries"),
    "eks": ("Describe*", "List*"),
    "elasticfilesystem": ("Describe*", "ListTagsForResource"),
    "fsx": ("Describe*", "ListTagsForResource"),
    "ecr": ("Describe*", "GetLifecyclePolicy", "GetRepositoryPolicy", "ListTagsForResource"),
    "kms": ("Describe*", "GetKeyPolicy", "GetKeyRotationStatus", "List*"),
    "s3": (
        "GetBucket*",
        "GetEncryptionConfiguration",
        "GetLifecycleConfiguration",
        "GetAccelerateConfiguration",
        "GetReplicationConfiguration",
        "ListBucket",
        "ListAllMyBuckets",
        "ListTagsForResource",
    ),
    "iam": ("Get*", "List*", "SimulatePrincipalPolicy"),
    "sqs": ("GetQueueAttributes", "GetQueueUrl", "ListQueueTags", "ListQueues"),
    "events": ("Describe*", "List*"),
    "logs": ("Describe*", "List*"),
    "sns": ("Get*", "List*"),
    "secretsmanager": ("DescribeSecret", "GetResourcePolicy"),
    "budgets": ("ViewBudget", "ListTagsForResource"),
    "ce": ("GetAnomaly*", "ListCostAllocationTags", "ListTagsForResource"),
    "bcm-data-exports": ("GetExport", "ListExports", "ListTagsForResource"),
    "servicequotas": ("Get*", "List*"),
    "pricing": ("GetProducts",),
    "ssm": ("GetParameter", "GetParameters"),
}
"""Service → what tells how things are set up; nothing that is kept in them: no objects, no secrets, no messages."""


def read(aws: Aws) -> Document:
    """Sees how everything is set up, for previews, the look for drift and the preflight; data stays closed."""
    parameters = [aws.arn("ssm", f"parameter/aws/service/{path}*", account=False) for path in ("eks/", "bottlerocket/")]
    statements = [
        allow(f"Read{_sid(service)}", _of(service, actions), parameters if service == "ssm" else ["*"])
        for service, actions in READ.items()
    ]
    return document(*statements)


def change(aws: Aws, name: str) -> dict[str, Document]:
    """Policy name → document: makes, changes and deletes what a stack is made of, roles apart."""
    here = {"StringEquals": {"aws:RequestedRegion": aws.region}}
    own = [
        allow(f"Own{_sid(service)}", [f"{service}:*"], [aws.arn(service, each.format(name=name)) for each in resources])
        for service, resources in NAMED.items()
    ]
    bucket = aws.bucket(f"{name}-*")
    own += [
        allow("OwnBuckets", ["s3:*"], [bucket, f"{bucket}/*"]),
        allow("OwnAliases", ["kms:*Alias"], [aws.arn("kms", f"alias/{name}-*"), aws.arn("kms", "key/*")]),
        allow("OwnBudgets", ["budgets:*"], [aws.arn("budgets", f"budget/{name}*", region=False)]),
        # These know no resources of one's own before they are made.
        allow(
            "Bill",
            [
                "ce:*Anomaly*",
                "ce:UpdateCostAllocationTagsStatus",
                "ce:*TagResource",
                "bcm-data-exports:*Export*",
                "bcm-data-exports:*TagResource",
                "cur:PutReportDefinition",
            ],
            ["*"],
        ),
    ]
    regional = [allow(f"Make{_sid(s)}", _of(s, actions), ["*"], here) for s, actions in REGIONAL.items()]
    return {"own": document(*own), "regional": document(*regional)}


def _of(service: str, actions: Sequence[str]) -> list[str]:
    return [f"{service}:{action}" for action in actions]


def _sid(service: str) -> str:
    return "".join(part.capitalize() for part in service.split("-"))
