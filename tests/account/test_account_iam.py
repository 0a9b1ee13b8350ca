"""What the pipelines' roles may do and may not, decided as IAM decides it."""

import json
import re

import pytest

from infra import account_iam, account_rights
from infra.account import deploy, preview
from infra.iam import Aws, Document
from local.aws.policy import decide
from local.home import root
from rayeks.plan import plan
from rayeks.plan.constraints import check
from rayeks.preflight.actions import NEEDS, needs

AWS = Aws("111111111111", "us-west-2")
NAME = "ray-dev"
FENCE = AWS.arn("iam", f"policy/{account_iam.boundary_name(NAME)}", region=False)
DEPLOY = {"reads": account_rights.read(AWS), **deploy(AWS, "dev", NAME)}
PREVIEW = {"reads": account_rights.read(AWS), **preview(AWS, "dev")}
OWN_KEY = {"kms:ResourceAliases": [f"alias/{NAME}-data"]}
STATE_KEY = {"kms:ResourceAliases": [account_iam.KEY_ALIAS]}
REQUEST: dict[str, list[str]] = {
    "aws:RequestedRegion": ["us-west-2"],
    "iam:PermissionsBoundary": [FENCE],
    "iam:PassedToService": ["ec2.amazonaws.com"],
    "iam:AWSServiceName": ["eks.amazonaws.com"],
    **OWN_KEY,
}
READS = re.compile(r"[a-z0-9-]+:(Describe|Get|List|View)")


ACCOUNT_S_OWN = {"iam/openIdConnectProvider:OpenIdConnectProvider"}
"""What stands for the account's trust, and is not for a stack to make."""


def planned() -> list[tuple[str, str]]:
    """(action, resource) that deploying any resource type of the project takes; the pattern's `*` names nothing."""
    kinds = [(f"aws:{kind}", {"name": _named(kind)}) for kind in NEEDS if kind not in ACCOUNT_S_OWN]
    return sorted((action, arn) for arn, actions in needs(kinds, AWS, NAME).items() for action in actions)


def _named(kind: str) -> str:
    """A name as the stack gives it to such a resource."""
    return {
        "cloudwatch/logGroup:LogGroup": f"/aws/eks/{NAME}/cluster",
        "kms/alias:Alias": f"alias/{NAME}-data",
    }.get(kind, f"{NAME}-thing")


@pytest.mark.parametrize(("action", "resource"), planned())
def test_a_deployment_may_do_all_that_its_resources_take(action: str, resource: str) -> None:
    context = REQUEST | {"iam:PassedToService": ["eks.amazonaws.com"]}
    assert decide(DEPLOY, action, resource, context).result == "allowed"


@pytest.mark.parametrize(("action", "resource"), [need for need in planned() if READS.match(need[0])])
def test_a_preview_may_read_all_that_a_deployment_makes(action: str, resource: str) -> None:
    assert decide(PREVIEW, action, resource, REQUEST).result == "allowed"


@pytest.mark.parametrize(("action", "resource"), [need for need in planned() if not READS.match(need[0])])
def test_a_preview_may_change_nothing(action: str, resource: str) -> None:
    assert decide(PREVIEW, action, resource, REQUEST).result != "allowed"


SECRETS = [
    ("iam:PassRole", AWS.role("ray-dev-x")),
    ("s3:GetObject", "arn:aws:s3:::ray-dev-checkpoints-111111111111-us-west-2/a"),
    ("secretsmanager:GetSecretValue", AWS.arn("secretsmanager", "secret:ray-dev-x")),
    ("ssm:GetParameter", AWS.arn("ssm", "parameter/database/password")),
    ("sqs:ReceiveMessage", AWS.arn("sqs", "ray-dev")),
    ("kms:Decrypt", AWS.arn("kms", "key/1")),
    ("logs:GetLogEvents", AWS.arn("logs", "log-group:/aws/eks/ray-dev/cluster")),
    ("ecr:GetDownloadUrlForLayer", AWS.arn("ecr", "repository/ray-dev/x")),
    ("sts:AssumeRole", AWS.role("anything")),
]


@pytest.mark.parametrize(("action", "resource"), SECRETS)
def test_a_preview_sees_no_data_and_becomes_nobody_else(action: str, resource: str) -> None:
    assert decide(PREVIEW, action, resource, REQUEST).result != "allowed"


STATE = AWS.bucket(account_iam.state_bucket(AWS))
ESCAPES = {
    "a role without the boundary": ("iam:CreateRole", AWS.role("ray-dev-x"), {"iam:PermissionsBoundary": None}),
    "a role with another boundary": (
        "iam:CreateRole",
        AWS.role("ray-dev-x"),
        {"iam:PermissionsBoundary": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
    ),
    "rights for a role without the boundary": (
        "iam:PutRolePolicy",
        AWS.role("ray-dev-x"),
        {"iam:PermissionsBoundary": None},
    ),
    "a role of another stack": ("iam:PutRolePolicy", AWS.role("ray-prod-x"), {}),
    "a role of somebody else": ("iam:CreateRole", AWS.role("admin"), {}),
    "its own role": ("iam:PutRolePolicy", AWS.role("pulumi-ray-dev-deploy"), {}),
    "its own trust": ("iam:UpdateAssumeRolePolicy", AWS.role("pulumi-ray-dev-deploy"), {}),
    "the boundary taken off": ("iam:DeleteRolePermissionsBoundary", AWS.role("ray-dev-x"), {}),
    "the boundary widened": ("iam:CreatePolicyVersion", FENCE, {}),
    "the trust in GitHub": (
        "iam:UpdateOpenIDConnectProviderThumbprint",
        AWS.arn("iam", f"oidc-provider/{account_iam.GITHUB}", region=False),
        {},
    ),
    "a user": ("iam:CreateUser", AWS.arn("iam", "user/ray-dev-x", region=False), {}),
    "a role handed to Lambda": (
        "iam:PassRole",
        AWS.role("ray-dev-x"),
        {"iam:PassedToService": ["lambda.amazonaws.com"]},
    ),
    "another's role handed to EC2": ("iam:PassRole", AWS.role("admin"), {}),
    "becoming a role": ("sts:AssumeRole", AWS.role("ray-dev-x"), {}),
    "another region": ("ec2:CreateVpc", AWS.arn("ec2", "vpc/*"), {"aws:RequestedRegion": ["eu-west-1"]}),
    "another stack's cluster": ("eks:DeleteCluster", AWS.arn("eks", "cluster/ray-prod"), {}),
    "another's bucket": ("s3:PutObject", "arn:aws:s3:::payroll/x", {}),
    "the state bucket opened": ("s3:PutBucketPolicy", STATE, {}),
    "the state's versions off": ("s3:PutBucketVersioning", STATE, {}),
    "the state's past removed": ("s3:DeleteObjectVersion", f"{STATE}/.pulumi/stacks/ray-on-eks/dev.json", {}),
    "another stack's state": ("s3:PutObject", f"{STATE}/.pulumi/stacks/ray-on-eks/prod.json", {}),
    "the account's state": ("s3:PutObject", f"{STATE}/.pulumi/stacks/ray-on-eks-account/dev.json", {}),
    "the state's key": ("kms:ScheduleKeyDeletion", AWS.arn("kms", "key/1"), STATE_KEY),
    "the state's key, granted on": ("kms:CreateGrant", AWS.arn("kms", "key/1"), STATE_KEY),
    "the state's alias": ("kms:UpdateAlias", AWS.arn("kms", account_iam.KEY_ALIAS), {}),
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_deployment_cannot_reach(escape: str) -> None:
    action, resource, changed = ESCAPES[escape]
    context = {key: value for key, value in (REQUEST | changed).items() if value is not None}
    assert decide(DEPLOY, action, resource, context).result != "allowed"


def test_a_deployment_opens_and_seals_its_state() -> None:
    own = f"{STATE}/.pulumi/stacks/ray-on-eks/dev.json"
    assert all(decide(DEPLOY, f"s3:{verb}Object", own, {}).result == "allowed" for verb in ("Get", "Put", "Delete"))
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"):
        assert decide(DEPLOY, action, AWS.arn("kms", "key/1"), STATE_KEY).result == "allowed"
    assert decide(PREVIEW, "kms:Decrypt", AWS.arn("kms", "key/1"), STATE_KEY).result == "allowed"


@pytest.mark.parametrize(
    ("purpose", "claim", "trusted"),
    [
        ("deploy", "repo:example/ray-on-eks:environment:dev", True),
        ("deploy", "repo:example/ray-on-eks:environment:prod", False),
        ("deploy", "repo:example/ray-on-eks:ref:refs/heads/main", False),
        ("deploy", "repo:example/ray-on-eks:pull_request", False),
        ("deploy", "repo:stranger/ray-on-eks:environment:dev", False),
        ("preview", "repo:example/ray-on-eks:pull_request", True),
        ("preview", "repo:example/ray-on-eks:ref:refs/heads/main", True),
        ("preview", "repo:example/ray-on-eks:ref:refs/heads/topic", False),
        ("preview", "repo:example/ray-on-eks-fork:pull_request", False),
    ],
)
def test_only_a_job_of_the_repository_and_environment_holds_a_role(
    purpose: account_iam.Purpose, claim: str, trusted: bool
) -> None:
    trust = account_iam.github_trust(AWS, account_iam.subjects("example/ray-on-eks", "dev", purpose))
    action = "sts:AssumeRoleWithWebIdentity"
    context = {f"{account_iam.GITHUB}:aud": ["sts.amazonaws.com"], f"{account_iam.GITHUB}:sub": [claim]}
    assert (decide({"trust": trust}, action, "", context).result == "allowed") is trusted
    context[f"{account_iam.GITHUB}:aud"] = ["somebody.else"]
    assert decide({"trust": trust}, action, "", context).result != "allowed"


def test_the_boundary_lets_every_role_of_the_stacks_do_its_work() -> None:
    found = 0
    for stack in ("dev", "prod"):
        made = plan(stack, root=root())
        name = json.loads(made.config["ray-on-eks:platform"])["name"]
        aws = Aws(json.loads(made.config["aws:allowedAccountIds"])[0], made.config["aws:region"])
        fence = {"fence": account_iam.boundary(aws, name)}
        for policy in made.of_type("aws:iam/rolePolicy:RolePolicy"):
            text = policy.inputs["policy"]
            for statement in json.loads(text)["Statement"]:
                for action in statement["Action"]:
                    for resource in statement["Resource"]:
                        context = {"iam:PassedToService": ["ec2.amazonaws.com"]}
                        assert decide(fence, action, resource, context).result == "allowed", (action, resource)
                        found += 1
    assert found > 100


def test_documents_fit_what_iam_takes() -> None:
    def length(document: Document) -> int:
        return len(json.dumps(document, separators=(",", ":")))

    longest = "n" * 40
    for policies in (deploy(AWS, "s" * 40, longest), preview(AWS, "s" * 40)):
        assert sum(map(length, policies.values())) <= 10_240, "characters of a role's inline policies"
    for document in (account_rights.read(AWS), account_iam.boundary(AWS, longest)):
        assert length(document) <= 6_144, "characters of a managed policy"


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_aws_would_refuse_nothing_of_an_account(stack: str) -> None:
    made = plan(stack, root=root() / "account")
    assert check(made) == []
    (bucket,) = made.of_type("aws:s3/bucket:Bucket")
    (key,) = made.of_type("aws:kms/key:Key")
    assert bucket.protect and key.protect
    assert bucket.inputs["bucket"].startswith("pulumi-state-")


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_an_account_serves_the_stack_whose_account_it_is(stack: str) -> None:
    account, served = (plan(stack, root=folder).config for folder in (root() / "account", root()))
    assert account["aws:allowedAccountIds"] == served["aws:allowedAccountIds"]
    assert account["aws:region"] == served["aws:region"]
    names = json.loads(account["ray-on-eks-account:account"])["stacks"]
    assert names == {stack: json.loads(served["ray-on-eks:platform"])["name"]}


def test_the_program_stays_an_overview() -> None:
    assert len((root() / "account" / "__main__.py").read_text().splitlines()) < 60
