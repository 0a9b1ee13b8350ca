"""A stack file that is right, for tests that make one thing wrong."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

VALUES: dict[str, Any] = {
    "name": "ray-test",
    "environment": "dev",
    "region": "us-west-2",
    "account": "111111111111",
    "network": {"cidr": "10.0.0.0/16", "zones": ["us-west-2a", "us-west-2b", "us-west-2c"]},
    "cluster": {
        "public_access_cidrs": ["203.0.113.0/24"],
        "access": {"platform": {"principal": "arn:aws:iam::111111111111:role/admin", "role": "admin"}},
    },
    "node_groups": {"system": {"instance_types": ["m7i.large"], "min": 2, "desired": 2, "max": 3}},
    "placement_groups": {"train": {}},
    "pools": {
        "ray-head": {"kind": "ray-head", "limits": {"cpu": 32, "memory_gib": 128}},
        "ray-cpu": {"kind": "ray-cpu", "limits": {"cpu": 64, "memory_gib": 256}},
        "ray-data": {"kind": "ray-data", "limits": {"cpu": 64, "memory_gib": 512}},
        "ray-gpu-infer": {"kind": "ray-gpu-infer", "limits": {"cpu": 64, "memory_gib": 512, "gpus": 4}},
        "ray-gpu-train": {
            "kind": "ray-gpu-train",
            "instance_type": "p5.48xlarge",
            "zone": "us-west-2b",
            "placement_group": "train",
            "limits": {"cpu": 384, "memory_gib": 4096, "gpus": 16},
        },
    },
    "storage": {"buckets": {"checkpoints": {}}},
    "tenants": {"research": {"cost_center": "research", "quota": {"gpus": 8}}},
    "samples": {"train": {"tenant": "research", "bucket": "checkpoints"}},
}


@pytest.fixture
def values() -> dict[str, Any]:
    """A right stack file, to be changed at will."""
    return copy.deepcopy(VALUES)


@pytest.fixture
def changed(values: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """`changed("network.nat", "many")`: the right stack file with one value replaced (None removes the key)."""

    def change(path: str, value: Any) -> dict[str, Any]:
        *parents, last = path.split(".")
        at = values
        for step in parents:
            at = at.setdefault(step, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
        return values

    return change
