"""AWS's own constraints on a plan: every kind of wrong value is found, at its path, and right ones are left alone."""

import base64
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayeks.plan.constraints import check, unchecked
from rayeks.plan.constraints.requests import REQUESTS
from rayeks.plan.constraints.rules import block, policy, tags
from rayeks.plan.constraints.shapes import violations
from rayeks.plan.model import Plan, Resource
from rayeks.plan.values import Secret, unknown

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]})
LATER = unknown("urn", "id")

GOOD = {
    "aws:budgets/budget:Budget": {
        "name": "b",
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitAmount": "100",
        "limitUnit": "USD",
        "notifications": [
            {
                "comparisonOperator": "GREATER_THAN",
                "notificationType": "ACTUAL",
                "threshold": 80,
                "thresholdType": "PERCENTAGE",
                "subscriberEmailAddresses": ["a@b.example"],
            }
        ],
    },
    "aws:cloudwatch/logGroup:LogGroup": {"name": "/aws/x", "retentionInDays": 7},
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "name": "nodes",
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {"volumeType": "gp3", "volumeSize": 100, "throughput": 600, "iops": 3000, "encrypted": "true"},
            }
        ],
        "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "x"}}],
        "userData": base64.b64encode(b"x").decode(),
    },
    "aws:ec2/route:Route": {"routeTableId": LATER, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": LATER},
    "aws:ec2/securityGroup:SecurityGroup": {"name": "g", "description": "nodes (all)", "vpcId": LATER},
    "aws:ec2/subnet:Subnet": {"vpcId": LATER, "cidrBlock": "10.0.0.0/24", "availabilityZone": "us-west-2a"},
    "aws:eks/addon:Addon": {"clusterName": "c", "addonName": "vpc-cni", "addonVersion": "v1.21.1-eksbuild.1"},
    "aws:eks/cluster:Cluster": {
        "name": "c",
        "roleArn": LATER,
        "version": "1.35",
        "vpcConfig": {"subnetIds": [LATER, LATER], "endpointPrivateAccess": True},
        "enabledClusterLogTypes": ["api", "audit"],
        "upgradePolicy": {"supportType": "STANDARD"},
        "accessConfig": {"authenticationMode": "API"},
    },
    "aws:eks/nodeGroup:NodeGroup": {
        "clusterName": "c",
        "nodeRoleArn": LATER,
        "subnetIds": [LATER],
        "capacityType": "SPOT",
        "amiType": "AL2023_x86_64_STANDARD",
        "instanceTypes": ["m7i.large"],
        "scalingConfig": {"minSize": 1, "desiredSize": 1, "maxSize": 2},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "labels": {"rayeks/pool": "system"},
        "launchTemplate": {"id": LATER, "version": LATER},
        "updateConfig": {"maxUnavailable": 1},
    },
    "aws:fsx/lustreFileSystem:LustreFileSystem": {
        "subnetIds": LATER,
        "deploymentType": "PERSISTENT_2",
        "storageCapacity": 4800,
        "perUnitStorageThroughput": 250,
        "dataCompressionType": "LZ4",
        "fileSystemTypeVersion": "2.15",
        "metadataConfiguration": {"mode": "AUTOMATIC"},
    },
    "aws:iam/role:Role": {"name": "r", "assumeRolePolicy": TRUST},
    "aws:kms/key:Key": {"deletionWindowInDays": 7, "enableKeyRotation": True},
    "aws:s3/bucket:Bucket": {"bucket": "data-1"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
        "bucket": "data-1",
        "rules": [{"id": "tidy", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 7}}],
    },
    "aws:s3/bucketVersioning:BucketVersioning": {
        "bucket": "data-1",
        "versioningConfiguration": {"status": "Enabled"},
    },
    "aws:sqs/queue:Queue": {"name": "q", "messageRetentionSeconds": 300, "sqsManagedSseEnabled": True},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
        "securityGroupId": LATER,
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "10.0.0.0/8",
        "description": "HTTPS",
    },
}


def resource(kind: str, name: str = "x", /, **inputs) -> Resource:
    return Resource(f"urn:pulumi:s::p::{kind}::{name}", kind, name, inputs, id=f"id-{name}")


def _keys(holder):
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def _holders(value, way=()):
    """Every object and list inside a value, with the way to it."""
    if isinstance(value, dict | list):
        yield way, value
        for key in _keys(value):
            yield from _holders(value[key], (*way, key))


def findings(*resources: Resource) -> list[tuple[str, str]]:
    found = check(Plan("s", "p", resources, {}))
    return [(finding.path, finding.rule) for finding in found]


def changed(kind: str, path: str, value) -> dict:
    """A good resource's inputs with one value at a path of keys and indexes replaced (or removed, for None)."""
    inputs = json.loads(json.dumps(GOOD[kind]))
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    holder = inputs
    for step in way:
        holder = holder[step]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return inputs


@pytest.mark.parametrize("kind", GOOD)
def test_what_aws_allows_breaks_no_rule(kind):
    assert findings(resource(kind, **GOOD[kind])) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "at", "rule"),
    [
        ("aws:eks/nodeGroup:NodeGroup", "capacityType", "SPOTTY", "capacityType", "must be one of ON_DEMAND, SPOT"),
        ("aws:eks/nodeGroup:NodeGroup", "amiType", "AL2024", "amiType", "must be one of"),
        (
            "aws:eks/nodeGroup:NodeGroup",
            "taints/0/effect",
            "NoSchedule",
            "taints[0].effect",
            "must be one of NO_SCHEDULE",
        ),
        ("aws:eks/nodeGroup:NodeGroup", "nodeRoleArn", None, "nodeRole", "needs nodeRole"),
        ("aws:eks/nodeGroup:NodeGroup", "instanceTypes/0", "m99.large", "instanceTypes[0]", "InstanceType"),
        ("aws:eks/nodeGroup:NodeGroup", "scalingConfig/desiredSize", 9, "scalingConfig", "minSize <= desiredSize"),
        ("aws:eks/nodeGroup:NodeGroup", "scalingConfig/maxSize", 0, "scalingConfig.maxSize", "at least 1"),
        ("aws:eks/nodeGroup:NodeGroup", "scalingConfig/minSize", "few", "scalingConfig.minSize", "whole number"),
        ("aws:eks/nodeGroup:NodeGroup", "labels", {"k": "v" * 64}, "labels.k", "at most 63"),
        ("aws:eks/nodeGroup:NodeGroup", "launchTemplate/version", None, "launchTemplate.version", "must be given"),
        ("aws:eks/nodeGroup:NodeGroup", "minSize", 1, "minSize", "there is no such property"),
        ("aws:eks/nodeGroup:NodeGroup", "scalingConfig/min_size", 1, "scalingConfig.min_size", "no such property"),
        ("aws:eks/nodeGroup:NodeGroup", "subnetIds", "subnet-1", "subnetIds", "must be a list"),
        ("aws:eks/nodeGroup:NodeGroup", "scalingConfig", [], "scalingConfig", "must be an object"),
        ("aws:sqs/queue:Queue", "delaySeconds", "soon", "delaySeconds", "must be a whole number"),
        ("aws:sqs/queue:Queue", "fifoQueue", "maybe", "fifoQueue", "must be true or false"),
        ("aws:eks/cluster:Cluster", "name", "no spaces", "name", "must match"),
        ("aws:eks/cluster:Cluster", "roleArn", None, "roleArn", "needs roleArn"),
        ("aws:eks/cluster:Cluster", "vpcConfig/subnetIds", [LATER], "vpcConfig.subnetIds", "two zones"),
        (
            "aws:eks/cluster:Cluster",
            "enabledClusterLogTypes/1",
            "audits",
            "enabledClusterLogTypes[1]",
            "must be one of",
        ),
        ("aws:eks/cluster:Cluster", "upgradePolicy/supportType", "LTS", "upgradePolicy.supportType", "must be one of"),
        ("aws:eks/addon:Addon", "addonVersion", "1.21", "addonVersion", "v1.2.3-eksbuild.4"),
        (
            "aws:ec2/launchTemplate:LaunchTemplate",
            "metadataOptions/httpTokens",
            "yes",
            "metadataOptions.httpTokens",
            "one of",
        ),
        (
            "aws:ec2/launchTemplate:LaunchTemplate",
            "blockDeviceMappings/0/ebs/volumeType",
            "gp4",
            "blockDeviceMappings[0].ebs.volumeType",
            "must be one of",
        ),
        (
            "aws:ec2/launchTemplate:LaunchTemplate",
            "blockDeviceMappings/0/ebs/throughput",
            1000,
            "blockDeviceMappings[0].ebs.throughput",
            "3000 IOPS carry 750",
        ),
        ("aws:ec2/launchTemplate:LaunchTemplate", "userData", "#!/bin/sh", "userData", "base64"),
        ("aws:ec2/subnet:Subnet", "cidrBlock", "10.0.0.0/29", "cidrBlock", "/16 to a /28"),
        ("aws:ec2/subnet:Subnet", "cidrBlock", "10.0.0.1/24", "cidrBlock", "host bits"),
        ("aws:ec2/subnet:Subnet", "vpcId", None, "VpcId", "needs VpcId"),
        ("aws:ec2/route:Route", "natGatewayId", LATER, "gatewayId", "exactly one target"),
        ("aws:ec2/securityGroup:SecurityGroup", "description", "the team's", "description", "1 to 255"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "toPort", 99999, "toPort", "from -1 to 65535"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ipProtocol", "-1", "fromPort", "every port"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", None, "cidrIpv4", "exactly one"),
        ("aws:fsx/lustreFileSystem:LustreFileSystem", "storageCapacity", 5000, "storageCapacity", "multiple of 2400"),
        (
            "aws:fsx/lustreFileSystem:LustreFileSystem",
            "perUnitStorageThroughput",
            100,
            "perUnitStorageThroughput",
            "125, 250",
        ),
        (
            "aws:fsx/lustreFileSystem:LustreFileSystem",
            "deploymentType",
            "PERSISTENT",
            "deploymentType",
            "must be one of",
        ),
        ("aws:s3/bucket:Bucket", "bucket", "My_Bucket", "bucket", "bucket name"),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            "versioningConfiguration/status",
            "On",
            "versioningConfiguration.status",
            "one of",
        ),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "rules/0/status",
            "On",
            "rules[0].status",
            "one of",
        ),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "rules/0/expiration",
            None,
            "rules[0]",
            "must do one of",
        ),
        ("aws:sqs/queue:Queue", "messageRetentionSeconds", 30, "messageRetentionSeconds", "from 60"),
        ("aws:sqs/queue:Queue", "kmsMasterKeyId", "k", "sqsManagedSseEnabled", "excludes"),
        ("aws:kms/key:Key", "deletionWindowInDays", 3, "deletionWindowInDays", "from 7 to 30"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 8, "retentionInDays", "one of"),
        ("aws:iam/role:Role", "assumeRolePolicy", "{", "assumeRolePolicy", "must be JSON"),
        ("aws:iam/role:Role", "name", "r" * 65, "name", "at most 64"),
        (
            "aws:budgets/budget:Budget",
            "notifications/0/notificationType",
            "MAYBE",
            "notifications[0].notificationType",
            "one of",
        ),
        ("aws:budgets/budget:Budget", "notifications/0/subscriberEmailAddresses", None, "notifications[0]", "1 to 11"),
        ("aws:budgets/budget:Budget", "timeUnit", "WEEKLY", "timeUnit", "must be one of"),
    ],
)
def test_what_aws_refuses_is_found_at_its_path(kind, path, value, at, rule):
    found = findings(resource(kind, **changed(kind, path, value)))
    assert any(where == at and rule in text for where, text in found), found


def test_values_that_only_aws_can_give_break_no_rule():
    inputs = {"name": f"{LATER}!", "assumeRolePolicy": TRUST, "description": f"made for {LATER}"}
    assert findings(resource("aws:iam/role:Role", **inputs)) == []


def test_a_secret_is_checked_but_not_told():
    bad = resource("aws:sqs/queue:Queue", name=Secret("no spaces allowed"))
    found = check(Plan("s", "p", (bad,), {}))
    assert [(finding.path, finding.value) for finding in found] == [("name", "[secret]")]


def test_subnets_that_overlap_or_leave_their_vpc_are_named():
    vpc = resource("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    subnets = [
        resource("aws:ec2/subnet:Subnet", name, vpcId=vpc.id, cidrBlock=cidr)
        for name, cidr in {"a": "10.0.0.0/20", "b": "10.0.8.0/24", "c": "10.1.0.0/24"}.items()
    ]
    assert findings(vpc, *subnets) == [
        ("cidrBlock", "overlaps 10.0.0.0/20 of a"),
        ("cidrBlock", "does not lie in its VPC's 10.0.0.0/16"),
    ]


def test_a_name_that_is_taken_is_named_with_who_has_it():
    pair = [resource("aws:sqs/queue:Queue", name, name="jobs") for name in ("one", "two")]
    assert findings(*pair) == [("name", "is taken by one")]


def test_a_roles_policies_fit_together():
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::" + "x" * 6000]}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    pair = [resource("aws:iam/rolePolicy:RolePolicy", name, role="r", name=name, policy=text) for name in ("a", "b")]
    assert [rule for _, rule in findings(*pair)] == [
        "a role's inline policies have 10240 characters at most, all together"
    ]


def test_a_type_without_rules_is_told():
    plan = Plan("s", "p", (resource("aws:made/up:Up"),), {})
    assert check(plan) == []
    assert unchecked(plan) == ["aws:made/up:Up"]


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_row_names_members_that_exist(kind):
    """Walking each named property with a value that no rule can judge must reach a member, or the row is wrong."""
    for request in REQUESTS[kind]:
        shallow = {name: LATER for name, target in request.names.items() if target != "-" and "." not in name}
        list(violations(dataclasses.replace(request, only=frozenset()), shallow))


def test_a_finding_reads_as_a_sentence():
    [finding] = check(Plan("s", "p", (resource("aws:sqs/queue:Queue", "jobs", name="q", delaySeconds=1000),), {}))
    assert str(finding) == "aws:sqs/queue:Queue jobs: delaySeconds is 1000: must be from 0 to 900"
    assert finding.to_json()["path"] == "delaySeconds"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"Version": "2020-01-01", "Statement": []}, "Version"),
        ({"Version": "2012-10-17", "Statement": []}, "Statement"),
        ({"Version": "2012-10-17", "Statement": [{"Effect": "allow", "Action": "s3:*"}]}, "Effect"),
        ({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3"}]}, "no action"),
        ({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}, "Action or NotAction"),
        (
            {"Version": "2012-10-17", "Statement": {"Sid": "a-b", "Effect": "Allow", "Action": "*"}},
            "letters and digits",
        ),
    ],
)
def test_a_policy_that_iam_would_not_read_is_refused(document, words):
    assert words in (policy(1000)(json.dumps(document)) or "")


@given(st.dictionaries(st.text(min_size=1, max_size=128), st.text(max_size=256), max_size=60))
def test_tags_are_judged_without_a_crash(given_tags):
    verdict = tags(given_tags)
    assert verdict is None or isinstance(verdict, str)


PATHS = [
    (kind, (*way, key)) for kind, inputs in GOOD.items() for way, holder in _holders(inputs) for key in _keys(holder)
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(PATHS), VALUES)
def test_any_value_anywhere_is_judged_without_a_crash(place, value):
    kind, (*way, last) = place
    inputs = json.loads(json.dumps(GOOD[kind]))
    holder = inputs
    for step in way:
        holder = holder[step]
    holder[last] = value
    findings(resource(kind, **inputs))


@given(st.text())
def test_any_text_is_judged_as_a_range_without_a_crash(text):
    assert block(16, 28)(text) is None or isinstance(block(16, 28)(text), str)
