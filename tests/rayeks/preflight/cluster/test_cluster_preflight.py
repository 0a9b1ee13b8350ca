"""The preflight of a cluster that is there already, by a real API server: ready, and broken one thing at a time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.home import root
from rayeks.__main__ import main
from rayeks.preflight import Cluster, Status
from rayeks.preflight.checks.cluster import rights
from rayeks.preflight.model import CHECKS, Ground
from rayeks.preflight.render import document
from tests.rayeks.preflight.cluster.conftest import GPU, TAINT, There, node


def broken(findings, subject: str) -> Any:
    """The one finding of a subject that is no pass."""
    (found,) = [each for each in findings if each.subject == subject and each.status is not Status.PASS]
    return found


def test_a_cluster_that_is_ready_fails_nothing_and_says_plainly_what_cannot_be_known(ask) -> None:
    report = ask()
    assert [f.to_json() for f in report.findings if f.status in (Status.FAIL, Status.UNKNOWN)] == []
    assert report.ok
    assert {f.check for f in report.findings} == {n for n, each in CHECKS.items() if each.of is Ground.KUBERNETES}
    warned = {(f.check, f.subject) for f in report.findings if f.status is Status.WARN}
    assert warned == {
        ("cluster", "API servers"),  # a loopback address has no EndpointSlice
        ("registry", "images.cpu"),
        ("registry", "images.gpu"),
        ("gpu-metrics", "DCGM exporter"),
    }
    assert all("unknown" in f.message for f in report.findings if f.check == "registry")
    told = json.loads(document(report))
    assert told["ok"] and told["context"] and told["version"].startswith("v1.") and told["identity"]


def test_a_preflight_leaves_the_cluster_as_it_was(ask, there: There) -> None:
    def objects() -> tuple[list[str], ...]:
        listed = (there.core.list_namespace(), there.core.list_secret_for_all_namespaces())
        return tuple(sorted(f"{o.metadata.name} {o.metadata.resource_version}" for o in each.items) for each in listed)

    before = objects()
    ask()
    assert objects() == before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kubeconfig": "/nowhere/config"}, "/nowhere/config cannot be read: No such file"),
        ({"context": "elsewhere"}, "has no context elsewhere; it has"),
    ],
)
def test_a_cluster_that_cannot_be_found_is_one_failure_and_everything_else_is_not_looked_at(ask, given, told) -> None:
    report = ask(**given)
    first, *rest = report.findings
    assert first.status is Status.FAIL and told in first.message and first.fix
    assert {f.status for f in rest} <= {Status.UNKNOWN, Status.WARN} and all(
        "nobody is let in" in f.message for f in rest
    )
    assert not report.ok


def test_a_server_that_does_not_answer_is_one_failure_with_its_address(ask, there: There, tmp_path: Path) -> None:
    content = yaml.safe_load(Path(there.kubeconfig).read_text())
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(content))
    (finding,) = ask("cluster", kubeconfig=str(file)).findings
    assert finding.status is Status.FAIL
    assert "https://127.0.0.1:1 does not answer" in finding.message and "VPN" in finding.fix


def test_a_context_whose_credentials_are_not_taken_is_told(ask, there: There, tmp_path: Path) -> None:
    (finding,) = ask("cluster", kubeconfig=holder(there, "nonsense", tmp_path)).findings
    assert finding.status is Status.FAIL and "log in again" in finding.fix


def holder(there: There, token: str, folder: Path) -> str:
    """A kubeconfig of the same cluster for the holder of a token."""
    content = yaml.safe_load(Path(there.kubeconfig).read_text())
    for user in content["users"]:
        user["user"] = {"token": token}
    file = folder / "holder"
    file.write_text(yaml.safe_dump(content))
    return str(file)


@pytest.fixture
def poor(there: There, tmp_path: Path) -> str:
    """The kubeconfig of somebody who may look at everything, and make namespaces and ConfigMaps alone."""
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}
    some = {"apiGroups": [""], "resources": ["namespaces", "configmaps"], "verbs": ["create", "patch", "delete"]}
    there.rbac.create_cluster_role({"metadata": {"name": "poor"}, "rules": [everything, some]})
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": "elsewhere"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "poor"}
    there.rbac.create_cluster_role_binding({"metadata": {"name": "poor"}, "subjects": [subject], "roleRef": role})
    there.undo += [
        lambda: there.rbac.delete_cluster_role("poor"),
        lambda: there.rbac.delete_cluster_role_binding("poor"),
    ]
    made = there.core.create_namespaced_service_account_token("default", "elsewhere", {"spec": {}})
    return holder(there, made.status.token, tmp_path)


def test_each_kind_that_may_not_be_made_is_named_with_its_verbs(ask, poor: str) -> None:
    report = ask("cluster-rights", kubeconfig=poor)
    by_subject = {finding.subject: finding for finding in report.findings}
    assert report.about["identity"] == "system:serviceaccount:elsewhere:default"
    assert by_subject["namespaces"].status is by_subject["configmaps"].status is Status.PASS
    for kind in ("secrets", "clusterqueues.kueue.x-k8s.io", "podmonitors.monitoring.coreos.com", "rayservices.ray.io"):
        assert by_subject[kind].status is Status.FAIL
        assert "create, patch, delete" in by_subject[kind].message and "cluster-admin" in by_subject[kind].fix
    granting = by_subject["what operators may"]
    assert granting.status is Status.WARN and "may not escalate nor bind clusterroles" in granting.message


def test_rights_are_asked_for_every_kind_of_the_plan_and_of_every_chart_in_it(example) -> None:
    made = rights.kinds(example)
    planned = {r.type for r in example.plan.resources if r.type.startswith("kubernetes:") and r.type != rights.RELEASE}
    assert len(planned) > 15 and len(made) > len(planned)
    assert {("", "namespaces"), ("networking.k8s.io", "networkpolicies"), ("ray.io", "rayservices")} <= made
    charts = {inputs["chart"].rsplit("/", 1)[-1].removesuffix(".tgz") for _, inputs in example.inputs(rights.RELEASE)}
    assert charts == set(rights.CHARTS)


def test_the_names_of_resources_are_the_server_s_own(there: There, example) -> None:
    cluster = Cluster(there.kubeconfig, there.context)
    versions = ["/api/v1", *(f"/apis/{v}" for v in ("apps/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1"))]
    served = [each for version in versions for each in cluster.read(version)["resources"] if "/" not in each["name"]]
    assert len(served) > 25
    assert [
        each["name"] for each in served if each["kind"] != "Endpoints" and rights.plural(each["kind"]) != each["name"]
    ] == []


def test_too_few_nodes_are_counted_and_the_label_is_told(find, there: There) -> None:
    there.change("cpu-5", labels={"rayeks/pool": None})
    there.change("cpu-4", spec={"unschedulable": True})
    finding = broken(find("nodes"), "ray-cpu")
    assert finding.status is Status.FAIL
    assert "4 of its 6 nodes" in finding.message and "not ready or cordoned: cpu-4" in finding.message
    assert "kubectl label node NAME rayeks/pool=ray-cpu" in finding.fix and "pools.ray-cpu.nodes: 4" in finding.fix


@pytest.mark.parametrize(
    ("name", "held", "pool", "told", "fix"),
    [
        ("cpu-1", {"cpu": "48"}, "ray-cpu", "cpu-1 has 48 of 62 cpu", "set pools.ray-cpu.each.cpu: 48"),
        ("head-0", {"memory": "50Gi"}, "ray-head", "50.0 GiB of 56.0 GiB memory", "each.memory_gib: 50"),
        ("gpu-1", {"nvidia.com/gpu": "7"}, "ray-gpu-train", "7 of 8 nvidia.com/gpu", "each.gpus: 7"),
        ("shared", {"nvidia.com/gpu.shared": "0"}, "ray-gpu-shared", "0 of 8", "see why its device plugin"),
    ],
)
def test_a_node_that_holds_less_than_the_stack_file_says_is_named(find, there, name, held, pool, told, fix) -> None:
    there.change(name, status={"allocatable": held})
    finding = broken(find("nodes"), pool)
    assert finding.status is Status.FAIL and told in finding.message and fix in finding.fix


def test_what_daemons_take_is_not_for_pods(find, there: There) -> None:
    uid = there.add_daemons("agent", "elsewhere")
    owners = [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": uid, "controller": True}]
    container = {"name": "agent", "image": "agent", "resources": {"requests": {"cpu": "3"}}}
    there.add_pod("agent", "elsewhere", {"containers": [container], "nodeName": "cpu-0"}, ownerReferences=owners)
    finding = broken(find("nodes"), "ray-cpu")
    assert "cpu-0 has 61 of 62 cpu for pods (daemons take 3)" in finding.message


def test_a_node_of_two_pools_is_promised_twice(find, there: There) -> None:
    there.change("head-0", labels=GPU)
    findings = find("nodes")
    assert "ray-head and ray-gpu-train" in broken(findings, "head-0").message


def test_a_taint_that_no_pod_of_ours_tolerates_is_named_as_the_stack_file_would_say_it(find, there: There) -> None:
    there.change("cpu-2", spec={"taints": [{"key": "licence", "value": "cad", "effect": "NoExecute"}]})
    finding = broken(find("taints"), "ray-cpu")
    assert finding.status is Status.FAIL and "cpu-2: no pod of ours tolerates licence=cad:NoExecute" in finding.message
    assert finding.fix == "add { key: licence, value: cad, effect: NoExecute } to pools.ray-cpu.taints"


def test_a_taint_that_the_nodes_lack_lets_anybody_in(find, there: There) -> None:
    there.change("gpu-0", spec={"taints": []})
    finding = broken(find("taints"), "ray-gpu-train")
    assert finding.status is Status.WARN and "kubectl taint node NAME dedicated=training:NoSchedule" in finding.fix


def test_operators_need_a_node_without_taints(find, there: There) -> None:
    for each in there.core.list_node().items:
        there.change(each.metadata.name, spec={"taints": [TAINT]})
    assert broken(find("taints"), "operators").status is Status.FAIL


def test_classes_that_are_not_there_or_of_one_writer_are_named_with_those_that_are(find, there: There) -> None:
    there.add_class("local", "rancher.io/local-path")
    missing = broken(
        find("storage-classes", storage__shared={"storage_class": "ceph", "size_gib": 1}),
        "storage.shared.storage_class",
    )
    assert "no class ceph" in missing.message and "fast, local, nfs" in missing.fix
    single = broken(
        find("storage-classes", storage__shared={"storage_class": "local", "size_gib": 1}),
        "storage.shared.storage_class",
    )
    assert "one node at a time" in single.message


def test_prometheus_without_a_class_needs_the_cluster_s_default(find, there: There) -> None:
    assert {f.status for f in find("storage-classes", observability__prometheus={})} == {Status.PASS}
    notes = {"storageclass.kubernetes.io/is-default-class": "false"}
    there.storage.patch_storage_class("fast", {"metadata": {"annotations": notes}})
    finding = broken(find("storage-classes", observability__prometheus={}), "default class")
    assert finding.status is Status.FAIL and "observability.prometheus.storage_class" in finding.fix


def definition(group: str, kind: str, **annotations: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {
        "metadata": {"name": f"{plural}.{group}", "annotations": annotations},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def test_definitions_of_somebody_else_are_named_with_their_owner_and_version(find, there: There) -> None:
    ours = {"meta.helm.sh/release-name": "kuberay-crds", "meta.helm.sh/release-namespace": "kuberay"}
    theirs = {"meta.helm.sh/release-name": "kueue", "meta.helm.sh/release-namespace": "ops"}
    by_hand = {"operator.prometheus.io/version": "0.80.0"}
    for wanted in (
        definition("ray.io", "RayCluster", **ours),
        definition("kueue.x-k8s.io", "LocalQueue", **theirs),
        definition("monitoring.coreos.com", "PodMonitor", **by_hand),
    ):
        there.extensions.create_custom_resource_definition(wanted)
        name = wanted["metadata"]["name"]
        there.undo.append(lambda name=name: there.extensions.delete_custom_resource_definition(name))
    findings = find("definitions")
    assert {f.subject for f in findings if f.status is Status.PASS} == {"ray.io"}
    assert "of release ops/kueue: localqueues.kueue.x-k8s.io" in broken(findings, "kueue.x-k8s.io").message
    prometheus = broken(findings, "monitoring.coreos.com")
    assert "no release of Helm's (operator.prometheus.io/version 0.80.0)" in prometheus.message
    assert "leave out `observability`" in prometheus.fix


def test_a_namespace_of_somebody_else_is_not_taken_over_and_one_of_ours_is_known(find, there: There) -> None:
    there.add_namespace("ray-research")
    there.add_namespace("monitoring", **{"rayeks/team": "platform"})
    findings = find("namespaces")
    assert "no label rayeks/team=research" in broken(findings, "ray-research").message
    (ours,) = [finding for finding in findings if finding.subject == "monitoring"]
    assert ours.status is Status.PASS and "is there" in ours.message


def test_a_namespace_that_admission_would_refuse_is_told_in_its_own_words(find, there: There) -> None:
    from kubernetes import client

    hooks: Any = client.AdmissionregistrationV1Api(there.core.api_client)
    policy = {
        "metadata": {"name": "owners"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["namespaces"]}
                ]
            },
            "validations": [{"expression": "object.metadata.name != 'kuberay'", "message": "say whose it is"}],
        },
    }
    binding = {"metadata": {"name": "owners"}, "spec": {"policyName": "owners", "validationActions": ["Deny"]}}
    hooks.create_validating_admission_policy(policy)
    there.undo.append(lambda: hooks.delete_validating_admission_policy("owners"))
    hooks.create_validating_admission_policy_binding(binding)
    there.undo.append(lambda: hooks.delete_validating_admission_policy_binding("owners"))
    for _ in range(100):  # a policy counts some moments after it is made
        finding = next(each for each in find("namespaces") if each.subject == "kuberay")
        if finding.status is Status.FAIL:
            break
    assert finding.status is Status.FAIL and "say whose it is" in finding.message


@pytest.mark.parametrize(
    ("daemons", "status", "told"),
    [
        ("cilium", Status.PASS, "Cilium (cilium) enforces them"),
        ("kube-flannel-ds", Status.FAIL, "every team could reach every other"),
        ("own-network", Status.WARN, "unknown: no network plugin that is known here"),
    ],
)
def test_a_network_plugin_is_known_by_its_daemons_or_said_to_be_unknown(find, there, daemons, status, told) -> None:
    there.apps.delete_namespaced_daemon_set("calico-node", "kube-system")
    there.add_daemons(daemons)
    (finding,) = find("network-policies")
    assert finding.status is status and told in finding.message


def test_k3s_enforces_policies_by_itself(find, there: There) -> None:
    there.apps.delete_namespaced_daemon_set("calico-node", "kube-system")
    there.change("cpu-0", status={"nodeInfo": node("x", {})["status"]["nodeInfo"] | {"kubeletVersion": "v1.35.4+k3s1"}})
    assert "K3s enforces them" in find("network-policies")[0].message


def test_pod_security_is_asked_of_the_server_itself(find, poor: str) -> None:
    assert "refuses a level that there is not" in find("pod-security", kubeconfig=poor)[0].message


def test_a_version_that_is_not_tried_is_told(find, monkeypatch) -> None:
    from rayeks.preflight.checks.cluster import door

    assert find("cluster-version")[0].status is Status.PASS
    monkeypatch.setattr(door, "KUBERNETES_SUPPORTED", ("1.90", "1.91"))
    assert find("cluster-version")[0].status is Status.FAIL
    monkeypatch.setattr(door, "KUBERNETES_SUPPORTED", ("1.20", "1.21"))
    assert find("cluster-version")[0].status is Status.WARN


def test_a_secret_that_lacks_a_key_is_told_once_its_namespace_is_there(find, there: There) -> None:
    there.add_namespace("ray-research", **{"rayeks/team": "research"})
    there.core.create_namespaced_secret(
        "ray-research", {"metadata": {"name": "object-store"}, "stringData": {"AWS_ACCESS_KEY_ID": "x"}}
    )
    findings = find("secrets")
    assert "lacks AWS_SECRET_ACCESS_KEY" in broken(findings, "ray-research/object-store").message
    assert "is not there; it should have .dockerconfigjson" in broken(findings, "ray-research/registry").message
    assert {f.status for f in findings if f.subject.startswith(("node-agents", "monitoring"))} == {Status.PASS}


def test_images_by_a_laptop_s_name_are_told(find) -> None:
    assert "a laptop's own build" in broken(find("registry", images={}), "images.cpu").message


def test_the_gpu_operator_s_exporter_is_found(find, there: There) -> None:
    there.add_namespace("gpu-operator")
    there.add_pod("dcgm", "gpu-operator", labels={"app": "nvidia-dcgm-exporter"})
    assert find("gpu-metrics")[0].status is Status.PASS


def test_the_command_takes_a_stack_of_either_kind(there: There, example, monkeypatch, capsys) -> None:
    from rayeks import preflight

    monkeypatch.setattr(preflight, "read", lambda name, folder: example)
    monkeypatch.setattr(preflight, "target", lambda stack: Cluster(there.kubeconfig, there.context))
    assert main(["preflight", "onprem", "--only", "nodes", "--only", "storage-classes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["checks"] == ["nodes", "storage-classes"]
    there.change("cpu-0", spec={"unschedulable": True})
    assert main(["preflight", "onprem", "--only", "nodes"]) == 1
    assert "onprem is not ready" in capsys.readouterr().out
    assert main(["preflight", "onprem", "--only", "vcpu-quotas"]) == 1
    assert "use one of: cluster, cluster-version" in capsys.readouterr().err


def test_the_command_itself_says_that_the_cluster_of_the_example_is_not_here(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rayeks", "preflight", "onprem", "--json"]
    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=root(), env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    first = json.loads(done.stdout)["findings"][0]
    assert (first["check"], first["status"]) == ("cluster", "fail")
    assert f"{tmp_path}/.kube/config cannot be read" in first["message"]
