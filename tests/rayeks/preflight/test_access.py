"""Who the cluster lets in, and the boundary around its roles."""

from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import ACCOUNT, only

TRUST = '{"Version": "2012-10-17", "Statement": []}'


def arn(resource: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{resource}"


def entry(resource: str, role: str = "view") -> dict[str, str]:
    return {"principal": arn(resource), "role": role}


def test_a_deployer_who_administers_the_cluster_passes(aws, find) -> None:
    statuses = {finding.subject: finding.status for finding in find("access")}
    assert statuses == {"cluster.access.admins": Status.PASS, arn("user/dev"): Status.PASS}


def test_a_principal_that_is_not_there_fails_with_its_path(aws, find) -> None:
    finding = only(find("access", cluster__access__oncall=entry("role/oncall")))
    assert (finding.status, finding.subject) == (Status.FAIL, "cluster.access.oncall")
    assert "EKS would refuse" in finding.message


def test_the_pipelines_roles_that_are_not_there_are_the_bootstraps_to_make(aws, find) -> None:
    finding = only(find("access", cluster__access__deploy=entry("role/pulumi-ray-test-deploy", "admin")))
    assert (finding.status, finding.fix) == (Status.FAIL, "rayeks bootstrap test")


def test_a_team_member_who_is_not_there_fails_with_the_place_in_the_list(aws, find) -> None:
    finding = only(find("access", tenants__research__people={"developers": [arn("user/dev2")]}))
    assert (finding.status, finding.subject) == (Status.FAIL, "tenants.research.people.developers[0]")


def test_a_role_that_is_named_without_its_path_is_told_its_whole_arn(aws, find) -> None:
    aws("iam").create_role(RoleName="oncall", Path="/teams/", AssumeRolePolicyDocument=TRUST)
    finding = only(find("access", cluster__access__oncall=entry("role/oncall")))
    assert (finding.status, finding.fix) == (Status.FAIL, f"write {arn('role/teams/oncall')}")


def test_a_principal_of_another_account_is_taken_as_eks_takes_it(aws, find) -> None:
    other = {"principal": "arn:aws:iam::999999999999:role/auditor", "role": "view"}
    assert {finding.status for finding in find("access", cluster__access__auditor=other)} == {Status.PASS}


def test_a_deployer_whom_the_cluster_would_not_let_in_is_warned(aws, find, answers) -> None:
    answers.give("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": arn("user/somebody")})
    finding = only(find("access"))
    assert (finding.status, finding.subject) == (Status.WARN, arn("user/somebody"))
    assert arn("user/dev") in finding.fix


def test_an_identity_without_a_role_is_warned_that_nobody_can_tell(aws, find, answers) -> None:
    federated = f"arn:aws:sts::{ACCOUNT}:federated-user/me"
    answers.give("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": federated})
    assert only(find("access")).status is Status.WARN


def test_a_boundary_that_the_account_lacks_fails_until_it_is_made(aws, find) -> None:
    finding = only(find("boundary", permissions_boundary="pulumi-ray-test-boundary"))
    assert (finding.status, finding.subject) == (Status.FAIL, "pulumi-ray-test-boundary")
    assert "rayeks bootstrap test" in finding.fix
    document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    aws("iam").create_policy(PolicyName="pulumi-ray-test-boundary", PolicyDocument=document)
    (found,) = find("boundary", permissions_boundary="pulumi-ray-test-boundary")
    assert found.status is Status.PASS
