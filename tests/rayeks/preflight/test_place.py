"""The right account, an enabled region, usable zones, an offered Kubernetes, offered add-ons."""

from datetime import UTC, datetime, timedelta

import pytest

from rayeks.preflight import Status
from tests.rayeks.preflight.conftest import ACCOUNT, REGION, only


def test_another_account_fails_with_both_numbers_and_where_to_mend_it(find, answers) -> None:
    answers.give("sts", "GetCallerIdentity", {"Account": "999999999999", "Arn": "arn:aws:iam::999999999999:user/me"})
    finding = only(find("identity"))
    assert finding.status is Status.FAIL
    assert ACCOUNT in finding.message
    assert "999999999999" in finding.message
    assert "Pulumi.test.yaml" in finding.fix


def test_the_root_user_is_warned_of(find, answers) -> None:
    answers.give("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"})
    assert only(find("identity")).status is Status.WARN


def test_a_region_that_is_not_enabled_fails_with_the_command_that_enables_it(find, answers) -> None:
    answers.give("ec2", "DescribeRegions", {"Regions": [{"RegionName": REGION, "OptInStatus": "not-opted-in"}]})
    finding = only(find("region"))
    assert finding.status is Status.FAIL
    assert f"enable-region --region-name {REGION}" in finding.fix


def test_a_region_that_takes_no_credentials_is_told_as_not_enabled(find, answers) -> None:
    answers.refuse("ec2", "DescribeRegions", "AuthFailure", "AWS was not able to validate the credentials")
    finding = only(find("region"))
    assert finding.status is Status.UNKNOWN
    assert f"enable {REGION} for the account" in finding.fix


@pytest.mark.parametrize(
    ("zone", "reason"),
    [
        ({"State": "impaired"}, "impaired"),
        ({"ZoneType": "local-zone"}, "local-zone"),
        ({"OptInStatus": "not-opted-in"}, "not enabled"),
        ({"ZoneId": "use1-az3"}, "EKS takes no subnet"),
    ],
)
def test_a_zone_that_cannot_be_used_fails_and_the_usable_ones_are_named(find, answers, zone, reason) -> None:
    good = [{"ZoneName": f"us-west-2{letter}", "State": "available", "ZoneId": f"usw2-{letter}"} for letter in "bcd"]
    bad = {"ZoneName": "us-west-2a", "State": "available", "ZoneId": "usw2-az2"} | zone
    answers.give("ec2", "DescribeAvailabilityZones", {"AvailabilityZones": [bad, *good]})
    finding = only(find("region"))
    assert (finding.status, finding.subject) == (Status.FAIL, "us-west-2a")
    assert reason in finding.message
    assert "us-west-2b, us-west-2c, us-west-2d" in finding.fix


def test_a_zone_that_is_not_there_fails(find, answers) -> None:
    answers.give("ec2", "DescribeAvailabilityZones", {"AvailabilityZones": []})
    assert [f.subject for f in find("region") if f.status is Status.FAIL] == ["us-west-2a", "us-west-2b", "us-west-2c"]


def _version(**about) -> dict:
    end = datetime.now(UTC) + timedelta(days=400)
    return {
        "clusterVersions": [
            {"clusterVersion": "1.35", "versionStatus": "STANDARD_SUPPORT", "endOfStandardSupportDate": end} | about,
            {"clusterVersion": "1.36", "versionStatus": "STANDARD_SUPPORT", "endOfStandardSupportDate": end},
        ]
    }


def test_a_version_in_standard_support_passes_with_its_end(find, answers) -> None:
    answers.give("eks", "DescribeClusterVersions", _version())
    (finding,) = find("kubernetes")
    assert finding.status is Status.PASS
    assert "until 20" in finding.message


def test_a_version_that_leaves_standard_support_soon_is_warned_of_with_its_end(find, answers) -> None:
    soon = datetime.now(UTC) + timedelta(days=30, hours=1)
    answers.give("eks", "DescribeClusterVersions", _version(endOfStandardSupportDate=soon))
    finding = only(find("kubernetes"))
    assert finding.status is Status.WARN
    assert f"in 30 days, on {soon:%Y-%m-%d}" in finding.message
    assert "1.36" in finding.fix


def test_a_version_out_of_standard_support_fails(find, answers) -> None:
    answers.give("eks", "DescribeClusterVersions", _version(versionStatus="EXTENDED_SUPPORT"))
    finding = only(find("kubernetes"))
    assert finding.status is Status.FAIL
    assert "extended support" in finding.message
    assert finding.fix == "set cluster.version to one of: 1.36"


def test_a_version_that_eks_does_not_offer_fails(find, answers) -> None:
    answers.give("eks", "DescribeClusterVersions", {"clusterVersions": []})
    assert only(find("kubernetes")).status is Status.FAIL


def _addons(find_versions) -> dict:
    return {
        "addons": [
            {"addonName": name, "addonVersions": [{"addonVersion": version} for version in versions]}
            for name, versions in find_versions.items()
        ]
    }


def test_an_addon_version_that_is_not_offered_fails_with_those_that_are(aws, find, answers, planned) -> None:
    pinned = {i["addonName"]: [i["addonVersion"]] for _, i in planned.inputs("aws:eks/addon:Addon")}
    answers.give("eks", "DescribeAddonVersions", _addons(pinned | {"coredns": ["v1.99.0-eksbuild.1"]}))
    finding = only(find("addons"))
    assert (finding.status, finding.subject) == (Status.FAIL, "coredns")
    assert "v1.99.0-eksbuild.1" in finding.fix
    assert "infra/versions.py" in finding.fix


def test_an_addon_that_eks_does_not_have_fails(aws, find, answers, planned) -> None:
    pinned = {i["addonName"]: [i["addonVersion"]] for _, i in planned.inputs("aws:eks/addon:Addon")}
    del pinned["vpc-cni"]
    answers.give("eks", "DescribeAddonVersions", _addons(pinned))
    assert only(find("addons")).subject == "vpc-cni"


def test_values_that_the_addons_schema_refuses_fail_with_their_path(aws, find, answers) -> None:
    closed = '{"type": "object", "properties": {"env": {"type": "string"}}, "additionalProperties": true}'

    def schema(asked: dict) -> dict | None:
        return {"configurationSchema": closed} if asked["addonName"] == "vpc-cni" else None

    answers.give("eks", "DescribeAddonConfiguration", schema)
    finding = only(find("addon-values"))
    assert (finding.status, finding.subject) == (Status.FAIL, "vpc-cni")
    assert "$.env" in finding.message
    assert "describe-addon-configuration" in finding.fix
