"""Every policy finds the mistake that it is for in the real plan of prod, and nothing in that plan as it ships."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.policies import POLICIES
from rayeks.plan import Plan
from rayeks.plan.judged import policies
from tests.infra.policies.conftest import at, changed, configured, plus, without

BUCKET = "aws:s3/bucket:Bucket"
CLUSTER = "aws:eks/cluster:Cluster"
EFS = "aws:efs/fileSystem:FileSystem"
EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::x"}}
KEY = "aws:kms/key:Key"
NAMESPACE = "kubernetes:core/v1:Namespace"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
POOL = "kubernetes:karpenter.sh/v1:NodePool"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

Break = Callable[[Plan], Plan]


def setting(kind: str, *path: str | int, to: Any) -> Break:
    """Sets one value in the first resource of a type; None removes it."""

    def change(inputs: dict[str, Any]) -> None:
        *parents, last = path
        if to is None:
            del at(inputs, parents)[last]
        else:
            at(inputs, parents)[last] = to

    return lambda planned: changed(planned, kind, change)


def document(**statement: Any) -> str:
    """A policy document of one statement that allows something."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def pod(**spec: Any) -> Break:
    """A pod of the stack's own with a spec of one container and more."""
    container = {"name": "main", "image": f"registry/main@sha256:{'0' * 64}", **spec.pop("container", {})}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "main", "namespace": "ray-research"},
        "spec": {"containers": [container], **spec},
    }
    return lambda planned: plus(planned, "kubernetes:core/v1:Pod", "main", manifest)


def storage_class(driver: str, **settings: Any) -> Break:
    """One more class of storage, of a name that the tenants' quotas count."""
    manifest = {"metadata": {"name": "gp3"}, "provisioner": driver, **settings}
    return lambda planned: plus(planned, STORAGE_CLASS, "more", manifest)


def training(change: Callable[[dict[str, Any]], None]) -> Break:
    """Changes the spec of the pool that trains."""

    def broken(planned: Plan) -> Plan:
        rest = tuple(r for r in planned.resources if r.type != POOL or r.name == "ray-gpu-train")
        return changed(replace(planned, resources=rest), POOL, lambda inputs: change(inputs["spec"]))

    return broken


def over_the_ceiling(planned: Plan) -> Plan:
    """The same stack with a ceiling that its bill passes."""
    platform = json.loads(planned.config[f"{planned.project}:platform"])
    return configured(planned, json.dumps(platform | {"policies": {"monthly_ceiling_usd": 1}}))


BROKEN: dict[str, Break] = {
    "addons-are-pinned": setting("aws:eks/addon:Addon", "addonVersion", to=None),
    "api-server-is-not-open": setting(CLUSTER, "vpcConfig", "publicAccessCidrs", to=["0.0.0.0/0"]),
    "buckets-are-encrypted": setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "rules",
        0,
        "applyServerSideEncryptionByDefault",
        "sseAlgorithm",
        to="AES256",
    ),
    "buckets-are-private": setting(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicPolicy", to=False
    ),
    "buckets-keep-versions": setting(
        "aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration", "status", to="Suspended"
    ),
    "buckets-refuse-plain-http": lambda planned: without(planned, "aws:s3/bucketPolicy:BucketPolicy"),
    "budget-is-present": lambda planned: without(planned, "aws:budgets/budget:Budget"),
    "charts-are-pinned": setting("kubernetes:helm.sh/v3:Release", "version", to="^1.0"),
    "cluster-is-audited": setting(CLUSTER, "enabledClusterLogTypes", to=["api"]),
    "cluster-is-protected": lambda planned: changed(planned, CLUSTER, protect=False),
    "cluster-secrets-are-encrypted": setting(CLUSTER, "encryptionConfig", to=None),
    "cost-stays-under-the-ceiling": over_the_ceiling,
    "costs-are-tagged": setting(NODE_CLASS, "spec", "tags", to={"Name": "x"}),
    "data-is-protected": setting(BUCKET, "forceDestroy", to=True),
    "file-systems-are-encrypted": setting(EFS, "encrypted", to=False),
    "files-are-backed-up": setting("aws:efs/backupPolicy:BackupPolicy", "backupPolicy", "status", to="DISABLED"),
    "images-are-by-digest": pod(container={"image": "docker.io/library/python:3.12"}),
    "keys-rotate": setting(KEY, "enableKeyRotation", to=False),
    "keys-wait-before-they-go": setting(KEY, "deletionWindowInDays", to=7),
    "kubernetes-is-supported": setting(CLUSTER, "version", to="1.31"),
    "machine-images-are-pinned": setting(NODE_CLASS, "spec", "amiSelectorTerms", to=[{"alias": "al2023@latest"}]),
    "machines-have-no-public-address": setting("aws:ec2/subnet:Subnet", "mapPublicIpOnLaunch", to=True),
    "namespaces-deny-by-default": lambda planned: without(planned, "kubernetes:networking.k8s.io/v1:NetworkPolicy"),
    "namespaces-refuse-privileged-pods": lambda planned: plus(
        planned, NAMESPACE, "lab", {"metadata": {"name": "lab", "labels": {}}}
    ),
    "no-role-is-an-administrator": setting(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "policyArn",
        to="arn:aws:iam::aws:policy/AdministratorAccess",
    ),
    "nobody-has-a-lasting-key": lambda planned: plus(planned, "aws:iam/accessKey:AccessKey", "ci", {"user": "ci"}),
    "node-groups-have-a-template": setting("aws:eks/nodeGroup:NodeGroup", "launchTemplate", to=None),
    "nodes-are-repaired": setting("aws:eks/nodeGroup:NodeGroup", "nodeRepairConfig", to=None),
    "nodes-go-at-last": setting(POOL, "spec", "template", "spec", "terminationGracePeriod", to=None),
    "nodes-require-imdsv2": setting(TEMPLATE, "metadataOptions", "httpTokens", to="optional"),
    "pods-are-not-privileged": pod(container={"securityContext": {"privileged": True}}),
    "pods-cannot-reach-the-metadata": setting(
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "spec",
        "egress",
        to=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
    ),
    "policies-name-their-actions": setting(ROLE_POLICY, "policy", to=json.dumps(EVERYTHING)),
    "policies-name-their-resources": setting(ROLE_POLICY, "policy", to=document(Action="s3:PutObject", Resource="*")),
    "pools-have-disruption-budgets": setting(POOL, "spec", "disruption", "budgets", to=[{"nodes": "100%"}]),
    "pools-have-limits": setting(POOL, "spec", "limits", to={"cpu": "10"}),
    "queues-are-encrypted": setting("aws:sqs/queue:Queue", "sqsManagedSseEnabled", to=False),
    "repositories-are-immutable": setting("aws:ecr/repository:Repository", "imageTagMutability", to="MUTABLE"),
    "resource-policies-name-who": setting(
        "aws:sqs/queuePolicy:QueuePolicy", "policy", to=document(Principal="*", Action="sqs:SendMessage", Resource="*")
    ),
    "roles-are-assumed-by-name": setting(
        "aws:iam/role:Role", "assumeRolePolicy", to=document(Principal={"AWS": "*"}, Action="sts:AssumeRole")
    ),
    "security-groups-are-not-open": lambda planned: plus(
        planned,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "ssh",
        {"cidrIpv4": "0.0.0.0/0", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22},
    ),
    "tenants-have-quotas": setting("kubernetes:core/v1:ResourceQuota", "spec", "hard", to={"pods": "10"}),
    "tenants-say-who-pays": lambda planned: plus(
        planned, NAMESPACE, "ray-lab", {"metadata": {"name": "ray-lab", "labels": {"rayeks/team": "lab"}}}
    ),
    "training-is-never-consolidated": training(
        lambda spec: spec["disruption"].update(consolidationPolicy="WhenEmptyOrUnderutilized")
    ),
    "volumes-are-encrypted": setting(NODE_CLASS, "spec", "blockDeviceMappings", 0, "ebs", "encrypted", to=False),
}
"""Policy → a change of the plan that it must find."""

ALSO: list[tuple[str, Break]] = [
    ("api-server-is-not-open", setting(CLUSTER, "vpcConfig", "publicAccessCidrs", to=None)),
    ("buckets-are-encrypted", lambda planned: plus(planned, BUCKET, "more", {"bucket": "more"})),
    ("buckets-are-private", lambda planned: plus(planned, BUCKET, "more", {"bucket": "more"})),
    ("cluster-is-protected", setting(CLUSTER, "deletionProtection", to=False)),
    ("costs-are-tagged", setting(TEMPLATE, "tagSpecifications", to=[])),
    ("data-is-protected", lambda planned: changed(planned, EFS, protect=False)),
    ("file-systems-are-encrypted", setting("aws:fsx/lustreFileSystem:LustreFileSystem", "kmsKeyId", to=None)),
    ("machine-images-are-pinned", setting(NODE_CLASS, "spec", "amiSelectorTerms", to=[{"name": "al2023-*"}])),
    ("nodes-require-imdsv2", setting(NODE_CLASS, "spec", "metadataOptions", to=None)),
    ("nodes-require-imdsv2", setting(TEMPLATE, "metadataOptions", "httpPutResponseHopLimit", to=2)),
    ("pods-are-not-privileged", pod(hostNetwork=True)),
    ("pods-are-not-privileged", pod(volumes=[{"name": "node", "hostPath": {"path": "/"}}])),
    ("pods-are-not-privileged", pod(container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})),
    ("policies-name-their-actions", setting(ROLE_POLICY, "policy", to=document(NotAction="iam:*", Resource="arn:x"))),
    (
        "roles-are-assumed-by-name",
        setting(
            "aws:iam/role:Role",
            "assumeRolePolicy",
            to=document(Principal={"Federated": "arn:aws:iam::1:oidc-provider/x"}, Action="sts:AssumeRole"),
        ),
    ),
    ("tenants-have-quotas", lambda planned: plus(planned, STORAGE_CLASS, "more", {"metadata": {"name": "more"}})),
    ("training-is-never-consolidated", training(lambda spec: spec["disruption"].update(budgets=[{"nodes": "10%"}]))),
    ("training-is-never-consolidated", training(lambda spec: spec["template"]["spec"].update(expireAfter="720h"))),
    ("volumes-are-encrypted", storage_class("ebs.csi.aws.com", parameters={"type": "gp3"})),
    ("volumes-are-encrypted", storage_class("efs.csi.aws.com", mountOptions=["iam"])),
    ("volumes-are-encrypted", storage_class("fsx.csi.aws.com", parameters={"deploymentType": "PERSISTENT_2"})),
    ("volumes-are-encrypted", setting(TEMPLATE, "blockDeviceMappings", 0, "ebs", "encrypted", to="false")),
]
"""Other ways to the same mistakes."""


def found(planned: Plan) -> set[str]:
    """The policies that find something."""
    return {verdict.policy for verdict in policies(planned, monthly_usd=50_000.0).verdicts}


def test_every_policy_has_a_mistake_to_find() -> None:
    assert BROKEN.keys() == {policy.name for policy in POLICIES}


def test_prod_as_it_ships_passes_every_policy(prod: Plan) -> None:
    assert found(prod) == set()


@pytest.mark.parametrize(("name", "broken"), [*BROKEN.items(), *ALSO])
def test_the_mistake_is_found_and_stops_a_deployment(name: str, broken: Break, prod: Plan) -> None:
    judgement = policies(broken(prod), monthly_usd=50_000.0)
    mine = [verdict for verdict in judgement.verdicts if verdict.policy == name]
    assert mine, f"found only {found(broken(prod))}"
    assert all(verdict.stops and verdict.fix and verdict.message for verdict in mine)


def test_what_only_aws_can_say_is_not_judged(prod: Plan) -> None:
    token = next(iter(prod.unknowns))
    for kind, path in ((CLUSTER, "version"), (NODE_CLASS, "spec"), (NAMESPACE, "metadata"), (ROLE_POLICY, "policy")):
        assert found(changed(prod, kind, lambda inputs, path=path: inputs.update({path: token}))) <= {
            # Without its name the namespace is nobody's, and those that it holds are not told apart.
            "namespaces-deny-by-default",
            "tenants-have-quotas",
        }
