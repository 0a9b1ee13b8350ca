"""The program of every stack file: what waits for what, and so what is deleted before what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rayeks.plan import Plan, Resource, plan
from rayeks.plan.critical_path import critical_path
from rayeks.plan.platform import platform

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "staging", "prod")


@pytest.fixture(scope="module", params=STACKS)
def made(request) -> Plan:
    return plan(request.param, root=ROOT)


def of(made: Plan, kind: str, name: str = "") -> list[Resource]:
    found = [r for r in made.resources if r.type.endswith(kind) and r.name.endswith(name)]
    assert found, f"no {kind} {name}"
    return found


def waits_for(made: Plan, resource: Resource) -> set[str]:
    """Every URN that must exist before the resource does, and so outlives it at a teardown.

    As the engine reads it: dependencies, parent and provider, and for a component everything below it.
    """
    by_urn = {r.urn: r for r in made.resources}
    below: dict[str, list[str]] = {}
    for r in made.resources:
        below.setdefault(r.parent or "", []).append(r.urn)

    def descendants(urn: str) -> Iterator[str]:
        for child in below.get(urn, []):
            yield child
            yield from descendants(child)

    seen: set[str] = set()
    todo = [(resource.urn, True)]
    while todo:
        urn, whole = todo.pop()
        found = dict.fromkeys(by_urn[urn].dependencies, True)
        found |= {above: False for above in (by_urn[urn].parent, by_urn[urn].provider) if above}
        if whole and urn != resource.urn and not by_urn[urn].custom:
            found |= dict.fromkeys(descendants(urn), True)
        for dependency, children in found.items():
            known = dependency if dependency in by_urn else dependency.rsplit("::", 1)[0]
            if known not in seen and known in by_urn:
                seen.add(known)
                todo.append((known, children))
    return seen


CHAIN = [
    ("core/v1:Namespace", "-research", "karpenter.sh/v1:NodePool", "", "jobs end before their machines"),
    ("core/v1:Namespace", "-research", "helm.sh/v3:Release", "kuberay-operator", "jobs end while KubeRay can clean up"),
    ("core/v1:Namespace", "-research", "eks/addon:Addon", "coredns", "jobs never lose DNS"),
    ("core/v1:Namespace", "-research", "eks/addon:Addon", "aws-ebs-csi-driver", "the driver deletes the teams' disks"),
    ("helm.sh/v3:Release", "kuberay-operator", "helm.sh/v3:Release", "kuberay-crds", "the CRDs outlive the operator"),
    ("helm.sh/v3:Release", "kuberay-operator", "eks/nodeGroup:NodeGroup", "-system", "it has a node to run on"),
    (
        "helm.sh/v3:Release",
        "nvidia-device-plugin",
        "core/v1:Namespace",
        "node-agents",
        "daemons go before their namespace",
    ),
    (
        "helm.sh/v3:Release",
        "kube-prometheus-stack",
        "helm.sh/v3:Release",
        "prometheus-operator-crds",
        "it watches them",
    ),
    ("core/v1:Namespace", "monitoring", "eks/addon:Addon", "aws-ebs-csi-driver", "the driver deletes Prometheus' disk"),
    ("v1:PodMonitor", "", "helm.sh/v3:Release", "prometheus-operator-crds", "a CRD outlives what it defines"),
    ("v1:PrometheusRule", "", "helm.sh/v3:Release", "prometheus-operator-crds", "a CRD outlives what it defines"),
    ("helm.sh/v3:Release", "kuberay-crds", "core/v1:Namespace", "kuberay", "the release's record lies in it"),
    ("karpenter.sh/v1:NodePool", "ray-cpu", "karpenter.k8s.aws/v1:EC2NodeClass", "ray-cpu", "nodes drain first"),
    ("karpenter.k8s.aws/v1:EC2NodeClass", "", "helm.sh/v3:Release", "karpenter", "Karpenter ends its nodes"),
    ("helm.sh/v3:Release", "karpenter", "helm.sh/v3:Release", "karpenter-crd", "the CRDs outlive the controller"),
    ("helm.sh/v3:Release", "karpenter", "podIdentityAssociation:PodIdentityAssociation", "-karpenter", "it has rights"),
    ("helm.sh/v3:Release", "karpenter", "rolePolicy:RolePolicy", "-karpenter-iam-integration", "it has its policies"),
    ("helm.sh/v3:Release", "karpenter", "accessEntry:AccessEntry", "-karpenter-node", "its nodes may still drain"),
    ("helm.sh/v3:Release", "karpenter", "sqs/queue:Queue", "", "it reads its queue"),
    ("helm.sh/v3:Release", "karpenter", "eks/nodeGroup:NodeGroup", "-system", "it has a node to run on"),
    ("helm.sh/v3:Release", "karpenter", "eks/addon:Addon", "eks-pod-identity-agent", "it gets its credentials"),
    ("helm.sh/v3:Release", "kuberay-operator", "eks/nodeGroup:NodeGroup", "-system", "it has a node to run on"),
    ("eks/nodeGroup:NodeGroup", "-system", "eks/addon:Addon", "vpc-cni", "nodes keep their network"),
    ("eks/nodeGroup:NodeGroup", "-system", "natGateway:NatGateway", "", "nodes reach their images"),
    (
        "eks/nodeGroup:NodeGroup",
        "-system",
        "rolePolicyAttachment:RolePolicyAttachment",
        "-node-AmazonEKS_CNI_Policy",
        "",
    ),
    ("eks/addon:Addon", "coredns", "eks/nodeGroup:NodeGroup", "-system", "CoreDNS is healthy on nodes only"),
    ("eks/addon:Addon", "vpc-cni", "eks/cluster:Cluster", "", "an add-on is part of its cluster"),
    ("eks/cluster:Cluster", "", "ec2/subnet:Subnet", "private-us-west-2a", "the control plane stands in the VPC"),
    ("natGateway:NatGateway", "", "internetGateway:InternetGateway", "", "the way out goes last"),
]


WARM = [
    ("apps/v1:Deployment", "headroom-ray-head", "karpenter.sh/v1:NodePool", "ray-head", "nothing holds nodes that go"),
    ("apps/v1:DaemonSet", "prepull-cpu", "karpenter.sh/v1:NodePool", "ray-head", "nothing holds nodes that go"),
    ("helm.sh/v3:Release", "fluent-bit", "core/v1:Namespace", "node-agents", "daemons go before their namespace"),
    ("helm.sh/v3:Release", "fluent-bit", "rolePolicy:RolePolicy", "-fluent-bit-send", "it has its rights"),
    (
        "helm.sh/v3:Release",
        "opencost",
        "helm.sh/v3:Release",
        "prometheus-operator-crds",
        "its ServiceMonitor needs them",
    ),
]


@pytest.mark.parametrize(("first", "one", "then", "two", "why"), WARM, ids=[f"{a}-{b}" for a, b, *_ in WARM])
def test_what_a_full_stack_adds_goes_before_what_it_stands_on(made, first, one, then, two, why):
    if made.stack not in ("local", "prod"):
        return
    wanted = {r.urn for r in of(made, then, two)}
    for resource in of(made, first, one):
        assert wanted & waits_for(made, resource), f"{resource.name} must go before {then} {two}: {why}"


QUEUES = [
    ("core/v1:Namespace", "-research", "v1beta2:ClusterQueue", "-research", "jobs leave the queue before it goes"),
    ("v1beta2:ClusterQueue", "", "v1beta2:ResourceFlavor", "ray-cpu", "a flavour in use has a finalizer"),
    ("v1beta2:ClusterQueue", "", "v1beta2:Cohort", "", "a queue never lends to nobody"),
    (
        "v1beta2:ClusterQueue",
        "",
        "karpenter.sh/v1:NodePool",
        "ray-cpu",
        "no job is admitted to machines that are going",
    ),
    ("v1beta2:ResourceFlavor", "", "helm.sh/v3:Release", "kueue", "Kueue alone takes the finalizers off"),
    ("helm.sh/v3:Release", "kueue", "eks/nodeGroup:NodeGroup", "-system", "it has a node to run on"),
    ("helm.sh/v3:Release", "kueue", "helm.sh/v3:Release", "kuberay-crds", "it watches Ray's objects"),
]


@pytest.mark.parametrize(
    ("first", "one", "then", "two", "why"), QUEUES, ids=[f"{a}-{c}{d}" for a, _, c, d, _ in QUEUES]
)
def test_queues_go_after_their_jobs_and_before_all_that_they_stand_on(made, first, one, then, two, why):
    if made.stack == "dev":
        assert not [r for r in made.resources if "kueue" in r.type]
        return
    wanted = {r.urn for r in of(made, then, two)}
    for resource in of(made, first, one):
        assert wanted & waits_for(made, resource), f"{resource.name} must go before {then} {two}: {why}"


@pytest.mark.parametrize(("first", "one", "then", "two", "why"), CHAIN, ids=[f"{a}-{c}{d}" for a, _, c, d, _ in CHAIN])
def test_a_teardown_deletes_what_stands_on_something_before_it(made, first, one, then, two, why):
    wanted = {r.urn for r in of(made, then, two)}
    for resource in of(made, first, one):
        assert wanted & waits_for(made, resource), f"{resource.name} must go before {then} {two}: {why}"


def test_the_control_plane_waits_for_no_nat_gateway(made):
    cluster = of(made, "eks/cluster:Cluster")[0]
    assert not {r.urn for r in of(made, "natGateway:NatGateway")} & waits_for(made, cluster), (
        "a control plane takes ten minutes and needs subnets only"
    )


def test_the_first_ray_pod_waits_little_longer_than_for_what_nobody_can_avoid(made):
    ratio = critical_path(made).ratio
    assert ratio is not None and 1 <= ratio <= 1.1


def test_the_cluster_lets_in_those_whom_the_stack_file_names_and_its_nodes(made):
    (cluster,) = of(made, "eks/cluster:Cluster")
    assert cluster.inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    named = {entry.principal for entry in platform(made).cluster.access.values()}
    entries = {r.inputs["principalArn"]: r.inputs["type"] for r in of(made, "accessEntry:AccessEntry")}
    assert {arn for arn, kind in entries.items() if kind == "STANDARD"} == named
    assert [kind for kind in entries.values() if kind != "STANDARD"] == ["EC2_LINUX"]


def test_every_sample_of_the_outputs_has_its_manifest_and_its_command(made):
    workloads = made.to_json()["outputs"]["workloads"]
    kinds = dict.fromkeys(("train", "data", "hybrid", "loop"), "RayJob")
    kinds |= {"serve": "RayService", "pipeline": "RayCronJob"}
    assert set(workloads) <= set(kinds)
    assert {"train", "serve"} <= set(workloads)
    for sample, launch in workloads.items():
        assert launch["manifest"]["kind"] == kinds[sample]
        assert launch["launch"] == f"rayeks launch {sample} --stack {made.stack}"
    url = f"http://serve-serve-svc.{workloads['serve']['manifest']['metadata']['namespace']}.svc.cluster.local:8000"
    assert workloads["serve"]["url"] == url


def test_a_sample_that_the_stack_deploys_is_applied_as_the_outputs_say_and_goes_before_its_namespace(made):
    workloads = made.to_json()["outputs"]["workloads"]
    deployed = {name: launch["manifest"] for name, launch in workloads.items() if launch["deployed"]}
    assert set(deployed) == ({"serve"} if made.stack in ("staging", "prod") else set())
    for name, manifest in deployed.items():
        (resource,) = of(made, f"{manifest['apiVersion']}:{manifest['kind']}", name)
        assert resource.inputs["spec"] == manifest["spec"]
        assert {r.urn for r in of(made, "core/v1:Namespace", "ray-research")} <= waits_for(made, resource)


def test_data_is_protected_in_staging_and_prod(made):
    if made.stack in ("staging", "prod"):
        assert all(r.protect for r in of(made, "s3/bucket:Bucket"))
        assert all(r.protect for r in of(made, "efs/fileSystem:FileSystem"))
    if made.stack == "prod":
        assert of(made, "eks/cluster:Cluster")[0].inputs["deletionProtection"]
