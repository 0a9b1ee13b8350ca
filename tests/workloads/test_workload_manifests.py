"""Manifests as pure functions of specs, judged by KubeRay's own CRDs."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from infra import contract
from workloads.manifests import ray_cluster, ray_cron_job, ray_job, ray_service
from workloads.spec import Cluster, CronJob, Head, Job, Mount, Owner, Resources, Service, Workers
from workloads.train import spec as train

Judge = Callable[[dict[str, Any]], list[str]]

OWNER = Owner(namespace="ray-research", team="research", queue="research")
CPU = Workers(name="cpu", pool="ray-cpu", replicas=2, resources=Resources(cpu=1.5, memory_gib=2.5))
GPU = Workers(
    name="gpu",
    pool="ray-gpu-train",
    replicas=1,
    resources=Resources(
        cpu=8,
        memory_gib=64,
        gpus=8,
        num_cpus=0,
        custom={"train_slot": 1},
        devices={contract.EFA_RESOURCE: "4", "hugepages-2Mi": "5120Mi"},
    ),
    mounts=(Mount(claim="scratch", path="/mnt/scratch"),),
    one_zone=True,
)
SCALING = Cluster(
    image="ray", autoscaling=True, workers=(CPU.model_copy(update={"least": 0, "most": 9, "idle_timeout_s": 30}),)
)


def the_job(**changes: Any) -> Job:
    values: dict[str, Any] = {
        "name": "sample",
        "owner": OWNER,
        "entrypoint": "python -m sample",
        "cluster": Cluster(image="ray", workers=(CPU, GPU), env={"A": "1"}),
    }
    return Job(**values | changes)


def pods(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    cluster = manifest["spec"]["rayClusterSpec"]
    workers = {group["groupName"]: group["template"] for group in cluster["workerGroupSpecs"]}
    submitter = manifest["spec"]["submitterPodTemplate"]
    return {"head": cluster["headGroupSpec"]["template"], "submitter": submitter, **workers}


def container(pod: dict[str, Any]) -> dict[str, Any]:
    return pod["spec"]["containers"][0]


def env(pod: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(pod)["env"] if "value" in entry}


SAMPLES = {
    "job": lambda: ray_job(the_job()),
    "scaling job": lambda: ray_job(the_job(cluster=SCALING)),
    "cluster": lambda: ray_cluster("dev", OWNER, SCALING),
    "service": lambda: ray_service(
        Service(name="serve", owner=OWNER, cluster=SCALING, serve_config={"applications": [{"name": "a"}]})
    ),
    "cron job": lambda: ray_cron_job(CronJob(name="nightly", schedule="0 3 * * 1-5", job=the_job())),
    "training on CPUs": lambda: ray_job(
        train.job(namespace="ray-a", bucket_uri="s3://b/p", image="ray", team="a", workers=3)
    ),
    "training on GPUs": lambda: ray_job(
        train.job(namespace="ray-a", bucket_uri="s3://b/p", image="ray", team="a", gpu=True)
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_crd_accepts_the_manifest_and_knows_every_field_of_it(name: str, complaints: Judge) -> None:
    assert complaints(SAMPLES[name]()) == []


def test_the_judge_refuses_a_field_that_kuberay_does_not_have(complaints: Judge) -> None:
    manifest = SAMPLES["job"]()
    manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["priority"] = 5  # of KubeRay 1.7
    assert "priority" in " ".join(complaints(manifest))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_spec_always_gives_the_same_manifest(name: str) -> None:
    first = SAMPLES[name]()
    second = SAMPLES[name]()
    assert first == second
    assert yaml.safe_load(yaml.safe_dump(first)) == first


def test_the_head_takes_no_tasks_and_waits_on_machines_of_its_own() -> None:
    manifest = ray_job(the_job())
    head = manifest["spec"]["rayClusterSpec"]["headGroupSpec"]
    assert head["rayStartParams"] == {"num-cpus": "0"}
    pod = head["template"]
    assert pod["spec"]["nodeSelector"] == {contract.POOL_LABEL: "ray-head"}
    assert pod["spec"]["tolerations"] == [{"key": "ray.io/head", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["metadata"]["annotations"] == {"karpenter.sh/do-not-disrupt": "true"}


def test_a_worker_that_may_stand_on_spot_can_be_evicted_and_its_head_cannot() -> None:
    cluster = ray_job(the_job())["spec"]["rayClusterSpec"]
    workers = {
        group["template"]["spec"]["nodeSelector"][contract.POOL_LABEL]: group["template"]["metadata"].get("annotations")
        for group in cluster["workerGroupSpecs"]
    }
    assert workers and all((kept is None) == contract.POOLS[pool].spot for pool, kept in workers.items())
    assert cluster["headGroupSpec"]["template"]["metadata"]["annotations"] == contract.DO_NOT_DISRUPT


def test_the_submitter_runs_beside_the_head_and_can_be_admitted_by_a_quota() -> None:
    submitter = pods(ray_job(the_job()))["submitter"]
    assert submitter["spec"]["nodeSelector"] == {contract.POOL_LABEL: "ray-head"}
    assert container(submitter)["resources"]["requests"].keys() == {"cpu", "memory"}


def test_every_pod_is_on_its_pool_by_selector_and_toleration() -> None:
    gpu = pods(ray_job(the_job()))["gpu"]["spec"]
    assert gpu["nodeSelector"] == {contract.POOL_LABEL: "ray-gpu-train"}
    assert {each["key"] for each in gpu["tolerations"]} == {"nvidia.com/gpu", "ray.io/train"}
    assert "tolerations" not in pods(ray_job(the_job()))["cpu"]["spec"]


def test_memory_and_devices_are_requested_as_much_as_limited_and_cpu_may_burst() -> None:
    found = pods(ray_job(the_job()))
    resources = container(found["gpu"])["resources"]
    assert resources["limits"] == {
        "memory": "64Gi",
        "nvidia.com/gpu": "8",
        "vpc.amazonaws.com/efa": "4",
        "hugepages-2Mi": "5120Mi",
    }
    assert resources["requests"] == resources["limits"] | {"cpu": "8"}
    assert container(found["cpu"])["resources"]["requests"] == {"cpu": "1500m", "memory": "2560Mi"}


def test_custom_resources_and_zero_cpus_are_said_in_one_place() -> None:
    groups = ray_job(the_job())["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert groups[1]["resources"] == {"CPU": "0", "train_slot": "1"}
    assert groups[1]["rayStartParams"] == {}
    assert "resources" not in groups[0]


def test_ray_nodes_carry_their_pool_as_a_label() -> None:
    cluster = ray_job(the_job())["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["labels"] == {contract.POOL_LABEL: "ray-head"}
    assert [group["labels"][contract.POOL_LABEL] for group in cluster["workerGroupSpecs"]] == [
        "ray-cpu",
        "ray-gpu-train",
    ]


def test_objects_live_in_shared_memory_larger_than_rays_store() -> None:
    pod = pods(ray_job(the_job()))["gpu"]
    assert {"name": "shared-mem", "mountPath": "/dev/shm"} in container(pod)["volumeMounts"]
    volume = pod["spec"]["volumes"][0]["emptyDir"]
    assert volume["medium"] == "Memory"
    assert float(volume["sizeLimit"].removesuffix("Mi")) / 1024 > 64 * 0.3


def test_a_worker_drains_before_the_kubelet_kills_it() -> None:
    found = pods(ray_job(the_job()))
    for name in ("cpu", "gpu"):
        assert int(env(found[name])["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"]) == 90
        assert found[name]["spec"]["terminationGracePeriodSeconds"] == 120
    assert "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S" not in env(found["head"])


def test_the_cluster_asks_for_a_token_and_goes_away_after_the_job() -> None:
    spec = ray_job(the_job(ttl_s=60, retries=4))["spec"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert (spec["shutdownAfterJobFinishes"], spec["ttlSecondsAfterFinished"], spec["backoffLimit"]) == (True, 60, 4)


def test_cost_labels_are_on_the_object_and_on_every_pod() -> None:
    manifest = ray_job(the_job())
    labels = {"rayeks/team": "research", "rayeks/project": "samples", "rayeks/job": "sample"}
    assert labels.items() <= manifest["metadata"]["labels"].items()
    assert all(labels.items() <= pod["metadata"]["labels"].items() for pod in pods(manifest).values())


def test_a_queue_is_a_label_on_the_job_and_absent_without_one() -> None:
    assert ray_job(the_job())["metadata"]["labels"][contract.QUEUE_LABEL] == "research"
    unqueued = the_job(owner=OWNER.model_copy(update={"queue": None}))
    assert contract.QUEUE_LABEL not in ray_job(unqueued)["metadata"]["labels"]


def test_pods_pass_the_restricted_security_profile_and_hold_no_api_token() -> None:
    for pod in pods(ray_job(the_job())).values():
        context = container(pod)["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_only_the_head_of_a_scaling_cluster_may_talk_to_kubernetes() -> None:
    found = pods(ray_job(the_job(cluster=SCALING)))
    assert [name for name, pod in found.items() if pod["spec"]["automountServiceAccountToken"]] == ["head"]


def test_head_and_workers_run_as_accounts_of_their_own() -> None:
    found = {name: pod["spec"].get("serviceAccountName") for name, pod in pods(ray_job(the_job())).items()}
    assert found == {"head": "ray-head", "cpu": "ray-worker", "gpu": "ray-worker", "submitter": None}


def test_a_gang_prefers_one_zone() -> None:
    affinity = pods(ray_job(the_job()))["gpu"]["spec"]["affinity"]["podAffinity"]
    (term,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["topologyKey"] == "topology.kubernetes.io/zone"
    assert term["podAffinityTerm"]["labelSelector"]["matchLabels"] == {"rayeks/job": "sample"}


def test_a_claim_is_mounted_where_the_spec_says() -> None:
    pod = pods(ray_job(the_job()))["gpu"]
    assert {"name": "scratch", "mountPath": "/mnt/scratch"} in container(pod)["volumeMounts"]
    assert {"name": "scratch", "persistentVolumeClaim": {"claimName": "scratch"}} in pod["spec"]["volumes"]


def test_a_groups_environment_wins_over_the_clusters() -> None:
    cluster = Cluster(image="ray", workers=(CPU.model_copy(update={"env": {"A": "2"}}),), env={"A": "1"})
    found = pods(ray_job(the_job(cluster=cluster)))
    assert (env(found["head"])["A"], env(found["cpu"])["A"]) == ("1", "2")


def test_scaling_is_declared_with_the_autoscalers_version() -> None:
    spec = ray_cluster("dev", OWNER, SCALING)["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    assert spec["autoscalerOptions"]["version"] == "v2"
    (group,) = spec["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"], group["maxReplicas"], group["idleTimeoutSeconds"]) == (0, 2, 9, 30)


def test_training_on_gpus_takes_a_whole_gang_on_the_training_pool() -> None:
    job = train.job(namespace="ray-a", bucket_uri="s3://b/p", image="ray", team="a", gpu=True, workers=4)
    (group,) = job.cluster.workers
    assert (group.pool, group.replicas, group.resources.gpus, group.resources.num_cpus) == ("ray-gpu-train", 4, 1, 0)
    assert job.cluster.env["TRAIN_PROFILE"] == "gpu"
    assert "FI_EFA_USE_HUGE_PAGE" not in job.cluster.env


def test_training_over_efa_tells_nccl_so() -> None:
    worker = Resources(cpu=8, memory_gib=64, gpus=8, devices={contract.EFA_RESOURCE: "32"})
    job = train.job(namespace="ray-a", bucket_uri="s3://b/p", image="ray", team="a", gpu=True, worker=worker)
    assert job.cluster.env["FI_EFA_USE_HUGE_PAGE"] == "0"


def test_checkpoints_on_shared_files_are_mounted_at_one_place_by_head_and_workers() -> None:
    for path, claim in (("/mnt/shared/runs", "shared"), ("/mnt/scratch/runs", "scratch")):
        where: dict[str, Any] = {"namespace": "ray-a", "bucket_uri": path, "image": "ray", "team": "a"}
        spec = ray_job(train.job(**where))["spec"]["rayClusterSpec"]
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            pod = group["template"]["spec"]
            mounted = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
            assert mounted[path.removesuffix("/runs")] == claim
            assert {"name": claim, "persistentVolumeClaim": {"claimName": claim}} in pod["volumes"]


def test_manifests_are_not_shared_between_calls() -> None:
    first, untouched = ray_job(the_job()), ray_job(the_job())
    copied = copy.deepcopy(first)
    first["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["tolerations"].clear()
    assert untouched == copied


def test_a_head_may_be_larger() -> None:
    head = Head(resources=Resources(cpu=16, memory_gib=64, num_cpus=0))
    manifest = ray_job(the_job(cluster=Cluster(image="ray", head=head, workers=(CPU,))))
    assert container(pods(manifest)["head"])["resources"]["requests"] == {"cpu": "16", "memory": "64Gi"}
