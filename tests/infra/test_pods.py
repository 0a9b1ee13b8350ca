"""A manifest is judged by the pods that its controller will make of it."""

import pytest

from infra.allocatable import GIB, MIB
from infra.pods import pods
from workloads import manifests
from workloads.spec import Cluster, CronJob, Job, Owner, Resources, Service, Workers

OWNER = Owner(namespace="ray-research", team="research")
GROUP = Workers(name="w", pool="ray-cpu", resources=Resources(cpu=4, memory_gib=8), replicas=2)


def cluster(**fields):
    return Cluster(image="i", workers=(GROUP,), **fields)


def job(**fields):
    return Job(name="j", owner=OWNER, cluster=cluster(**fields), entrypoint="true")


def by_name(manifest):
    return {pod.name: pod for pod in pods(manifest)}


def test_a_job_is_a_head_its_workers_and_a_submitter_beside_the_heads():
    found = by_name(manifests.ray_job(job()))
    assert {name: pod.count for name, pod in found.items()} == {"head": 1, "w": 2, "submitter": 1}
    assert found["w"].requests == {"cpu": 4000, "memory": 8 * GIB}
    assert found["submitter"].selector == found["head"].selector == {"rayeks/pool": "ray-head"}


def test_the_autoscaler_beside_the_head_counts_where_the_cluster_scales():
    still, scaling = (by_name(manifests.ray_cluster("c", OWNER, cluster(autoscaling=on))) for on in (False, True))
    assert scaling["head"].requests["cpu"] - still["head"].requests["cpu"] == 500
    assert scaling["head"].requests["memory"] - still["head"].requests["memory"] == 512 * MIB


def test_a_group_counts_with_all_its_hosts_at_its_largest():
    group = GROUP.model_copy(update={"least": 0, "most": 5, "hosts": 2})
    spec = Cluster(image="i", workers=(group,), autoscaling=True)
    assert by_name(manifests.ray_cluster("c", OWNER, spec))["w"].count == 10


def test_every_kind_that_we_render_is_read():
    service = Service(name="s", owner=OWNER, cluster=cluster(), serve_config={"applications": []})
    assert set(by_name(manifests.ray_service(service))) == {"head", "w"}
    cron = CronJob(name="c", schedule="0 3 * * *", job=job())
    assert set(by_name(manifests.ray_cron_job(cron))) == {"head", "w", "submitter"}


def test_what_a_container_only_limits_it_requests_too():
    container = {"resources": {"limits": {"nvidia.com/gpu": "1", "memory": "2Gi"}, "requests": {"memory": "1Gi"}}}
    template = {"spec": {"containers": [container]}}
    (pod,) = pods({"kind": "Deployment", "spec": {"replicas": 3, "template": template}})
    assert (pod.count, pod.requests) == (3, {"nvidia.com/gpu": 1, "memory": GIB})


def test_init_containers_run_before_and_not_beside():
    def asks(cpu):
        return {"resources": {"requests": {"cpu": cpu}}}

    spec = {"containers": [asks("1"), asks("500m")], "initContainers": [asks("2"), asks("1")]}
    assert pods({"kind": "Job", "spec": {"template": {"spec": spec}}})[0].requests == {"cpu": 2000}


def test_a_kind_without_known_pods_is_an_error():
    with pytest.raises(ValueError, match="DaemonSet"):
        pods({"kind": "DaemonSet", "spec": {}})
