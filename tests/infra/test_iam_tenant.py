"""What a team's pods may do in AWS, decided by an evaluation of IAM's rules rather than by reading statements."""

import json
from pathlib import Path

import pytest

from infra import iam_data, iam_tenant
from infra.config import InvalidPlatform, parse
from infra.config.data import S3Source
from infra.iam import Aws
from local.aws.policy import decide
from rayeks.plan import plan

ROOT = Path(__file__).parents[2]
AWS = Aws("111111111111", "us-west-2")
BUCKETS = {name: f"ray-test-{name}" for name in ("artifacts", "checkpoints", "datasets", "logs", "features")}
LAKE = S3Source(kind="s3", bucket="acme-lake", prefixes=("curated/",))
ACCOUNTS = tuple(iam_tenant.ACCESS)
ROLE = "aws:iam/role:Role"


def policies(account: str) -> dict:
    return iam_tenant.policies(
        account,
        aws=AWS,
        cluster="ray-test",
        namespace="ray-ads",
        buckets=BUCKETS,
        sources=iam_data.read(AWS, "lake", LAKE),
    )


def may(account: str, action: str, resource: str, **context: str) -> bool:
    found = {key.replace("_", ":"): [value] for key, value in context.items()}
    return decide(policies(account), action, f"arn:aws:s3:::{resource}", found).result == "allowed"


@pytest.mark.parametrize(
    ("account", "reads", "writes"),
    [
        (
            "ray-head",
            {"artifacts", "checkpoints", "datasets", "logs", "features"},
            {"artifacts", "checkpoints", "logs"},
        ),
        (
            "ray-worker",
            {"artifacts", "checkpoints", "datasets", "logs", "features"},
            {"checkpoints", "datasets", "logs", "features"},
        ),
        ("ray-serve", {"artifacts", "logs"}, {"logs"}),
        (
            "notebook",
            {"artifacts", "checkpoints", "datasets", "logs", "features"},
            {"artifacts", "checkpoints", "datasets", "features"},
        ),
    ],
)
def test_each_purpose_reads_and_writes_its_own_buckets(account, reads, writes):
    assert {name for name in BUCKETS if may(account, "s3:GetObject", f"ray-test-{name}/ray-ads/x")} == reads
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"):
        assert {name for name in BUCKETS if may(account, action, f"ray-test-{name}/ray-ads/x")} == writes


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_pod_reaches_another_teams_prefix(account):
    for bucket in BUCKETS.values():
        for key in ("ray-bank/x", "ray-ads-too/x", "x"):
            assert not may(account, "s3:GetObject", f"{bucket}/{key}")
            assert not may(account, "s3:PutObject", f"{bucket}/{key}")
        assert not may(account, "s3:ListBucket", bucket, s3_prefix="ray-bank/")
        assert not may(account, "s3:ListBucket", bucket, s3_prefix="")
        assert not may(account, "s3:ListBucket", bucket)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_pod_lists_its_own_prefix_of_a_bucket_that_it_reads(account):
    assert may(account, "s3:ListBucket", "ray-test-artifacts", s3_prefix="ray-ads/models/")


def test_serve_reads_no_data_source_and_the_others_do():
    assert {account for account in ACCOUNTS if may(account, "s3:GetObject", "acme-lake/curated/x")} == {
        "ray-head",
        "ray-worker",
        "notebook",
    }


@pytest.mark.parametrize("account", ACCOUNTS)
def test_who_writes_nothing_cannot_encrypt(account):
    key = {"kms:ResourceAliases": ["alias/ray-test-data"]}
    arn = "arn:aws:kms:us-west-2:111111111111:key/1"
    assert decide(policies(account), "kms:Decrypt", arn, key).result == "allowed"
    only_reading = iam_tenant.policies(
        account, aws=AWS, cluster="ray-test", namespace="ray-ads", buckets={"artifacts": "a"}, sources=[]
    )
    encrypts = decide(only_reading, "kms:GenerateDataKey", arn, key).result == "allowed"
    assert encrypts == (iam_tenant.access(account, "artifacts") == "write")


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_purposes_policies_have_no_wildcard_and_fit_inline(account):
    for document in policies(account).values():
        for statement in document["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            assert "*" not in statement["Resource"]
    assert sum(len(json.dumps(one, separators=(",", ":"))) for one in policies(account).values()) <= 10_240


def test_every_purpose_has_a_service_account_and_a_role_that_it_alone_may_assume():
    made = plan("prod", root=ROOT)
    roles = {role.inputs.get("name"): json.loads(role.inputs["assumeRolePolicy"]) for role in made.of_type(ROLE)}
    accounts = {
        one.inputs["metadata"]["name"]
        for one in made.of_type("kubernetes:core/v1:ServiceAccount")
        if one.inputs["metadata"]["namespace"] == "ray-research"
    }
    assert accounts == set(ACCOUNTS)
    for account in ACCOUNTS:
        (statement,) = roles[f"ray-prod-research-{account}"]["Statement"]
        assert statement["Condition"]["StringEquals"] == {
            "aws:SourceAccount": "333333333333",
            "aws:RequestTag/eks-cluster-name": "ray-prod",
            "aws:RequestTag/kubernetes-namespace": "ray-research",
            "aws:RequestTag/kubernetes-service-account": account,
        }
    bound = {
        (one.inputs["namespace"], one.inputs["serviceAccount"])
        for one in made.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    }
    assert {("ray-research", account) for account in ACCOUNTS} <= bound


def test_the_training_sample_needs_a_bucket_that_head_and_workers_write(values):
    values["storage"]["buckets"]["artifacts"] = {}
    values["samples"]["train"]["bucket"] = "artifacts"
    with pytest.raises(InvalidPlatform, match="ray-worker may not write"):
        parse(values)
