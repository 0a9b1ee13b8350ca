"""Launches through a real API server with KubeRay's own CRDs; the test plays KubeRay, which only writes status."""

import copy
import threading
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client, config

from local.toolchain import module_dir
from rayeks.errors import UserError
from rayeks.launching import Result, launch
from rayeks.launching.cluster import launch_kubernetes
from workloads.data import spec as data
from workloads.hybrid import spec as hybrid
from workloads.loop import spec as loop
from workloads.manifests import ray_cluster, ray_cron_job, ray_job, ray_service
from workloads.serve import spec as serve
from workloads.spec import Cluster, CronJob, Owner, Resources, Service, Workers
from workloads.train import spec as train

if TYPE_CHECKING:
    from local.kubernetes import Kubernetes

pytestmark = pytest.mark.engine

Outputs = Callable[..., dict[str, Any]]
RAYJOBS = {"group": "ray.io", "version": "v1", "plural": "rayjobs"}
RAYSERVICES = {"group": "ray.io", "version": "v1", "plural": "rayservices"}
SINCE = "2026-01-01T00:00:00Z"
READY = {"conditions": [{"type": "Ready", "status": "True", "reason": "r", "message": "", "lastTransitionTime": SINCE}]}


def until(condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.1)
    return value


class Server:
    """The API server as its administrator: a namespace of the test's own, and KubeRay's pen."""

    def __init__(self, kubeconfig: Path) -> None:
        connection = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=connection)
        self.kubeconfig = kubeconfig
        self.core: Any = client.CoreV1Api(client.ApiClient(connection))
        self.custom: Any = client.CustomObjectsApi(self.core.api_client)
        self.extensions: Any = client.ApiextensionsV1Api(self.core.api_client)
        self.namespace = f"ray-{uuid.uuid4().hex[:8]}"

    def jobs(self) -> list[dict[str, Any]]:
        return self.custom.list_namespaced_custom_object(namespace=self.namespace, **RAYJOBS)["items"]

    def services(self) -> list[dict[str, Any]]:
        return self.custom.list_namespaced_custom_object(namespace=self.namespace, **RAYSERVICES)["items"]

    def write_service(self, name: str, **status: Any) -> None:
        self.custom.patch_namespaced_custom_object_status(
            namespace=self.namespace, name=name, body={"status": status}, **RAYSERVICES
        )

    def write_status(self, name: str, **status: Any) -> None:
        self.custom.patch_namespaced_custom_object_status(
            namespace=self.namespace, name=name, body={"status": status}, **RAYJOBS
        )

    def add_pod(self, name: str, labels: dict[str, str], **status: Any) -> None:
        container = {"name": "ray", "image": "ray", "resources": {"limits": {"memory": "1Mi"}}}
        spec = {"containers": [container], "automountServiceAccountToken": False, "nodeName": "gone"}
        body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
        self.core.create_namespaced_pod(self.namespace, body)
        self.core.patch_namespaced_pod_status(name, self.namespace, {"status": status})


@pytest.fixture(scope="module")
def kuberay(kubernetes: "Kubernetes") -> Server:
    """KubeRay's CRDs, established."""
    cluster = Server(kubernetes.kubeconfig)
    bases = module_dir("github.com/ray-project/kuberay/ray-operator") / "config" / "crd" / "bases"
    for path in sorted(bases.glob("ray.io_*.yaml")):
        crd = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        name = crd["metadata"]["name"]
        try:
            cluster.extensions.create_custom_resource_definition(crd)
        except client.ApiException as error:
            if error.status != 409:
                raise

        def established(name: str = name) -> bool:
            conditions = cluster.extensions.read_custom_resource_definition(name).status.conditions or []
            return any(each.type == "Established" and each.status == "True" for each in conditions)

        until(established)
    return cluster


@pytest.fixture
def cluster(kuberay: Server) -> Generator[Server]:
    kuberay.namespace = f"ray-{uuid.uuid4().hex[:8]}"
    kuberay.core.create_namespace({"metadata": {"name": kuberay.namespace}})
    yield kuberay
    kuberay.core.delete_namespace(kuberay.namespace)


class Watched:
    """A launch in a thread, with everything it said."""

    def __init__(self, cluster: Server, outputs: Outputs, **options: Any) -> None:
        self.said: list[str] = []
        self.lines: list[str] = []
        self.result: Result | None = None
        manifest = outputs(namespace=cluster.namespace)["workloads"]["train"]["manifest"]

        def run() -> None:
            self.result = launch_kubernetes(
                manifest,
                cluster.kubeconfig,
                name="train-1",
                env={},
                follow=self.lines.append,
                progress=self.said.append,
                poll_s=0.1,
                **options,
            )

        self.thread = threading.Thread(target=run)
        self.thread.start()
        until(cluster.jobs)

    def ended(self) -> Result:
        self.thread.join(30)
        assert self.result
        return self.result


@pytest.mark.parametrize(("status", "code"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_a_launch_is_followed_to_its_end(cluster: Server, outputs: Outputs, status: str, code: int) -> None:
    watched = Watched(cluster, outputs)
    (job,) = cluster.jobs()
    assert job["metadata"]["name"] == "train-1"
    assert job["metadata"]["managedFields"][0]["manager"] == "rayeks"
    cluster.write_status("train-1", jobDeploymentStatus="Running", jobStatus="RUNNING")
    until(lambda: any("the job is running" in line for line in watched.said))
    cluster.write_status("train-1", jobDeploymentStatus="Complete", jobStatus=status, message="that is all")
    result = watched.ended()
    assert (result.name, result.status, result.exit_code, result.message) == ("train-1", status, code, "that is all")


def test_a_refusal_by_kuberay_is_a_failure_with_its_reason(cluster: Server, outputs: Outputs) -> None:
    watched = Watched(cluster, outputs)
    cluster.write_status("train-1", jobDeploymentStatus="ValidationFailed", reason="ValidationFailed", message="bad")
    assert watched.ended().message == "ValidationFailed: bad"
    assert watched.ended().exit_code == 1


def test_a_queue_and_a_retry_are_told(cluster: Server, outputs: Outputs) -> None:
    watched = Watched(cluster, outputs)
    for state, told in (("Suspended", "waiting in the queue"), ("Retrying", "KubeRay starts it again")):
        cluster.write_status("train-1", jobDeploymentStatus=state)
        until(lambda told=told: any(told in line for line in watched.said))
    cluster.write_status("train-1", jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
    assert watched.ended().exit_code == 0


def test_a_pod_that_cannot_run_is_told_in_the_schedulers_words(cluster: Server, outputs: Outputs) -> None:
    watched = Watched(cluster, outputs)
    cluster.write_status("train-1", jobDeploymentStatus="Initializing", rayClusterName="train-1-abcde")
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "no nodes have label rayeks/pool"}
    cluster.add_pod("w", {"ray.io/cluster": "train-1-abcde", "ray.io/group": "trainers"}, conditions=[unscheduled])
    until(lambda: any("trainers is not scheduled: no nodes have label" in line for line in watched.said))
    cluster.write_status("train-1", jobDeploymentStatus="Failed", jobStatus="")
    assert watched.ended().status == "FAILED"


def test_a_log_that_cannot_be_read_costs_the_log_and_not_the_launch(cluster: Server, outputs: Outputs) -> None:
    watched = Watched(cluster, outputs)
    cluster.add_pod("submitter", {"batch.kubernetes.io/job-name": "train-1"}, phase="Running")
    cluster.write_status("train-1", jobDeploymentStatus="Running")
    until(lambda: watched.lines)
    assert "kubectl" in watched.lines[0]
    cluster.write_status("train-1", jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
    assert watched.ended().exit_code == 0


def test_ctrl_c_leaves_the_job_running_and_says_how_to_stop_it(
    cluster: Server, outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rayeks.launching.cluster.time.sleep", interrupt)
    said: list[str] = []
    result = launch(
        "train",
        outputs(namespace=cluster.namespace),
        local=False,
        kubeconfig=cluster.kubeconfig,
        run="train-1",
        progress=said.append,
    )
    assert (result.status, result.exit_code) == ("DETACHED", 0)
    assert f"kubectl -n {cluster.namespace} delete rayjob train-1" in said[-1]
    assert len(cluster.jobs()) == 1


def test_a_resumed_run_is_told_its_name(cluster: Server, outputs: Outputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rayeks.launching.cluster.time.sleep", interrupt)
    launch(
        "train",
        outputs(namespace=cluster.namespace),
        local=False,
        kubeconfig=cluster.kubeconfig,
        resume="train-0",
        overrides={"TRAIN_EPOCHS": "9"},
    )
    (job,) = cluster.jobs()
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    values = {entry["name"]: entry["value"] for entry in head["env"] if "value" in entry}
    assert (values["RESUME_RUN"], values["TRAIN_EPOCHS"]) == ("train-0", "9")
    assert "RUN_NAME" not in values


def test_a_namespace_that_is_not_there_is_named(kuberay: Server, outputs: Outputs) -> None:
    stack = outputs(namespace="ray-nobody")
    with pytest.raises(UserError, match="no namespace 'ray-nobody'"):
        launch("train", stack, local=False, kubeconfig=kuberay.kubeconfig)


def test_a_manifest_that_the_schema_refuses_is_refused_with_the_path(cluster: Server, outputs: Outputs) -> None:
    stack = outputs(namespace=cluster.namespace)
    stack["workloads"]["train"]["manifest"]["spec"]["backoffLimit"] = "many"
    with pytest.raises(UserError, match=r"spec\.backoffLimit"):
        launch("train", stack, local=False, kubeconfig=cluster.kubeconfig)


def test_an_api_server_that_does_not_answer_is_named(cluster: Server, outputs: Outputs, tmp_path: Path) -> None:
    elsewhere = yaml.safe_load(cluster.kubeconfig.read_text())
    elsewhere["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(elsewhere))
    with pytest.raises(UserError, match=r"https://127\.0\.0\.1:9 does not answer"):
        launch("train", outputs(), local=False, kubeconfig=tmp_path / "kubeconfig")


@pytest.fixture
def service(cluster: Server) -> dict[str, Any]:
    """Outputs with the service."""
    spec = serve.service(namespace=cluster.namespace, models_uri="s3://b/models", image="ray", team="a")
    return {"workloads": {"serve": {"manifest": ray_service(spec), "launch": "rayeks launch serve"}}}


def serving(cluster: Server, stack: dict[str, Any], **options: Any) -> tuple[threading.Thread, list[Any]]:
    """A launch of the service in a thread; its result, or its error, and before them what it said."""
    said: list[Any] = []

    def run() -> None:
        try:
            said.append(
                launch("serve", stack, local=False, kubeconfig=cluster.kubeconfig, progress=said.append, **options)
            )
        except UserError as error:
            said.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


def test_a_service_is_launched_until_what_was_applied_answers(cluster: Server, service: dict[str, Any]) -> None:
    thread, said = serving(cluster, service, overrides={"COLOUR": "red"})
    (applied,) = until(cluster.services)
    assert applied["metadata"]["name"] == "serve"
    worker = applied["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert {"name": "COLOUR", "value": "red"} in worker["env"]
    cluster.write_service(
        "serve",
        pendingServiceStatus={
            "rayClusterName": "serve-abcde",
            "applicationStatuses": {"digits": {"status": "DEPLOYING"}},
        },
    )
    until(lambda: any("application 'digits' is deploying" in str(line) for line in said))
    cluster.write_service("serve", **READY, observedGeneration=0)  # of what was there before
    time.sleep(3)
    assert thread.is_alive()
    cluster.write_service("serve", **READY, observedGeneration=applied["metadata"]["generation"])
    thread.join(30)
    result = said[-1]
    assert (result.status, result.exit_code) == ("RUNNING", 0)
    assert f"http://serve-serve-svc.{cluster.namespace}.svc.cluster.local:8000" in result.message


def test_an_application_that_cannot_start_ends_the_launch_with_serves_reason(
    cluster: Server, service: dict[str, Any]
) -> None:
    thread, said = serving(cluster, service)
    until(cluster.services)
    broken = {"digits": {"status": "DEPLOY_FAILED", "message": "there is no model 'digits@never'"}}
    cluster.write_service(
        "serve", pendingServiceStatus={"rayClusterName": "serve-abcde", "applicationStatuses": broken}
    )
    thread.join(30)
    assert (said[-1].status, said[-1].exit_code) == ("FAILED", 1)
    assert "application 'digits': there is no model 'digits@never'" in said[-1].message


def test_a_service_that_the_stack_deploys_is_watched_and_not_applied(cluster: Server, service: dict[str, Any]) -> None:
    service["workloads"]["serve"]["deployed"] = True
    thread, said = serving(cluster, service, overrides={"A": "1"})
    thread.join(30)
    assert "deployed by the stack" in str(said[-1])
    manifest = service["workloads"]["serve"]["manifest"]
    cluster.custom.create_namespaced_custom_object(
        body=manifest, namespace=cluster.namespace, field_manager="pulumi", **RAYSERVICES
    )
    cluster.write_service("serve", **READY, observedGeneration=1)
    thread, said = serving(cluster, service)
    thread.join(30)
    assert said[-1].status == "RUNNING"
    assert {entry["manager"] for entry in cluster.services()[0]["metadata"]["managedFields"]}.isdisjoint({"rayeks"})


def test_a_service_of_somebody_else_is_not_taken_over(cluster: Server, service: dict[str, Any]) -> None:
    theirs = copy.deepcopy(service["workloads"]["serve"]["manifest"])
    theirs["spec"]["rayClusterDeletionDelaySeconds"] = 5
    cluster.custom.create_namespaced_custom_object(
        body=theirs, namespace=cluster.namespace, field_manager="pulumi", **RAYSERVICES
    )
    thread, said = serving(cluster, service)
    thread.join(30)
    assert "belongs to somebody else" in str(said[-1])
    assert "--run" in str(said[-1])


def test_the_api_server_accepts_every_kind_of_manifest_to_the_last_field(cluster: Server) -> None:
    owner = Owner(namespace=cluster.namespace, team="a", queue="a")
    group = Workers(name="cpu", pool="ray-cpu", replicas=1, least=0, most=3, resources=Resources(cpu=1, memory_gib=1))
    scaling = Cluster(image="ray", workers=(group,), autoscaling=True)
    anywhere: dict[str, Any] = {"namespace": cluster.namespace, "image": "ray", "team": "a"}
    job = train.job(**anywhere, bucket_uri="s3://b/p", gpu=True)
    places: dict[str, Any] = {f"{place}_uri": "s3://b/p" for place in ("checkpoints", "models", "input", "output")}
    the_loop = loop.job(**anywhere, **places)
    for manifest, plural in (
        (ray_job(job), "rayjobs"),
        (ray_cluster("dev", owner, scaling), "rayclusters"),
        (ray_service(Service(name="s", owner=owner, cluster=scaling, serve_config={})), "rayservices"),
        (ray_cron_job(CronJob(name="c", schedule="@daily", job=job)), "raycronjobs"),
        (ray_job(data.job(**anywhere, input_uri="s3://b/i", output_uri="s3://b/o", models_uri="s3://b/m")), "rayjobs"),
        (ray_service(serve.service(**anywhere, models_uri="s3://b/m", gpu=True)), "rayservices"),
        (ray_job(hybrid.job(**anywhere, bucket_uri="s3://b/p", gpu=True)), "rayjobs"),
        (ray_cron_job(loop.pipeline(the_loop, schedule="0 3 * * *", epochs=2)), "raycronjobs"),
    ):
        cluster.custom.create_namespaced_custom_object(
            "ray.io", "v1", cluster.namespace, plural, manifest, field_validation="Strict"
        )
