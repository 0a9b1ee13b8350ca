"""The stack under the real controllers: it is placed whole, and each planted fault is named by those who meet it.

The tests share one stack with its controllers running, in the order of this file; each leaves it whole.
"""

import copy
import json
import os
import signal
import time
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from infra import contract, queueing
from infra.config import Platform
from local import aws, services
from local.controllers import KARPENTER_AWS, KUBERAY
from local.home import root
from local.providers.kubernetes.client import ApiError
from rayeks.engine.down import down, processes
from rayeks.engine.up import Outcome, up
from rayeks.plan import plan
from rayeks.preflight.stack import platform as configured
from rayeks.proof import classes, launches, rest
from rayeks.proof.cluster import LAUNCH_LABEL, Cluster
from rayeks.proof.run import prove
from tests.conftest import taken_down
from tests.rayeks.proof.waiting import until

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CLASS = "karpenter.k8s.aws/v1"
ROLE = "ray-local-karpenter"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A home for the module's stack, emptied at the end with whatever a failed test left."""
    path = tmp_path_factory.mktemp("proof")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(path))
        with taken_down():
            yield path


def test_every_sample_and_every_pool_is_placed_and_every_node_goes():
    proof = prove(Console(width=160))
    assert proof.ok, [*proof.faults, *(fault for each in proof.placements for fault in each.faults)]
    assert set(proof.classes) == {"ray-head", "ray-cpu", "ray-data", "ray-gpu-infer", "ray-gpu-train"}
    for each in proof.placements:
        if each.what.startswith("pool-"):
            assert each.pools == (each.what.removeprefix("pool-"),)
    heads = {machine.capacity for each in proof.placements for machine in each.machines if machine.pool == "ray-head"}
    assert heads == {"on-demand"}
    assert proof.drained_s is not None and sum(proof.memory_mib.values()) < 2_500
    assert not [each for each in processes() if KARPENTER_AWS in each]


@pytest.fixture(scope="module")
def stack(home: Path) -> Outcome:
    """The stack with its controllers beside it."""
    return up(Console(width=160), with_controllers=True)


@pytest.fixture
def cluster(stack: Outcome) -> Generator[Cluster]:
    """Its API server; nodes and pods of a test are gone after it."""
    found = Cluster(stack.servers.kubernetes.kubeconfig, aws.REGION)
    found.apply(launches.namespace())
    yield found
    rest.clear(found, print)
    assert rest.drained(found, 180, print) is not None


def client(service: str) -> Any:
    running = aws.status()
    assert running
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": running.region}
    return boto3.client(service, endpoint_url=running.endpoint, **keys)


def plant(cluster: Cluster, change: dict[str, Any]) -> str:
    """A copy of a pool's EC2NodeClass with a fault in it; its name, which no other test used."""
    kind = cluster.api.kind(CLASS, "EC2NodeClass")
    good = cluster.api.get(kind, None, "ray-cpu")
    assert good
    name = f"planted-{time.monotonic_ns()}"
    planted = {"apiVersion": CLASS, "kind": "EC2NodeClass", "metadata": {"name": name}}
    cluster.apply(planted | {"spec": copy.deepcopy(good["spec"]) | change})
    return name


def complaint(cluster: Cluster, name: str, words: str) -> str:
    """What is said of the class, once that holds the words."""

    def said() -> str | None:
        conditions = cluster.conditions(CLASS, "ec2nodeclasses")[name]
        text = classes.unready(name, conditions, services.log_path(KARPENTER_AWS))
        return text if words in text else None

    return until(said, 60)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "another"}}]}, "SubnetsNotFound"),
        ({"securityGroupSelectorTerms": [{"tags": {"no": "such"}}]}, "SecurityGroupsNotFound"),
        ({"amiSelectorTerms": [{"alias": "al2023@v20990101"}]}, "failed to discover any AMIs for alias"),
        ({"placementGroupSelector": {"name": "absent"}}, "PlacementGroupResolutionFailed"),
        ({"role": "absent"}, "absent"),
    ],
    ids=["subnet tag", "security group tag", "AMI alias", "placement group", "node role"],
)
def test_a_class_that_asks_aws_for_what_is_not_there_is_told_so(cluster: Cluster, change: dict[str, Any], words: str):
    name = plant(cluster, change)
    try:
        assert complaint(cluster, name, words)
    finally:
        cluster.delete({"apiVersion": CLASS, "kind": "EC2NodeClass", "metadata": {"name": name}})


def test_a_right_that_karpenter_s_role_lacks_is_named_and_granting_it_heals(cluster: Cluster):
    iam = client("iam")
    policy = iam.get_role_policy(RoleName=ROLE, PolicyName="resource-discovery")["PolicyDocument"]
    iam.delete_role_policy(RoleName=ROLE, PolicyName="resource-discovery")
    try:
        # Other terms than the pools', or Karpenter would answer from its cache.
        terms = [{"tags": {"karpenter.sh/discovery": "ray-local", "environment": "local"}}]
        name = plant(cluster, {"subnetSelectorTerms": terms})
        said = complaint(cluster, name, "UnauthorizedOperation")
        assert f"assumed-role/{ROLE}/karpenter is not authorized to perform: ec2:Describe" in said
    finally:
        iam.put_role_policy(RoleName=ROLE, PolicyName="resource-discovery", PolicyDocument=json.dumps(policy))
    until(lambda: cluster.conditions(CLASS, "ec2nodeclasses")[name]["Ready"]["status"] == "True")
    cluster.delete({"apiVersion": CLASS, "kind": "EC2NodeClass", "metadata": {"name": name}})


def launched(cluster: Cluster, stack: Outcome, name: str = "train") -> list[Any]:
    """A sample, once all its pods are Ready."""
    cluster.apply(launches.sample(name, stack.outputs["workloads"][name]["manifest"]))

    def ready() -> Any:
        pods = [pod for pod in cluster.pods() if pod.owner == name]
        return pods if len(pods) > 2 and all(pod.ready for pod in pods) else None

    return until(ready)


def head(cluster: Cluster) -> tuple[str, str]:
    """The head pod of the sample: its uid, and the node that it stands on."""
    (found,) = cluster.listed("/api/v1/pods", f"{LAUNCH_LABEL},ray.io/node-type=head")
    return found["metadata"]["uid"], found["spec"]["nodeName"]


def test_one_wrong_character_in_a_toleration_leaves_the_pod_pending_with_the_reason(cluster: Cluster, stack: Outcome):
    probe = launches.probe("ray-head", next(iter(platform_pools(stack, "ray-head"))))
    probe["spec"]["tolerations"] = [{"key": "ray.io/haed", "operator": "Exists"}]
    cluster.apply(probe)
    reason = until(lambda: next((pod.reason for pod in cluster.pods() if "did not tolerate" in pod.reason), None), 60)
    assert "ray.io/head" in reason


def test_a_spot_interruption_takes_a_worker_and_the_cluster_heals_with_its_head_where_it_was(
    cluster: Cluster, stack: Outcome
):
    launched(cluster, stack)
    before = head(cluster)
    spot = next(item for item in cluster.listed("/api/v1/nodes", "karpenter.sh/capacity-type=spot"))
    notice(spot["spec"]["providerID"].rpartition("/")[2])
    name = spot["metadata"]["name"]
    until(lambda: all(item["metadata"]["name"] != name for item in cluster.listed("/api/v1/nodes")))

    def healed() -> bool:
        pods = [pod for pod in cluster.pods() if pod.owner == "train"]
        return len(pods) > 2 and all(pod.ready and pod.node != name for pod in pods)

    until(healed)
    assert head(cluster) == before


def notice(instance: str) -> None:
    """EC2's two-minute notice, as EventBridge puts it into the queue."""
    sqs = client("sqs")
    event = {
        "version": "0",
        "id": "1e5527d7-bb36-4607-3370-4164db56a40e",
        "detail-type": "EC2 Spot Instance Interruption Warning",
        "source": "aws.ec2",
        "account": aws.ACCOUNT,
        "time": "2026-11-23T00:00:00Z",
        "region": aws.REGION,
        "resources": [f"arn:aws:ec2:{aws.REGION}:{aws.ACCOUNT}:instance/{instance}"],
        "detail": {"instance-id": instance, "instance-action": "terminate"},
    }
    url = sqs.get_queue_url(QueueName="ray-local")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))


def test_a_pool_at_its_limit_says_so(cluster: Cluster, stack: Outcome):
    kind = cluster.api.kind("karpenter.sh/v1", "NodePool")
    pool = cluster.api.get(kind, None, "ray-data")
    assert pool
    change = [{"op": "replace", "path": "/spec/limits", "value": {"cpu": "1"}}]
    cluster.api.patch(kind, None, "ray-data", change)
    try:
        cluster.apply(launches.probe("ray-data", next(iter(platform_pools(stack, "ray-data")))))
        reason = until(lambda: next((pod.reason for pod in cluster.pods() if "limits" in pod.reason), None), 60)
        assert "ray-data" in reason
    finally:
        cluster.api.patch(
            kind, None, "ray-data", [{"op": "replace", "path": "/spec/limits", "value": pool["spec"]["limits"]}]
        )


def gang(stack: Outcome, name: str, workers: int, priority: str | None = None) -> dict[str, Any]:
    """The training sample with so many workers, under a name of its own."""
    job = launches.sample(name, stack.outputs["workloads"]["train"]["manifest"])
    job["metadata"]["name"] = f"proof-{name}"
    if priority:
        job["metadata"]["labels"][contract.PRIORITY_LABEL] = contract.priority_class(priority)
    (group,) = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    group |= {"replicas": workers, "minReplicas": workers, "maxReplicas": workers}
    return job


def stands(cluster: Cluster, name: str, workers: int) -> bool:
    """Whether the whole gang is Ready: its workers, its head and its submitter."""
    pods = [pod for pod in cluster.pods() if pod.owner == name]
    return len(pods) == workers + 2 and all(pod.ready for pod in pods)


def waits(cluster: Cluster, name: str) -> bool:
    """Whether a job is held back whole, without a single pod."""
    jobs = cluster.listed("/apis/ray.io/v1/rayjobs")
    job = next(item for item in jobs if item["metadata"]["name"] == f"proof-{name}")
    return job["spec"].get("suspend") is True and not [pod for pod in cluster.pods() if pod.owner == name]


def test_two_gangs_that_fit_alone_and_not_together_run_one_after_the_other(cluster: Cluster, stack: Outcome):
    first, second = gang(stack, "first", 9), gang(stack, "second", 9)
    cluster.apply(first)
    until(lambda: stands(cluster, "first", 9))
    cluster.apply(second)
    time.sleep(10)
    assert waits(cluster, "second")
    cluster.delete(first)
    until(lambda: stands(cluster, "second", 9))


def test_an_urgent_gang_takes_the_place_of_another_which_comes_back_after_it(cluster: Cluster, stack: Outcome):
    cluster.apply(gang(stack, "plain", 9))
    until(lambda: stands(cluster, "plain", 9))
    urgent = gang(stack, "urgent", 9, priority="high")
    cluster.apply(urgent)
    until(lambda: stands(cluster, "urgent", 9))
    assert waits(cluster, "plain")
    cluster.delete(urgent)
    until(lambda: stands(cluster, "plain", 9))


@pytest.fixture
def neighbour(cluster: Cluster, stack: Outcome) -> Generator[str]:
    """A second team beside the stack's own, of equal quota: its namespace. Both queues are as two tenants' would be."""
    platform = local_platform()
    mine = platform.tenants["research"]
    tenants, found = {"research": mine, "other": mine}, queueing.flavours(platform.pools)
    settings = platform.queues
    assert settings
    namespace, alone = contract.namespace("other"), {"research": mine}

    def queues(teams: dict[str, Any]) -> None:
        for team in teams:
            spec = queueing.cluster_queue(team, teams, found, settings)
            cluster.apply(queue_object("ClusterQueue", contract.namespace(team), spec))
        cluster.apply(queue_object("Cohort", settings.cohort, queueing.cohort(teams, found, settings)))

    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for account in contract.SERVICE_ACCOUNTS:
        metadata = {"name": account, "namespace": namespace}
        cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    queues(tenants)
    local = queue_object("LocalQueue", contract.QUEUE, {"clusterQueue": namespace})
    local["metadata"]["namespace"] = namespace
    cluster.apply(local)
    try:
        yield namespace
    finally:
        rest.clear(cluster, print)
        cluster.delete(local)
        cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        cluster.delete(queue_object("ClusterQueue", namespace, {}))
        queues(alone)


def queue_object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": queueing.API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_what_a_team_borrowed_goes_back_when_its_owner_asks_and_is_lent_again_after(
    cluster: Cluster, stack: Outcome, neighbour: str
):
    """Each is promised 32 of the pool's 64 CPUs: nine workers of four borrow, eight are one's own."""
    cluster.apply(gang(stack, "borrower", 9))
    until(lambda: stands(cluster, "borrower", 9))
    owner = gang(stack, "owner", 8)
    owner["metadata"]["namespace"] = neighbour
    cluster.apply(owner)
    until(lambda: stands(cluster, "owner", 8))
    assert waits(cluster, "borrower")
    cluster.delete(owner)
    until(lambda: stands(cluster, "borrower", 9))


def test_an_operator_that_is_killed_half_way_goes_on_where_it_was(cluster: Cluster, stack: Outcome):
    cluster.apply(launches.sample("train", stack.outputs["workloads"]["train"]["manifest"]))
    until(lambda: cluster.listed("/apis/ray.io/v1/rayclusters"), 30)
    running = services.running(KUBERAY)
    assert running
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: services.running(KUBERAY) is None, 10)
    up(Console(width=160), with_controllers=True)
    assert launched(cluster, stack)


def test_the_api_server_refuses_what_the_pinned_crds_refuse(cluster: Cluster):
    kind = cluster.api.kind("karpenter.sh/v1", "NodePool")
    with pytest.raises(ApiError, match="consolidateAfter"):
        cluster.api.patch(kind, None, "ray-cpu", [{"op": "remove", "path": "/spec/disruption/consolidateAfter"}])


def test_karpenter_takes_the_stack_down_to_nothing(stack: Outcome):
    outcome = down(Console(width=160))
    assert outcome.ledger and not processes()


def platform_pools(stack: Outcome, kind: str) -> list[Any]:
    """The pools of a kind, as the stack file says them."""
    return [pool for pool in local_platform().pools.values() if pool.kind == kind]


@cache
def local_platform() -> Platform:
    """The configuration of the stack."""
    return configured(plan("local", root=root()))
