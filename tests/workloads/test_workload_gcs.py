"""A service whose head may be lost: its state in a Redis, the password out of sight, and a way to it for its team."""

from typing import Any

import pytest

from infra import samples, tenancy_aws
from infra.config import InvalidPlatform, parse
from infra.config.samples import Samples
from tests.infra.conftest import VALUES

ADDRESS = "rediss://master.ray-gcs.abc123.usw2.cache.amazonaws.com:6380"
SERVE = {"tenant": "research", "models": "artifacts"}


def manifest(**gcs: Any) -> dict[str, Any]:
    chosen = Samples.model_validate({"serve": SERVE | ({"gcs": gcs} if gcs else {})})
    return samples.manifest(samples.specs(chosen, samples.ANY_NAMES)["serve"])


def test_without_it_nothing_is_said_of_it() -> None:
    assert "gcsFaultToleranceOptions" not in manifest()["spec"]["rayClusterConfig"]


def test_kuberay_is_told_where_the_state_lies_and_never_the_password(complaints) -> None:
    made = manifest(address=ADDRESS, secret="gcs")
    assert complaints(made) == []
    assert made["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"] == {
        "redisAddress": ADDRESS,
        "redisPassword": {"valueFrom": {"secretKeyRef": {"name": "gcs", "key": "password"}}},
    }
    assert complaints(manifest(address=ADDRESS)) == []


def values(serve: dict[str, Any]) -> dict[str, Any]:
    tenants = {name: {"cost_center": name, "quota": {"gpus": 0}} for name in ("research", "ads")}
    storage = {"buckets": {"checkpoints": {}, "artifacts": {}}}
    return VALUES | {"samples": {"serve": serve}, "tenants": tenants, "storage": storage}


def test_the_team_of_the_service_and_no_other_is_let_out_to_it() -> None:
    walls = tenancy_aws.walls(parse(values(SERVE | {"gcs": {"address": ADDRESS}})))
    assert "data" not in walls["ads"]
    (rule,) = walls["research"]["data"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 6380}]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.0.0.0/16"}}]


@pytest.mark.parametrize("address", ["redis:6379", "rediss://host", "http://host:80", "rediss://host:port"])
def test_an_address_that_is_none_is_refused_with_its_path(address: str) -> None:
    with pytest.raises(InvalidPlatform) as told:
        parse(values(SERVE | {"gcs": {"address": address}}))
    assert [problem.path for problem in told.value.problems] == ["samples.serve.gcs.address"]
