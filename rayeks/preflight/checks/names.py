"""Whether the names that the stack gives are free, or already its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rayeks.preflight.account import Account, Denied, Refused
from rayeks.preflight.model import Finding, check, each, failed, passed, warned
from rayeks.preflight.stack import Stack, tags_of

Tags = dict[str, str]


@dataclass(frozen=True)
class Kind:
    """Things of one kind that bear a name of ours. `look` gives the tags of the one with a name, None if it is free."""

    type: str
    what: str
    property: str
    look: Callable[[Account, str], Tags | None]


class Taken(Exception):
    """The name belongs to somebody in another account."""


def _bucket(aws: Account, name: str) -> Tags | None:
    try:
        if aws.find("s3", "get_bucket_location", "NoSuchBucket", Bucket=name) is None:
            return None
    except (Denied, Refused) as error:
        mine = [item["Name"] for item in aws.read("s3", "list_buckets")["Buckets"]]
        if name not in mine:
            raise Taken from None
        raise error
    found = aws.find("s3", "get_bucket_tagging", "NoSuchTagSet", "NoSuchTagSetError", Bucket=name)
    return tags_of(found["TagSet"]) if found else {}


def _cluster(aws: Account, name: str) -> Tags | None:
    found = aws.find("eks", "describe_cluster", "ResourceNotFoundException", name=name)
    return tags_of(found["cluster"].get("tags")) if found else None


def _role(aws: Account, name: str) -> Tags | None:
    found = aws.find("iam", "get_role", "NoSuchEntity", RoleName=name)
    return tags_of(found["Role"].get("Tags")) if found else None


def _log_group(aws: Account, name: str) -> Tags | None:
    groups = aws.read("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"]
    group = next((item for item in groups if item["logGroupName"] == name), None)
    if group is None:
        return None
    arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
    return tags_of(aws.read("logs", "list_tags_for_resource", resourceArn=arn).get("tags"))


def _queue(aws: Account, name: str) -> Tags | None:
    absent = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
    found = aws.find("sqs", "get_queue_url", *absent, QueueName=name)
    return tags_of(aws.read("sqs", "list_queue_tags", QueueUrl=found["QueueUrl"]).get("Tags")) if found else None


def _launch_template(aws: Account, name: str) -> Tags | None:
    filters = [{"Name": "launch-template-name", "Values": [name]}]
    found = aws.read("ec2", "describe_launch_templates", Filters=filters)["LaunchTemplates"]
    return tags_of(found[0].get("Tags")) if found else None


def _placement_group(aws: Account, name: str) -> Tags | None:
    filters = [{"Name": "group-name", "Values": [name]}]
    found = aws.read("ec2", "describe_placement_groups", Filters=filters)["PlacementGroups"]
    return tags_of(found[0].get("Tags")) if found else None


def _repository(aws: Account, name: str) -> Tags | None:
    found = aws.find("ecr", "describe_repositories", "RepositoryNotFoundException", repositoryNames=[name])
    if not found:
        return None
    arn = found["repositories"][0]["repositoryArn"]
    return tags_of(aws.read("ecr", "list_tags_for_resource", resourceArn=arn).get("tags"))


def _alias(aws: Account, name: str) -> Tags | None:
    aliases = aws.read("kms", "list_aliases")["Aliases"]
    alias = next((item for item in aliases if item["AliasName"] == name and item.get("TargetKeyId")), None)
    if alias is None:
        return None
    return tags_of(aws.read("kms", "list_resource_tags", KeyId=alias["TargetKeyId"]).get("Tags"))


KINDS = (
    Kind("aws:eks/cluster:Cluster", "EKS cluster", "name", _cluster),
    Kind("aws:s3/bucket:Bucket", "bucket", "bucket", _bucket),
    Kind("aws:iam/role:Role", "IAM role", "name", _role),
    Kind("aws:cloudwatch/logGroup:LogGroup", "log group", "name", _log_group),
    Kind("aws:sqs/queue:Queue", "SQS queue", "name", _queue),
    Kind("aws:ec2/launchTemplate:LaunchTemplate", "launch template", "name", _launch_template),
    Kind("aws:ec2/placementGroup:PlacementGroup", "placement group", "name", _placement_group),
    Kind("aws:ecr/repository:Repository", "ECR repository", "name", _repository),
    Kind("aws:kms/alias:Alias", "KMS alias", "name", _alias),
)


@check("names")
def names(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Names that are taken."""
    return each(KINDS, lambda kind: kind.what, lambda kind: _one(kind, stack, aws))


def _one(kind: Kind, stack: Stack, aws: Account) -> Iterator[Finding]:
    planned = [inputs[kind.property] for _, inputs in stack.inputs(kind.type) if inputs.get(kind.property)]
    mine, wrong = 0, 0
    for name in planned:
        try:
            tags = kind.look(aws, name)
        except Taken:
            wrong += 1
            yield failed(
                f"{kind.what} {name}",
                "belongs to another account, or to nobody who lets this identity look",
                "choose another `name` for the platform, or allow s3:GetBucketLocation to this identity",
            )
            continue
        if tags is not None and not stack.owns(tags):
            wrong += 1
            yield _taken(f"{kind.what} {name}", tags, stack)
        mine += tags is not None
    if planned and not wrong:
        free = len(planned) - mine
        own = f", {mine} there already with this stack's tags" if mine else ""
        yield passed(kind.what, f"{free} of {len(planned)} names are free{own}")


def _taken(subject: str, tags: Tags, stack: Stack) -> Finding:
    if not stack.platform.tags:
        return warned(
            subject,
            "is there already, and without default tags nobody can say whose it is",
            "set aws:defaultTags in the stack file; if the stack is up already, all is well",
        )
    differs = [
        f"{key}={tags.get(key, '(none)')}" for key, value in stack.platform.tags.items() if tags.get(key) != value
    ]
    return failed(
        subject,
        f"is there already and not this stack's: its tags say {', '.join(differs)}",
        "choose another `name` for the platform, remove the other, or `pulumi import` it",
    )
