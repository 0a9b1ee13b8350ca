"""What a proof reads from the API server, on objects as Karpenter writes them."""

from typing import Any

import pytest

from rayeks.proof.cluster import Cluster


def claim(name: str, **conditions: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"karpenter.sh/nodepool": "ray-cpu"}},
        "status": {
            "conditions": [
                {"type": kind, "status": status, "message": message} for kind, (status, message) in conditions.items()
            ]
        },
    }


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The NodeClaims of a cluster that nobody has to run."""
    held: list[dict[str, Any]] = []
    monkeypatch.setattr(Cluster, "__init__", lambda self: None)
    monkeypatch.setattr(Cluster, "listed", lambda self, path, selector="": held if "nodeclaims" in path else [])
    return held


def test_a_machine_that_has_not_joined_is_told_with_karpenter_s_words(claims: list[dict[str, Any]]):
    claims.append(claim("ray-cpu-x", Launched=("True", ""), Registered=("Unknown", "Node not registered with cluster")))
    (said,) = Cluster().unjoined()  # ty: ignore[missing-argument]
    assert (
        said == "machine ray-cpu-x of ray-cpu (launched) has not joined the cluster: Node not registered with cluster"
    )


def test_one_that_was_never_launched_says_why(claims: list[dict[str, Any]]):
    claims.append(claim("ray-cpu-y", Launched=("False", "no capacity in us-west-2a")))
    (said,) = Cluster().unjoined()  # ty: ignore[missing-argument]
    assert "no capacity in us-west-2a" in said and "Registered is Unknown" in said


def test_a_machine_that_joined_and_one_that_goes_are_not_told(claims: list[dict[str, Any]]):
    claims.append(claim("ray-cpu-x", Launched=("True", ""), Registered=("True", "")))
    going = claim("ray-cpu-z", Launched=("True", ""))
    going["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"
    claims.append(going)
    assert Cluster().unjoined() == []  # ty: ignore[missing-argument]
