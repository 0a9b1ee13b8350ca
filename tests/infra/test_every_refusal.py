"""One stack file with every mistake that the platform knows to refuse: one report has them all, each with its fix."""

from typing import Any

import pytest

from infra.config import InvalidPlatform, parse

OFF = {"min": 0, "desired": 0, "max": 1}
GPU = OFF | {"accelerator": "nvidia"}


def planted(values: dict[str, Any]) -> dict[str, Any]:
    """The right stack file with the mistakes planted."""
    values |= {"environment": "prod", "colour": "blue"}
    values["network"] |= {"zones": ["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2e"], "nats": "single"}
    values["cluster"] |= {"version": "1.33", "public_access_cidrs": ["0.0.0.0/0"]}
    values["cluster"]["access"] |= {
        "nobody": {"role": "view"},
        "nothing": {"principal": "arn:aws:iam::111111111111:role/x"},
    }
    values["node_groups"] |= {
        "typo": OFF | {"instance_types": ["m7i.huge"]},
        "units": OFF | {"instance_types": ["m7i.large"], "disk_gib": "100Gi"},
        "elsewhere": GPU | {"instance_types": ["p5en.48xlarge"], "zones": ["us-west-2b"]},
        "fraction": GPU | {"instance_types": ["g6f.xlarge"]},
        "driver": GPU | {"instance_types": ["g7.12xlarge"]},
        "small": GPU | {"instance_types": ["g6.xlarge"], "efa": True},
        "slices": GPU | {"instance_types": ["g6e.xlarge"], "mig": "1g.10gb"},
        "spanning": GPU | {"instance_types": ["p5.48xlarge"], "placement_group": "train"},
        "block": GPU
        | {"instance_types": ["p5.48xlarge"], "zones": ["us-west-2b"], "capacity": "capacity-block"}
        | {"reservation": "cr-0123456789abcdef0", "placement_group": "train"},
        "mixed": OFF | {"instance_types": ["m7i.large", "m7g.large"]},
        "warm": OFF | {"instance_types": ["m7i.large"], "capacity": "spot", "warm_pool": {"size": 1}},
    }
    values["reservations"] = {
        "train": {"instance_type": "p5.48xlarge", "zone": "us-west-2a", "count": 1, "placement_group": "train"}
    }
    values["pools"]["ray-cpu"] |= {"families": ["m7i"], "limits": {"cpu": "64 cores", "memory_gib": 256}}
    values["storage"]["scratch"] = {"zone": "us-west-2b", "size_gib": 3600, "links": [{"bucket": "nowhere"}]}
    values["cost"] = {"subscribers": [], "budgets": {"all": {"monthly_usd": 10, "team": "nobody"}}}
    values["tenants"]["research"]["reads"] = ["lake"]
    return values


EXPECTED = {
    "colour": "is not a known key",
    "network.nats": "is not a known key",
    "network.zones[3]": "us-west-2 has no zone us-west-2e",
    "cluster.version": "left standard support",
    "cluster.public_access_cidrs[0]": "whole internet",
    "cluster.deletion_protection": "prod must be protected",
    "cluster.access.nobody.principal": "is missing",
    "cluster.access.nothing": "grants nothing",
    "node_groups.typo.instance_types[0]": "EC2 has no instance type m7i.huge",
    "node_groups.units.disk_gib": "a bare number",
    "node_groups.elsewhere.instance_types[0]": "p5en.48xlarge is not offered in us-west-2b",
    "node_groups.fraction.instance_types[0]": "fractional GPUs",
    "node_groups.driver.instance_types[0]": "needs a newer driver",
    "node_groups.small.instance_types[0]": "has no EFA",
    "node_groups.slices.mig": "cannot be sliced",
    "node_groups.spanning.zones": "cannot span them",
    "node_groups.block.placement_group": "cannot join a placement group",
    "node_groups.mixed.instance_types": "mixes processors",
    "node_groups.warm.warm_pool": "cannot hold spot",
    "pools.ray-cpu.families": "is not a known key",
    "pools.ray-cpu.limits.cpu": "a bare number",
    "pools.ray-gpu-train.zone": "is not where placement group train stands",
    "storage.scratch.size_gib": "the next is 4800",
    "storage.scratch.links[0].bucket": "no bucket nowhere",
    "cost.subscribers": "name at least 1",
    "tenants.research.reads[0]": "no data source lake",
}


def test_every_mistake_of_a_stack_file_is_in_one_report_with_its_path_and_its_fix(values):
    with pytest.raises(InvalidPlatform) as caught:
        parse(planted(values))
    told: dict[str, str] = {}
    for problem in caught.value.problems:
        told[problem.path] = f"{told.get(problem.path, '')}{problem}; "
        assert problem.fix, f"{problem} says no fix"
    missing = {path: words for path, words in EXPECTED.items() if words not in told.get(path, "")}
    assert not missing, f"{missing}\n{caught.value}"
    report = str(caught.value)
    assert report.startswith(f"{len(caught.value.problems)} mistakes")
    assert all(str(problem) in report for problem in caught.value.problems)
