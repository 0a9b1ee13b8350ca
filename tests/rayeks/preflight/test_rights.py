"""The deployer's rights, and the list of what each planned type needs."""

from typing import Any

import botocore.session

from infra.iam import Aws
from local.home import root
from rayeks.plan import plan
from rayeks.preflight import Status
from rayeks.preflight.actions import NEEDS, needs, unlisted
from tests.rayeks.preflight.conftest import ACCOUNT, allowed, only

AWS = Aws("111111111111", "us-west-2")
IAM_ONLY = {
    "iam:PassRole",
    "s3:ListBucket",
    "s3:PutEncryptionConfiguration",
    "s3:GetEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketPublicAccessBlock",
    "budgets:ModifyBudget",
    "budgets:ViewBudget",
}
"""Actions of IAM that are no operation of the API. Source: service authorization reference."""
ENDPOINTS = {"elasticfilesystem": "efs"}


def decided(**decisions: str) -> Any:
    """A simulation in which all is allowed but the actions named here, `ec2_CreateVpc="implicitDeny"`."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        found = allowed(asked)
        for result in found["EvaluationResults"]:
            decision = decisions.get(result["EvalActionName"].replace(":", "_"))
            result |= {"EvalDecision": decision} if decision else {}
        return found

    return answer


def test_denied_actions_fail_by_service_with_who_needs_them(find, answers) -> None:
    answers.give(
        "iam",
        "SimulatePrincipalPolicy",
        decided(ec2_CreateVpc="implicitDeny", ec2_CreateSubnet="explicitDeny", eks_CreateCluster="implicitDeny"),
    )
    found = {finding.subject: finding for finding in find("rights")}
    subnets = found[f"ec2 on arn:aws:ec2:us-west-2:{ACCOUNT}:subnet/*"]
    assert (subnets.status, subnets.message) == (Status.FAIL, "denied: CreateSubnet (explicitly)")
    assert f"arn:aws:iam::{ACCOUNT}:user/dev" in subnets.fix
    assert f"ec2 on arn:aws:ec2:us-west-2:{ACCOUNT}:vpc/*" in found
    cluster = f"eks on arn:aws:eks:us-west-2:{ACCOUNT}:cluster/ray-test"
    assert "CreateCluster" in found[cluster].message


def test_a_decision_that_hangs_on_a_condition_is_warned_of(find, answers) -> None:
    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        found = allowed(asked)
        for result in found["EvaluationResults"]:
            if result["EvalActionName"] == "ec2:CreateVpc":
                result |= {"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:RequestTag/team"]}
        return found

    answers.give("iam", "SimulatePrincipalPolicy", answer)
    finding = only(find("rights"))
    assert (finding.status, finding.subject) == (Status.WARN, "ec2:CreateVpc")
    assert "aws:RequestTag/team" in finding.message


def test_the_region_is_told_to_the_simulation(find, answers) -> None:
    seen: list[Any] = []

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        seen.append(asked)
        return allowed(asked)

    answers.give("iam", "SimulatePrincipalPolicy", answer)
    find("rights")
    assert {entry["ContextKeyName"] for asked in seen for entry in asked["ContextEntries"]} == {"aws:RequestedRegion"}


def test_a_session_is_simulated_as_the_role_behind_it_with_its_path(aws, find, answers) -> None:
    trust = '{"Version": "2012-10-17", "Statement": []}'
    role = aws("iam").create_role(RoleName="deploy", Path="/teams/ml/", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/me@example.com"
    answers.give("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": session})
    (finding,) = find("rights")
    assert (finding.status, finding.subject) == (Status.PASS, role)


def test_a_federated_user_is_warned_that_nobody_can_tell(find, answers) -> None:
    federated = f"arn:aws:sts::{ACCOUNT}:federated-user/me"
    answers.give("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": federated})
    assert only(find("rights")).status is Status.WARN


def test_needs_are_asked_for_the_names_that_the_stack_gives() -> None:
    group = ("aws:cloudwatch/logGroup:LogGroup", {"name": "/aws/eks/ray/cluster"})
    found = needs([("aws:iam/role:Role", {"name": "ray-node"}), ("aws:s3/bucket:Bucket", {}), group], AWS, "ray")
    assert "iam:CreateRole" in found["arn:aws:iam::111111111111:role/ray-*"]
    assert "s3:CreateBucket" in found["arn:aws:s3:::ray-*"]
    assert "logs:CreateLogGroup" in found["arn:aws:logs:us-west-2:111111111111:log-group:/aws/eks/ray/cluster"]


def test_every_type_that_a_stack_plans_has_its_needs_listed(planned) -> None:
    prod = plan("prod", root=root())
    types = {resource.type for resource in (*planned.plan.resources, *prod.resources) if resource.custom}
    assert unlisted(types) == []


def test_a_type_that_nobody_listed_is_named() -> None:
    assert unlisted(["aws:new/thing:Thing", "kubernetes:core/v1:Namespace"]) == ["aws:new/thing:Thing"]


def test_every_action_is_an_operation_of_its_service_or_known_to_iam_alone() -> None:
    session = botocore.session.get_session()
    actions = {action for kinds in NEEDS.values() for need in kinds for action in need.actions}
    wrong = []
    for action in sorted(actions - IAM_ONLY):
        prefix, operation = action.split(":")
        if operation not in session.get_service_model(ENDPOINTS.get(prefix, prefix)).operation_names:
            wrong.append(action)
    assert wrong == []
