"""What AWS refuses between resources of one plan: ranges that overlap, names that are taken, too much on one role."""

import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from rayeks.plan.model import Plan, Resource
from rayeks.plan.values import known, reveal

UNIQUE: Mapping[str, tuple[str, ...]] = {
    "aws:budgets/budget:Budget": ("name",),
    "aws:cloudwatch/eventRule:EventRule": ("name",),
    "aws:cloudwatch/logGroup:LogGroup": ("name",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("name",),
    "aws:ec2/placementGroup:PlacementGroup": ("name",),
    "aws:ec2/securityGroup:SecurityGroup": ("vpcId", "name"),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": ("ecrRepositoryPrefix",),
    "aws:ecr/repository:Repository": ("name",),
    "aws:efs/fileSystem:FileSystem": ("creationToken",),
    "aws:eks/accessEntry:AccessEntry": ("clusterName", "principalArn"),
    "aws:eks/addon:Addon": ("clusterName", "addonName"),
    "aws:eks/cluster:Cluster": ("name",),
    "aws:eks/nodeGroup:NodeGroup": ("clusterName", "nodeGroupName"),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ("clusterName", "namespace", "serviceAccount"),
    "aws:iam/instanceProfile:InstanceProfile": ("name",),
    "aws:iam/policy:Policy": ("name",),
    "aws:iam/role:Role": ("name",),
    "aws:iam/rolePolicy:RolePolicy": ("role", "name"),
    "aws:kms/alias:Alias": ("name",),
    "aws:s3/bucket:Bucket": ("bucket",),
    "aws:sns/topic:Topic": ("name",),
    "aws:sqs/queue:Queue": ("name",),
}
"""By type, the properties that together must differ from every other resource's."""

INLINE_CHARACTERS = 10240
ATTACHED_POLICIES = 20
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: per role, the second after a raise."""

Between = tuple[Resource, str, Any, str]


def relations(plan: Plan) -> Iterator[Between]:
    """Each broken rule between resources: the resource at fault, its property, the value, and the rule."""
    yield from _taken(plan)
    yield from _ranges(plan)
    yield from _roles(plan)


def _taken(plan: Plan) -> Iterator[Between]:
    seen: dict[tuple[Any, ...], Resource] = {}
    for resource in plan.of_type(*UNIQUE):
        names = UNIQUE[resource.type]
        values = [reveal(resource.inputs.get(name)) for name in names]
        if not all(isinstance(value, str) for value in values):
            continue
        first = seen.setdefault((resource.type, *values), resource)
        if first is not resource:
            shown = values[-1] if known(values) else None
            yield (resource, names[-1], shown, f"is taken by {first.name}")


def _ranges(plan: Plan) -> Iterator[Between]:
    """Subnets lie inside their VPC and beside each other."""
    networks = {vpc.id: _network(vpc) for vpc in plan.of_type("aws:ec2/vpc:Vpc")}
    beside: dict[str, list[tuple[Resource, ipaddress.IPv4Network]]] = defaultdict(list)
    for subnet in plan.of_type("aws:ec2/subnet:Subnet"):
        mine, vpc = _network(subnet), str(subnet.inputs.get("vpcId"))
        if mine is None:
            continue
        around = networks.get(vpc)
        if around is not None and not mine.subnet_of(around):
            yield (subnet, "cidrBlock", str(mine), f"does not lie in its VPC's {around}")
        for other, theirs in beside[vpc]:
            if mine.overlaps(theirs):
                yield (subnet, "cidrBlock", str(mine), f"overlaps {theirs} of {other.name}")
        beside[vpc].append((subnet, mine))


def _network(resource: Resource) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(resource.inputs.get("cidrBlock", ""))
    except ValueError:
        return None  # its own rule says so


def _roles(plan: Plan) -> Iterator[Between]:
    """All that hangs on one role fits."""
    characters: dict[str, int] = defaultdict(int)
    for resource in plan.of_type("aws:iam/rolePolicy:RolePolicy"):
        text = reveal(resource.inputs.get("policy"))
        text = text if isinstance(text, str) else json.dumps(text)
        role = str(resource.inputs.get("role"))
        characters[role] += len(re.sub(r"\s", "", text))
        if characters[role] > INLINE_CHARACTERS:
            rule = f"a role's inline policies have {INLINE_CHARACTERS} characters at most, all together"
            yield (resource, "policy", characters[role], rule)
    attached: dict[str, int] = defaultdict(int)
    for resource in plan.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        role = str(resource.inputs.get("role"))
        attached[role] += 1
        if attached[role] > ATTACHED_POLICIES:
            yield (resource, "role", attached[role], f"a role has {ATTACHED_POLICIES} attached policies at most")
