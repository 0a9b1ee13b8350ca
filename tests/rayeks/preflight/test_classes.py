"""Which quota an instance type counts against."""

import pytest

from infra import instances
from rayeks.preflight.classes import ON_DEMAND, ON_DEMAND_QUOTAS, SPOT, SPOT_QUOTAS, instance_class, quota


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("m7i.large", "standard"),
        ("im4gn.large", "standard"),
        ("is4gen.large", "standard"),
        ("t3.micro", "standard"),
        ("trn1.32xlarge", "trn"),
        ("inf2.xlarge", "inf"),
        ("g6e.48xlarge", "g"),
        ("gr6.4xlarge", "g"),
        ("vt1.3xlarge", "g"),
        ("p6-b200.48xlarge", "p"),
        ("u-6tb1.metal", "high-memory"),
        ("u7i-12tb.224xlarge", "high-memory"),
        ("x2idn.metal", "x"),
        ("f2.6xlarge", "f"),
        ("dl2q.24xlarge", "dl"),
        ("hpc7a.96xlarge", "hpc"),
        ("mac2.metal", None),
    ],
)
def test_a_type_is_counted_in_its_class(kind: str, wanted: str | None) -> None:
    assert instance_class(kind) == wanted


def test_every_family_of_ec2_has_a_class_but_mac() -> None:
    unknown = {family for family in instances.families() if instance_class(f"{family}.large") is None}
    assert {family[:3] for family in unknown} == {"mac"}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("p4d.24xlarge", "L-7212CCBC"),
        ("p3dn.24xlarge", "L-7212CCBC"),
        ("p5.48xlarge", "L-C4BD4855"),
        ("p5en.48xlarge", "L-C4BD4855"),
        ("p6-b200.48xlarge", ""),
        ("g6.xlarge", "L-3819A6DF"),
        ("m7i.large", "L-34B43A08"),
    ],
)
def test_spot_is_counted_by_generation_where_ec2_does(kind: str, code: str) -> None:
    found = quota(kind, SPOT)
    assert found is not None
    assert found.code == code


def test_on_demand_p_is_one_quota_whatever_the_generation() -> None:
    assert quota("p4d.24xlarge", ON_DEMAND) == quota("p6-b300.48xlarge", ON_DEMAND) == ON_DEMAND_QUOTAS["p"]


def test_no_code_stands_for_two_quotas() -> None:
    codes = [item.code for item in [*ON_DEMAND_QUOTAS.values(), *SPOT_QUOTAS.values()] if item.code]
    assert len(codes) == len(set(codes))
