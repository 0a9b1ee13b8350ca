"""What KubeRay's controllers would refuse, refused with a reason while it is still a line in a file."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workloads.spec import Cluster, CronJob, Head, Job, Owner, Resources, Service, Workers

SMALL = Resources(cpu=1, memory_gib=1)
OWNER = Owner(namespace="ray-a", team="a")


def workers(**changes: Any) -> Workers:
    usual: dict[str, Any] = {"name": "cpu", "pool": "ray-cpu", "replicas": 1, "resources": SMALL}
    return Workers(**usual | changes)


def cluster(**changes: Any) -> Cluster:
    usual: dict[str, Any] = {"image": "ray", "workers": (workers(),)}
    return Cluster(**usual | changes)


def job(**changes: Any) -> Job:
    usual: dict[str, Any] = {"name": "job", "owner": OWNER, "cluster": cluster(), "entrypoint": "true"}
    return Job(**usual | changes)


REFUSED = {
    "a name longer than KubeRay takes": (lambda: job(name="a" * 48), "at most 47"),
    "a name with capitals": (lambda: job(name="Train"), "lower-case"),
    "a name that begins with a digit": (lambda: job(name="2train"), "a letter first"),
    "a name that ends in a dash": (lambda: job(name="train-"), "no '-' last"),
    "an entrypoint of nothing": (lambda: job(entrypoint="  "), "entrypoint"),
    "retries below zero": (lambda: job(retries=-1), "retries"),
    "a deadline of zero": (lambda: job(deadline_s=0), "deadline_s"),
    "a time to live below zero": (lambda: job(ttl_s=-1), "ttl_s"),
    "a field that does not exist": (lambda: job(backoff=3), "backoff"),
    "a pool that does not exist": (lambda: workers(pool="ray-cheap"), "no pool 'ray-cheap'"),
    "GPUs on a pool without them": (
        lambda: workers(resources=Resources(cpu=1, memory_gib=1, gpus=1)),
        "pool 'ray-cpu' has none",
    ),
    "no GPU on a pool of GPUs": (lambda: workers(pool="ray-gpu-train"), "asks for no GPU"),
    "a head on GPUs without any": (lambda: Head(pool="ray-gpu-infer"), "asks for no GPU"),
    "fewer replicas than the least": (lambda: workers(least=2, most=4), "does not hold"),
    "more replicas than the most": (lambda: workers(replicas=5, most=4), "does not hold"),
    "a least above the most": (lambda: workers(least=3, replicas=2, most=1), "does not hold"),
    "the head's group name": (lambda: workers(name="headgroup"), "KubeRay gives to the head"),
    "two groups of one name": (lambda: cluster(workers=(workers(), workers())), "two worker groups are called 'cpu'"),
    "a range without autoscaling": (lambda: cluster(workers=(workers(most=3),)), "needs autoscaling"),
    "an idle time-out without autoscaling": (
        lambda: cluster(workers=(workers(idle_timeout_s=5),)),
        "idle_timeout_s, which needs autoscaling",
    ),
    "tokens on a Ray that has none": (lambda: cluster(ray_version="2.51.2"), "needs Ray 2.52"),
    "Redis by hand": (lambda: cluster(env={"RAY_REDIS_ADDRESS": "x"}), "gcs fault tolerance"),
    "the autoscaler's version by hand": (lambda: cluster(env={"RAY_enable_autoscaler_v2": "1"}), "autoscaling"),
    "another drain": (lambda: cluster(env={"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "300"}), "the drain"),
    "a variable with a dash": (lambda: cluster(env={"A-B": "1"}), "not an environment variable"),
    "a label that is KubeRay's": (lambda: workers(labels={"ray.io/cluster": "x"}), "KubeRay's own"),
    "a label value with a space": (lambda: workers(labels={"zone": "a b"}), "not a Kubernetes label value"),
    "a label key with two names": (lambda: workers(labels={"/": "a"}), "not a Kubernetes label key"),
    "a team that no label can hold": (lambda: Owner(namespace="ray-a", team="R&D"), "not a Kubernetes label value"),
    "CPU of zero": (lambda: Resources(cpu=0, memory_gib=1), "cpu"),
    "a service's name too long": (
        lambda: Service(name="a" * 48, owner=OWNER, cluster=cluster(), serve_config={}),
        "at most 47",
    ),
    "a cron job's name too long": (lambda: CronJob(name="a" * 37, schedule="@daily", job=job()), "at most 36"),
    "a schedule of six fields": (lambda: CronJob(name="a", schedule="0 0 3 * * *", job=job()), "five fields"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused_with_the_reason(what: str) -> None:
    make, reason = REFUSED[what]
    with pytest.raises(ValidationError, match=reason.replace("(", r"\(")):
        make()


def test_every_mistake_of_a_spec_is_reported_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        Job(name="Bad Name", owner=OWNER, cluster=cluster(), entrypoint="", retries=-2)
    assert {error["loc"][0] for error in caught.value.errors()} == {"name", "entrypoint", "retries"}


def test_a_spec_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        job().name = "other"  # ty: ignore[invalid-assignment]


def test_without_a_range_a_group_is_fixed() -> None:
    group = workers(replicas=3)
    assert (group.minimum, group.maximum) == (3, 3)


@given(least=st.integers(0, 9), replicas=st.integers(0, 9), most=st.integers(0, 9))
def test_only_ordered_ranges_are_accepted(least: int, replicas: int, most: int) -> None:
    ordered = least <= replicas <= most
    try:
        workers(least=least, replicas=replicas, most=most)
    except ValidationError:
        assert not ordered
    else:
        assert ordered
