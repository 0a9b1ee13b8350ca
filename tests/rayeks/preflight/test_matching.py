"""Which instance types fit a pool, by the labels that Karpenter gives them."""

import gzip
import json
from fnmatch import fnmatch
from importlib import resources
from typing import Any

import pytest

from infra.config import parse
from rayeks.preflight import matching
from rayeks.preflight.demand import pool_types, requirements_of
from tests.rayeks.preflight.conftest import values


@pytest.fixture(scope="module")
def ec2() -> dict[str, dict[str, Any]]:
    """Every instance type as EC2 describes it."""
    data = resources.files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    return json.loads(gzip.decompress(data))


@pytest.mark.parametrize(
    ("kind", "label", "value"),
    [
        ("m7i.large", "instance-category", "m"),
        ("m7i.large", "instance-generation", "7"),
        ("m7i-flex.large", "instance-family", "m7i-flex"),
        ("c8gn.metal-48xl", "instance-size", "metal-48xl"),
        ("u-6tb1.56xlarge", "instance-category", "u"),
        ("u-6tb1.56xlarge", "instance-generation", "1"),
        ("im4gn.large", "instance-category", "im"),
        ("p6-b200.48xlarge", "instance-category", "p"),
        ("p6-b200.48xlarge", "instance-generation", "6"),
        ("g6e.xlarge", "instance-gpu-name", "l40s"),
        ("p5.48xlarge", "instance-gpu-count", "8"),
        ("i4i.large", "instance-local-nvme", "468"),
        ("m7i.large", "instance-local-nvme", None),
        ("m7i.large", "instance-gpu-count", None),
        ("t2.micro", "instance-hypervisor", "xen"),
    ],
)
def test_a_type_has_the_labels_of_karpenter(ec2, kind: str, label: str, value: str | None) -> None:
    assert matching.labels(ec2[kind]).get(f"karpenter.k8s.aws/{label}") == value


@pytest.mark.parametrize(
    ("operator", "given", "fits"),
    [
        ("In", ["4", "8"], True),
        ("NotIn", ["8"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["8"], False),
        ("Gte", ["8"], True),
        ("Lt", ["16"], True),
        ("Lte", ["7"], False),
    ],
)
def test_the_operators_compare_as_karpenter_does(operator: str, given: list[str], fits: bool) -> None:
    requirement = {"key": "karpenter.k8s.aws/instance-cpu", "operator": operator, "values": given}
    assert matching.satisfies({"karpenter.k8s.aws/instance-cpu": "8"}, [requirement]) is fits


def test_numbers_of_what_is_not_there_never_fit() -> None:
    requirement = {"key": "karpenter.k8s.aws/instance-local-nvme", "operator": "Gte", "values": ["0"]}
    assert not matching.satisfies({}, [requirement])


@pytest.mark.parametrize("name", ["ray-head", "ray-cpu", "ray-gpu-infer", "ray-gpu-train"])
def test_the_filters_of_a_pool_let_through_every_type_that_fits(ec2, name: str) -> None:
    pool = parse(values()).pools[name]
    fits = set(pool_types(name, pool, ec2))
    assert fits
    assert fits <= {
        kind for kind, about in ec2.items() if _passes(about, matching.filters(requirements_of(name, pool)))
    }


def _passes(about: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    """As EC2 filters: one value of each filter fits, with wildcards."""
    found = {
        "instance-type": [about["InstanceType"]],
        "processor-info.supported-architecture": about["ProcessorInfo"]["SupportedArchitectures"],
        "vcpu-info.default-vcpus": [str(about["VCpuInfo"]["DefaultVCpus"])],
    }
    return all(
        any(fnmatch(value, wanted) for value in found[item["Name"]] for wanted in item["Values"]) for item in filters
    )
