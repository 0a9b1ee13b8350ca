"""Any configuration is either refused with the path of every mistake, or plans to what AWS would accept."""

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.config import InvalidPlatform, Platform, parse
from rayeks.plan import plan
from rayeks.plan.report import assess

ROOT = Path(__file__).parents[2]
ZONES = ("us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d")
GPUS = ("g5.xlarge", "g6.12xlarge", "g6e.48xlarge", "p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge", "m7i.large")

ADMINS = {"platform": {"principal": "arn:aws:iam::111111111111:role/admin", "role": "admin"}}

networks = st.fixed_dictionaries(
    {
        "cidr": st.sampled_from(["10.0.0.0/16", "10.8.0.0/15", "10.0.0.0/18", "10.0.0.0/22", "172.20.0.0/16"]),
        "zones": st.lists(st.sampled_from(ZONES), min_size=1, max_size=4),
        "nat": st.sampled_from(["single", "per_zone", "regional", "none"]),
        "gateway_endpoints": st.sampled_from([["s3"], ["s3", "dynamodb"], ["s3", "s3express"]]),
        "interface_endpoints": st.sampled_from([[], "private", ["sts", "ecr.dkr"]]),
    },
    optional={"flow_logs": st.fixed_dictionaries({"retention_days": st.sampled_from([1, 14, 15, 365])})},
)
clusters = st.fixed_dictionaries(
    {
        "version": st.sampled_from(["1.33", "1.34", "1.35", "1.36"]),
        "public_access_cidrs": st.sampled_from([[], ["203.0.113.0/24"], ["0.0.0.0/0"]]),
        "deletion_protection": st.booleans(),
        "zonal_shift": st.booleans(),
        "tier": st.sampled_from(["auto", "standard", "tier-xl"]),
        "access": st.just(ADMINS),
    }
)
groups = st.fixed_dictionaries(
    {
        "instance_types": st.lists(st.sampled_from([*GPUS, "m7g.large", "c7i.xlarge"]), min_size=1, max_size=2),
        "min": st.integers(0, 2),
        "desired": st.integers(0, 3),
        "max": st.integers(1, 4),
        "accelerator": st.sampled_from(["none", "nvidia"]),
        "capacity": st.sampled_from(["on-demand", "spot"]),
        "efa": st.booleans(),
        "local_disks": st.sampled_from(["none", "raid0"]),
        "zones": st.lists(st.sampled_from(ZONES[:3]), max_size=2, unique=True),
    },
    optional={
        "placement_group": st.sampled_from(["train", "elsewhere"]),
        "warm_pool": st.fixed_dictionaries({"size": st.integers(1, 5)}),
        "taints": st.sampled_from([[], [{"key": "nvidia.com/gpu"}], [{"key": "team", "value": "a b"}]]),
        "disk_gib": st.sampled_from([8, 20, 500]),
        "sharing": st.fixed_dictionaries({"mode": st.sampled_from(["mps", "time-slicing"]), "replicas": st.just(2)}),
        "mig": st.sampled_from(["1g.5gb", "1g.10gb"]),
        "devices": st.sampled_from(["plugin", "dra"]),
    },
)
limits = st.fixed_dictionaries(
    {"cpu": st.integers(8, 512), "memory_gib": st.integers(8, 4096), "gpus": st.integers(0, 16)}
)
training = st.fixed_dictionaries(
    {
        "kind": st.just("ray-gpu-train"),
        "instance_type": st.sampled_from(GPUS),
        "zone": st.sampled_from(ZONES),
        "limits": limits,
        "root_gib": st.integers(50, 2000),
    },
    optional={
        "placement_group": st.just("train"),
        "capacity": st.sampled_from([["spot"], ["reserved"], ["on-demand"]]),
    },
)
storages = st.fixed_dictionaries(
    {
        "buckets": st.fixed_dictionaries(
            {
                "checkpoints": st.fixed_dictionaries(
                    {"expire_days": st.integers(1, 400), "tier_days": st.integers(0, 90)}
                )
            }
        )
    },
    optional={
        "files": st.just({}),
        "scratch": st.fixed_dictionaries(
            {
                "zone": st.sampled_from(ZONES),
                "size_gib": st.sampled_from([1200, 2400, 3000, 4800, 38400]),
                "throughput": st.sampled_from([125, 250, 1000]),
                "efa": st.booleans(),
            }
        ),
        "images": st.just({}),
    },
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A stack file that is right or wrong in many places at once."""
    config = {
        "name": draw(st.sampled_from(["ray-any", "r", "a-rather-long-name-of-a-cluster-for-tests", "Ray"])),
        "environment": draw(st.sampled_from(["dev", "staging", "prod"])),
        "network": draw(networks),
        "cluster": draw(clusters),
        "node_groups": {
            "system": {"instance_types": ["m7i.large"], "min": 2, "desired": 2, "max": 3},
            "extra": draw(groups),
        },
        "placement_groups": {"train": {"strategy": draw(st.sampled_from(["cluster", "spread"]))}},
        "pools": {
            "ray-head": {"kind": "ray-head", "limits": draw(limits)},
            "ray-cpu": {"kind": "ray-cpu", "limits": draw(limits)},
            "train": draw(training),
        },
        "storage": draw(storages),
        "tenants": {"research": {"cost_center": "r", "quota": {"gpus": draw(st.integers(0, 16))}}},
        "samples": {"train": {"tenant": "research", "bucket": "checkpoints"}},
        "cost": {"subscribers": ["a@example.com"], "budgets": {"all": {"monthly_usd": draw(st.floats(1, 1e6))}}},
    }
    if draw(st.booleans()):
        config["cluster"]["typo"] = True
    return config


def accepted(values: dict[str, Any]) -> bool:
    try:
        parse(values | {"region": "us-west-2", "account": "111111111111"})
    except InvalidPlatform as error:
        assert error.problems
        for problem in error.problems:
            assert problem.path.split(".")[0].split("[")[0] in values, f"{problem} names no key of the file"
        return False
    return True


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(values=configurations())
def test_a_refusal_names_keys_of_the_stack_file(values):
    accepted(values)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's program beside a stack file of our own."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "Pulumi.yaml", root)
    (root / "stacks").mkdir()
    shutil.copy(ROOT / "stacks/__main__.py", root / "stacks")
    return root


RIGHT: dict[str, Any] = {
    "name": "ray-any",
    "environment": "dev",
    "network": {"cidr": "10.0.0.0/16", "zones": list(ZONES[:3])},
    "cluster": {"public_access_cidrs": ["203.0.113.0/24"], "access": ADMINS},
    "node_groups": {"system": {"instance_types": ["m7i.large"], "min": 2, "desired": 2, "max": 3}},
    "placement_groups": {"train": {}},
    "pools": {
        "ray-head": {"kind": "ray-head", "limits": {"cpu": 32, "memory_gib": 128}},
        "ray-cpu": {"kind": "ray-cpu", "limits": {"cpu": 64, "memory_gib": 256}},
    },
    "storage": {"buckets": {"checkpoints": {}}},
    "tenants": {"research": {"cost_center": "r", "quota": {}}},
}
CHOICES: dict[str, st.SearchStrategy[Any]] = {
    "cluster": clusters,
    "node_groups.extra": groups,
    "pools.train": training,
    "pools.ray-cpu.limits": limits,
    "storage": storages,
    "network.nat": st.sampled_from(["single", "per_zone", "regional"]),
    "cluster.tier": st.sampled_from(["auto", "tier-xl"]),
    "reservations.r": st.fixed_dictionaries(
        {"instance_type": st.sampled_from(GPUS), "zone": st.sampled_from(ZONES[:3]), "count": st.integers(1, 3)}
    ),
    "tenants.ads": st.fixed_dictionaries(
        {
            "cost_center": st.just("ads"),
            "scratch": st.booleans(),
            "scratch_claims_gib": st.sampled_from([0, 1000, 2400]),
        }
    ),
    "cost": st.fixed_dictionaries(
        {
            "subscribers": st.just(["a@example.com"]),
            "anomaly_usd": st.floats(1, 1e6),
            "budgets": st.just({"b": {"monthly_usd": 5}}),
        },
        optional={
            "activate_tags": st.just(["team"]),
            "export": st.sampled_from([{}, {"tier_days": 9, "expire_days": 9}]),
        },
    ),
    "name": st.sampled_from(["r", "ray-any-2", "a-name-of-20-letters", "a-name-of-32-characters-in-total"]),
    "permissions_boundary": st.sampled_from(["fence", "teams/ml/fence", "no spaces"]),
    "tags": st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3),
    "network": networks
    | st.just(
        {"vpc_id": "vpc-0123456789abcdef0", "cidr": "10.9.0.0/16"}
        | {"private_subnets": {zone: f"subnet-0123456789abcdef{index}" for index, zone in enumerate(ZONES[:3])}}
    ),
    "network.load_balancer_cidrs": st.lists(st.sampled_from(["198.51.100.0/24", "10.0.0.0/16"]), max_size=2),
    "cluster.access.team": st.fixed_dictionaries(
        {
            "principal": st.sampled_from(["arn:aws:iam::111111111111:role/a/b", "arn:aws:iam::1:role/a", "me"]),
            "groups": st.sampled_from([[], ["readers"], ["system:masters"]]),
        },
        optional={"role": st.sampled_from(["admin", "view"])},
    ),
    "placement_groups.spare": st.fixed_dictionaries(
        {"strategy": st.sampled_from(["cluster", "spread", "partition"])}, optional={"partitions": st.integers(0, 8)}
    ),
    "pools.gpus": st.fixed_dictionaries(
        {
            "kind": st.just("ray-gpu-infer"),
            "limits": limits,
            "families": st.lists(st.sampled_from(["g5", "g6", "g6e", "g6f", "g9"]), max_size=3),
            "headroom": st.integers(0, 2),
            "prepull": st.booleans(),
        },
        optional={"optimise": st.sampled_from(["cost", "balanced", "performance"]), "zones": st.just([ZONES[1]])},
    ),
    "pools.ray-data": st.fixed_dictionaries(
        {"kind": st.just("ray-data"), "limits": limits, "min_nvme_gib": st.sampled_from([100, 400, 60_000])}
    ),
    "storage.buckets.logs": st.fixed_dictionaries({"expire_days": st.integers(0, 9), "tier_days": st.integers(0, 9)}),
    "storage.files": st.fixed_dictionaries({"archive_days": st.sampled_from([1, 2, 30]), "keep": st.booleans()}),
    "storage.images": st.fixed_dictionaries(
        {
            "repositories": st.lists(st.sampled_from(["a", "a/b", "A"]), min_size=1, max_size=2),
            "keep_images": st.integers(1, 5),
        }
    ),
    "storage.scratch": st.fixed_dictionaries(
        {
            "zone": st.sampled_from(ZONES[:3]),
            "size_gib": st.sampled_from([1200, 3600, 38400]),
            "efa": st.booleans(),
            "links": st.lists(
                st.fixed_dictionaries(
                    {"bucket": st.sampled_from(["checkpoints", "logs"]), "path": st.sampled_from(["/", "/a", "/a/b"])}
                ),
                max_size=2,
            ),
        }
    ),
    "storage.scratch_claims": st.fixed_dictionaries(
        {"zone": st.sampled_from(ZONES[:3]), "deployment": st.sampled_from(["SCRATCH_2", "PERSISTENT_2"])},
        optional={"throughput": st.sampled_from([125, 250])},
    ),
    "data_sources": st.fixed_dictionaries(
        {},
        optional={
            "lake": st.fixed_dictionaries(
                {"kind": st.just("s3"), "bucket": st.just("raw"), "prefixes": st.sampled_from([["a/"], [""], ["*"]])}
            ),
            "warehouse": st.just({"kind": "redshift", "cluster": "dw", "database": "sales", "user": "ray"}),
            "catalogue": st.just({"kind": "glue", "database": "events"}),
            "records": st.just(
                {
                    "kind": "rds",
                    "resource_id": "db-ABCDEFGHIJ0123",
                    "user": "ray",
                    "security_group": "sg-0123456789abcdef0",
                }
            ),
        },
    ),
    "tenants.ml": st.fixed_dictionaries(
        {
            "cost_center": st.sampled_from(["ml", "m l"]),
            "reads": st.lists(st.sampled_from(["lake", "warehouse", "catalogue", "records"]), max_size=4),
            "people": st.fixed_dictionaries(
                {"developers": st.lists(st.sampled_from(["arn:aws:iam::111111111111:user/ann", "ann"]), max_size=2)}
            ),
        }
    ),
    "queues": st.fixed_dictionaries({"borrow": st.floats(0, 2), "fair_sharing": st.booleans()}),
    "observability": st.fixed_dictionaries(
        {}, optional={part: st.just({}) for part in ("alerts", "logs", "traces", "costs")}
    ),
    "samples.train": st.fixed_dictionaries(
        {"tenant": st.just("research"), "bucket": st.just("checkpoints"), "workers": st.integers(1, 4)}
    ),
    "ray": st.fixed_dictionaries({"planned_pods": st.integers(1, 60_000), "cron_jobs": st.booleans()}),
    "expected.buckets_gib": st.dictionaries(st.sampled_from(["checkpoints", "nowhere"]), st.floats(0, 1e6)),
    "policies": st.fixed_dictionaries({"monthly_ceiling_usd": st.floats(0, 1e6)}),
}


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """A right stack file with a few of its parts drawn anew, each only where the file stays right."""
    values = copy.deepcopy(RIGHT)
    for path in draw(st.lists(st.sampled_from(sorted(CHOICES)), min_size=3, max_size=12, unique=True)):
        attempt = copy.deepcopy(values)
        *above, last = path.split(".")
        at = attempt
        for step in above:
            at = at.setdefault(step, {})
        at[last] = draw(CHOICES[path])
        if accepted(attempt):
            values = attempt
    return values


def test_every_section_of_a_stack_file_is_drawn():
    drawn = {path.split(".")[0] for path in CHOICES}
    assert drawn | {"environment", "region", "account"} == set(Platform.model_fields)


def plans(project: Path, values: dict[str, Any]) -> None:
    config = {
        "aws:region": "us-west-2",
        "aws:allowedAccountIds": ["111111111111"],
        "aws:defaultTags": {"tags": values.get("tags", {"a": "b"})},
        "ray-on-eks:platform": {key: value for key, value in values.items() if key != "tags"},
    }
    (project / "stacks/Pulumi.any.yaml").write_text(yaml.safe_dump({"config": config}))
    assert assess(plan("any", root=project)).findings == ()


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(values=changed())
def test_what_is_accepted_plans_to_what_aws_accepts(project, values):
    plans(project, values)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=changed())
def test_a_hundred_and_fifty_that_are_accepted_plan_to_what_aws_accepts(project, values):
    plans(project, values)
