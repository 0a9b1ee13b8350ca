"""What the internet can reach, and whether anybody would see that it did."""

from collections.abc import Iterator

from infra.policies.core import (
    UNKNOWN,
    WHERE_IT_COUNTS,
    Finding,
    Resource,
    Stack,
    at,
    differs,
    each,
    is_true,
    items,
    whole,
)
from infra.policies.documents import allowed
from infra.policies.kinds import BUCKET, EKS, NODE_CLASS, TEMPLATE, holders

ANYONE = ("0.0.0.0/0", "::/0")
CLOSED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
BY_DOCUMENT = {
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
}
"""Types that are opened by a document of their own → the property that holds it."""
NARROWING = ("account", "arn", "orgid", "vpc", "principal", "sourceip")
"""What a condition's key must speak of, for it to say who somebody is or where he comes from."""


@whole(
    demands="every bucket blocks public access, all four ways",
    reason="one ACL or one policy is then not enough to publish a data set",
    fix="add a BucketPublicAccessBlock with all four of its settings; infra/buckets.py does",
)
def buckets_are_private(stack: Stack) -> Iterator[Finding]:
    blocks = holders(stack, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    for bucket in stack.of_type(BUCKET):
        found = blocks(bucket)
        if not found:
            yield Finding("has no block of public access", bucket)
        for block in found:
            for setting in CLOSED:
                if differs(block.get(setting), True):
                    yield Finding(f"leaves {setting} off", bucket)


@each(
    *BY_DOCUMENT,
    demands="no resource policy lets in everybody",
    reason="a policy with the principal * is public, whatever IAM says",
    fix="name the principal, or say in a condition which account, organisation or network it must be of",
)
def resource_policies_name_who(resource: Resource, environment: str) -> Iterator[str]:
    for statement in allowed(resource.get(BY_DOCUMENT[resource.type])):
        keys = [key.lower() for test in statement.conditions.values() for key in test]
        if "*" in statement.principals and not any(part in key for part in NARROWING for key in keys):
            yield f"{statement.sid} lets in everybody"


@each(
    EKS,
    demands="the API server's public endpoint is open to named ranges alone",
    reason="whoever reaches it can try stolen tokens, and the next hole in Kubernetes",
    fix="name your VPN's and your CI's ranges in cluster.public_access_cidrs, or none for a private endpoint",
    severity=WHERE_IT_COUNTS,
)
def api_server_is_not_open(resource: Resource, environment: str) -> Iterator[str]:
    ranges = resource.get("vpcConfig.publicAccessCidrs")
    # AWS opens the public endpoint unless it is told otherwise, and to everybody unless it is told to whom.
    if differs(resource.get("vpcConfig.endpointPublicAccess"), False):
        if ranges is None:
            yield "its public endpoint is open to everybody, because no ranges are named"
        for cidr in items(ranges):
            if cidr in ANYONE:
                yield f"its public endpoint is open to {cidr}"


@each(
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    demands="no security group lets in the whole internet",
    reason="a port that is open to everybody is found within minutes",
    fix="name the ranges (network.load_balancer_cidrs for load balancers), or the security group to let in",
    severity=WHERE_IT_COUNTS,
)
def security_groups_are_not_open(resource: Resource, environment: str) -> Iterator[str]:
    if resource.type == "aws:ec2/securityGroup:SecurityGroup":
        rules = items(resource.get("ingress"))
    elif resource.get("type") == "egress":
        rules = []
    else:
        rules = [resource.props]
    for rule in rules:
        for key in ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks"):
            for cidr in items(at(rule, key)):
                if cidr in ANYONE:
                    yield f"lets in {cidr} on {_ports(at(rule, 'fromPort'), at(rule, 'toPort'))}"


@each(
    "aws:ec2/subnet:Subnet",
    TEMPLATE,
    NODE_CLASS,
    demands="no machine gets a public address",
    reason="nodes leave by NAT; an address of their own is a way in, and $3.60 a month each",
    fix="leave out mapPublicIpOnLaunch and associatePublicIpAddress",
)
def machines_have_no_public_address(resource: Resource, environment: str) -> Iterator[str]:
    asked = [resource.get("mapPublicIpOnLaunch"), resource.get("spec.associatePublicIPAddress")]
    asked += [at(interface, "associatePublicIpAddress") for interface in items(resource.get("networkInterfaces"))]
    if any(is_true(value) for value in asked):
        yield "gives what is launched a public address"


@each(
    EKS,
    demands="the control plane logs who did what",
    reason="without the audit log nobody can say after an incident what was read",
    fix="have api, audit and authenticator in cluster.log_types",
)
def cluster_is_audited(resource: Resource, environment: str) -> Iterator[str]:
    kept = resource.get("enabledClusterLogTypes")
    missing = [] if kept is UNKNOWN else [kind for kind in ("audit", "authenticator") if kind not in items(kept)]
    if missing:
        yield f"does not log {' and '.join(missing)}"


def _ports(first: object, last: object) -> str:
    if first in (None, -1):
        return "every port"
    return f"port {first}" if first == last else f"ports {first} to {last}"
