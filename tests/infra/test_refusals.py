"""What a stack file must not ask for, each told with its path and what to do instead, one by one and all at once."""

import copy
from typing import Any

import pytest

from infra.config import InvalidPlatform, parse
from infra.config.rules import Problem
from tests.infra.conftest import VALUES

ELSEWHERE = {"placement_group": "train", "zones": ["us-west-2a"]}
GPU_GROUP = {"instance_types": ["g6.xlarge"], "accelerator": "nvidia", "min": 0, "desired": 0, "max": 1}
P4 = {"instance_types": ["p4d.24xlarge"], "accelerator": "nvidia", "min": 0, "desired": 0, "max": 1}

REFUSALS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a pool with no instance type left": (
        {"pools.ray-data.categories": ["i"], "pools.ray-data.min_generation": 9},
        "pools.ray-data",
        "no instance type is left: instance-generation Gte 9 removed the last ones",
        "widen that constraint",
    ),
    "two pools that both match a pod": (
        {"pools.more": {"kind": "ray-cpu", "limits": {"cpu": 64, "memory_gib": 256}}},
        "pools.more.weight",
        "pods of ray-cpu match pools.ray-cpu as well",
        "larger weight",
    ),
    "limits below a tenant's quota": (
        {"tenants.research.quota.memory": "900Ti"},
        "tenants.research.quota.memory",
        "is more than all pools and node groups may hold",
        "lower the quota",
    ),
    "MIG on a GPU without it": (
        {"node_groups.slices": GPU_GROUP | {"mig": "1g.10gb"}},
        "node_groups.slices.mig",
        "the GPU of g6.xlarge cannot be sliced",
        "use sharing here",
    ),
    "a MIG profile of another GPU": (
        {"node_groups.slices": P4 | {"mig": "1g.24gb"}},
        "node_groups.slices.mig",
        "p4d.24xlarge has no profile 1g.24gb",
        "it has 1g.5gb",
    ),
    "GPU sharing on a Karpenter pool": (
        {"pools.ray-gpu-infer.sharing": {"mode": "time-slicing", "replicas": 4}},
        "pools.ray-gpu-infer",
        "sharing is for node_groups",
        "node_groups",
    ),
    "Lustre on demand in a zone that the network lacks": (
        {"storage.scratch_claims": {"zone": "us-west-2d"}},
        "storage.scratch_claims.zone",
        "us-west-2d is not one of network.zones",
        "use us-west-2a",
    ),
    "a throughput of Lustre that has none to choose": (
        {"storage.scratch_claims": {"zone": "us-west-2b", "throughput": 250}},
        "storage.scratch_claims.throughput",
        "a SCRATCH_2 always has 200 MB/s per TiB",
        "leave it out",
    ),
    "Lustre that lasts, without its throughput": (
        {"storage.scratch_claims": {"zone": "us-west-2b", "deployment": "PERSISTENT_2"}},
        "storage.scratch_claims.throughput",
        "FSx asks it of a PERSISTENT_2",
        "125, 250, 500 or 1000",
    ),
    "a tag that the Lustre driver would cut in two": (
        {"storage.scratch_claims.zone": "us-west-2b", "tags.cost-center": "ann=bob"},
        "tags.cost-center",
        "cost-center=ann=bob cannot be put on file systems that claims make",
        "leave out commas and equal signs",
    ),
    "Lustre for a team of a stack that has none": (
        {"tenants.research.scratch_claims_gib": 1200},
        "tenants.research.scratch_claims_gib",
        "the stack has no class of Lustre file systems",
        "add storage.scratch_claims",
    ),
    "a grant of Lustre that no file system has": (
        {"storage.scratch_claims.zone": "us-west-2b", "tenants.research.scratch_claims_gib": 2000},
        "tenants.research.scratch_claims_gib",
        "2000: FSx for Lustre comes in steps of 1200 GiB",
        "the next is 2400",
    ),
    "a queue whose flavours don't cover a sample": (
        {"queues": {"borrow": 0}, "samples.train.workers": 20, "tenants.research.quota.cpu": 128},
        "samples.train",
        "of ray-cpu at once, and the queue never has over",
        "raise tenants.research.quota",
    ),
    "a tenant name that Kubernetes refuses": (
        {"tenants.Data_Science": {"cost_center": "ds"}},
        "tenants.Data_Science",
        "should match pattern",
        "",
    ),
    "a pool in another zone than its placement group": (
        {"node_groups.beside": GPU_GROUP | {"instance_types": ["g6e.48xlarge"]} | ELSEWHERE},
        "pools.ray-gpu-train.zone",
        "us-west-2b is not where placement group train stands: node_groups.beside.zones is in us-west-2a",
        "put both into one zone",
    ),
}


def changed(changes: dict[str, Any], values: dict[str, Any] | None = None) -> dict[str, Any]:
    values = copy.deepcopy(VALUES) if values is None else values
    for path, value in changes.items():
        *parents, last = path.split(".")
        at = values
        for step in parents:
            at = at.setdefault(step, {})
        at[last] = value
    return values


def problems(values: dict[str, Any]) -> list[Problem]:
    with pytest.raises(InvalidPlatform) as told:
        parse(values)
    return told.value.problems


@pytest.mark.parametrize("name", REFUSALS)
def test_it_is_refused_with_its_path_and_what_to_do(name: str) -> None:
    changes, path, message, fix = REFUSALS[name]
    found = problems(changed(changes))
    said = [problem for problem in found if problem.path == path and message in problem.message]
    assert said, "\n".join(map(str, found))
    assert all(problem.fix and fix in f"{problem.message} {problem.fix}" for problem in said)


OF_THE_SAME_SECTION = {
    "a MIG profile of another GPU",
    "Lustre on demand in a zone that the network lacks",
    "Lustre for a team of a stack that has none",
    "Lustre that lasts, without its throughput",
}
"""What another of them writes over."""


def test_all_of_them_are_told_at_once() -> None:
    values = copy.deepcopy(VALUES)
    several = [name for name in REFUSALS if name not in OF_THE_SAME_SECTION]
    for name in several:
        changed(REFUSALS[name][0], values)
    told = {problem.path for problem in problems(values)}
    assert {REFUSALS[name][1] for name in several} <= told


def test_what_is_refused_is_the_change_and_not_the_file_that_it_was_made_to() -> None:
    parse(copy.deepcopy(VALUES))
