"""The whole preflight: it passes on a ready account, changes nothing, and no refusal passes for an answer."""

import json
import re

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from rich.console import Console

from rayeks.errors import UserError
from rayeks.preflight import Account, Report, Status, preflight
from rayeks.preflight.model import CHECKS, Ground
from rayeks.preflight.render import document, render
from tests.rayeks.preflight.conftest import ACCOUNT, REGION

READ_ONLY = re.compile(r"^(Describe|Get|List|Simulate|Search)[A-Z]")


@pytest.fixture(scope="module")
def ready(planned, clients, _answers) -> tuple[Report, list[tuple[str, str]]]:
    """The report of all checks on an account that is ready, and every operation that it took."""
    clients.empty()
    _answers.reset()
    return preflight(planned, Account(clients, region=REGION)), list(_answers.called)


def test_a_ready_account_passes_every_check(ready) -> None:
    report, _ = ready
    assert [f.to_json() for f in report.findings if f.status is not Status.PASS] == []
    assert report.ok
    assert {finding.check for finding in report.findings} == {
        name for name, check in CHECKS.items() if check.of is Ground.AWS
    }
    assert (report.about["account"], report.about["region"], report.stack) == (ACCOUNT, REGION, "test")


def test_no_call_of_a_whole_preflight_could_change_anything(ready) -> None:
    _, called = ready
    assert len(set(called)) > 20
    assert [call for call in called if not READ_ONLY.match(call[1])] == []


def test_an_operation_that_could_change_something_is_refused_before_it_is_called(clients, answers) -> None:
    with pytest.raises(ValueError, match="may change something"):
        Account(clients, region=REGION).read("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
    assert answers.called == []


def test_every_question_is_asked_once_however_many_checks_ask_it(ready) -> None:
    _, called = ready
    assert called.count(("ec2", "DescribeVpcs")) == 1
    assert called.count(("sts", "GetCallerIdentity")) == 1


def test_each_check_that_is_denied_its_first_question_names_the_missing_action_and_does_not_pass(
    aws, ask, answers
) -> None:
    first = {
        "region": ("ec2", "DescribeRegions", "ec2:DescribeRegions"),
        "kubernetes": ("eks", "DescribeClusterVersions", "eks:DescribeClusterVersions"),
        "addons": ("eks", "DescribeAddonVersions", "eks:DescribeAddonVersions"),
        "addon-values": ("eks", "DescribeAddonConfiguration", "eks:DescribeAddonConfiguration"),
        "machines": ("ec2", "DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypeOfferings"),
        "efa": ("ec2", "DescribeInstanceTypes", "ec2:DescribeInstanceTypes"),
        "vcpu-quotas": ("service-quotas", "GetServiceQuota", "servicequotas:GetServiceQuota"),
        "quotas": ("service-quotas", "GetServiceQuota", "servicequotas:GetServiceQuota"),
        "cidr": ("ec2", "DescribeVpcs", "ec2:DescribeVpcs"),
        "images": ("ssm", "GetParameter", "ssm:GetParameter"),
        "names": ("eks", "DescribeCluster", "eks:DescribeCluster"),
        "spot-role": ("iam", "ListRoles", "iam:ListRoles"),
    }
    for name, (service, operation, action) in first.items():
        answers.reset()
        answers.refuse(service, operation, "AccessDeniedException", status=403)
        report = ask(name)
        denied = [finding for finding in report.findings if finding.status is Status.UNKNOWN]
        assert len(denied) == 1, name
        assert action in denied[0].message
        assert action in denied[0].fix
        assert not report.ok, name


def test_the_action_that_aws_names_in_its_refusal_is_the_one_that_is_told(aws, find, answers) -> None:
    answers.refuse(
        "ec2",
        "DescribeVpcs",
        "UnauthorizedOperation",
        "User: arn:aws:iam::1:user/dev is not authorized to perform: ec2:DescribeVpcs with an explicit deny",
    )
    (finding,) = find("cidr")
    assert "ec2:DescribeVpcs is denied explicitly" in finding.message


def test_an_advisory_check_that_is_denied_warns(aws, ask, answers) -> None:
    answers.refuse("iam", "SimulatePrincipalPolicy", "AccessDenied", status=403)
    answers.refuse("ce", "ListCostAllocationTags", "AccessDeniedException", "Linked account doesn't have access")
    answers.refuse("sns", "ListSubscriptionsByTopic", "AuthorizationError", status=403)
    report = ask("rights", "cost-tags", "budgets")
    assert {(f.check, f.status) for f in report.findings} == {
        ("rights", Status.WARN),
        ("cost-tags", Status.WARN),
        ("budgets", Status.WARN),
    }
    assert "iam:SimulatePrincipalPolicy" in report.findings[0].fix
    assert report.ok
    assert not ask("rights", strict=True).ok


def test_an_endpoint_that_does_not_answer_is_no_pass_and_no_crash(aws, ask, answers, endpoint) -> None:
    answers.give("ec2", "DescribeVpcs", EndpointConnectionError(endpoint_url=endpoint))
    report = ask("cidr", "kubernetes")
    by_check = {finding.check: finding for finding in report.findings}
    assert by_check["cidr"].status is Status.UNKNOWN
    assert endpoint in by_check["cidr"].message
    assert "AWS_ENDPOINT_URL" in by_check["cidr"].fix
    assert by_check["kubernetes"].status is Status.PASS


def test_an_endpoint_that_did_not_answer_is_not_waited_for_again(aws, ask, answers, endpoint) -> None:
    answers.give("service-quotas", "GetServiceQuota", EndpointConnectionError(endpoint_url=endpoint))
    (finding,) = ask("quotas").findings
    assert finding.status is Status.UNKNOWN
    assert answers.called.count(("service-quotas", "GetServiceQuota")) == 2, "once in the region, once at home"


def test_without_credentials_one_finding_says_so_and_nothing_else_is_asked(ask, answers) -> None:
    answers.give("sts", "GetCallerIdentity", NoCredentialsError())
    report = ask()
    assert not [finding for finding in report.findings if finding.status in (Status.PASS, Status.FAIL)]
    identity = next(finding for finding in report.findings if finding.check == "identity")
    assert "no AWS credentials" in identity.message
    assert "aws sso login" in identity.fix
    assert set(answers.called) == {("sts", "GetCallerIdentity")}
    assert not report.ok


def test_credentials_that_have_expired_are_told_from_missing_rights(ask, answers) -> None:
    answers.refuse("sts", "GetCallerIdentity", "ExpiredToken", "The security token is expired", status=403)
    (finding,) = ask("identity").findings
    assert "ExpiredToken" in finding.message
    assert "aws sso login" in finding.fix


def test_what_a_check_found_before_it_was_refused_stays(aws, find, answers) -> None:
    answers.refuse("ec2", "DescribeAvailabilityZones", "UnauthorizedOperation")
    assert [finding.status for finding in find("region")] == [Status.PASS, Status.UNKNOWN]


def test_a_fault_in_a_check_is_that_checks_finding(aws, ask, answers, capsys) -> None:
    answers.give("eks", "DescribeClusterVersions", {"clusterVersions": [{"strange": "document"}]})
    report = ask("kubernetes", "cidr")
    assert report.findings[0].status is Status.UNKNOWN
    assert "KeyError" in report.findings[0].message
    assert report.findings[1].status is Status.PASS
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_check_is_refused_with_the_names_there_are(ask) -> None:
    with pytest.raises(UserError) as refused:
        ask("vcpus")
    assert "no check 'vcpus'" in str(refused.value)
    assert "vcpu-quotas" in str(refused.value)


def test_the_document_for_machines_holds_every_finding(aws, ask) -> None:
    report = ask("identity", "kubernetes")
    told = json.loads(document(report))
    assert told["ok"] is True
    assert told["counts"]["pass"] == len(told["findings"]) == 2
    assert told["checks"] == ["identity", "kubernetes"]
    assert set(told["findings"][0]) == {"check", "status", "subject", "message", "fix"}


def test_the_table_names_the_fix_of_whatever_did_not_pass(aws, ask, answers) -> None:
    answers.quota("L-0263D0A3", 1)
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(render(ask("quotas", "addons")))
    text = console.export_text()
    assert "not ready" in text
    assert "fix: aws service-quotas request-service-quota-increase" in text
    assert re.search(r"pass +addons +\d+: ", text)
