"""The Kubernetes provider under the real engine: what a person sees of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions
from pulumi.automation import CommandError

from local.kubernetes import Kubernetes
from local.providers.kubernetes.client import ApiServer

pytestmark = pytest.mark.engine
Live = Callable[..., Any]
RBAC = "rbac.authorization.k8s.io/v1"


def platform(cluster: Kubernetes, *, consolidate_after: str | None = "5m", role: str = "reader") -> Callable[[], None]:
    """A provider, a chart's CRDs, a NodePool that needs them, and a few objects of a tenant."""

    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig=str(cluster.kubeconfig), cluster_identifier="local")
        on = ResourceOptions(provider=provider)
        crds = k8s.helm.v3.Release(
            "karpenter-crd",
            name="karpenter-crd",
            chart="oci://public.ecr.aws/karpenter/karpenter-crd",
            version="1.14.1",
            namespace="kube-system",
            opts=on,
        )
        disruption = {"consolidationPolicy": "WhenEmpty", "consolidateAfter": consolidate_after}
        k8s.apiextensions.CustomResource(
            "pool",
            api_version="karpenter.sh/v1",
            kind="NodePool",
            # In the background: the garbage collector takes half a minute to learn of a kind as new as this one.
            metadata={"name": "ray-cpu", "annotations": {"pulumi.com/deletionPropagationPolicy": "background"}},
            spec={
                "template": {
                    "spec": {
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "ray"},
                        "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
                    }
                },
                "disruption": {key: value for key, value in disruption.items() if value},
            },
            opts=ResourceOptions.merge(on, ResourceOptions(depends_on=[crds])),
        )
        token = k8s.core.v1.Secret("token", metadata={"name": "token"}, string_data={"auth": "hunter2"}, opts=on)
        k8s.core.v1.ConfigMap("named-for-me", data={"a": "1"}, opts=on)
        k8s.rbac.v1.ClusterRoleBinding(
            "binding",
            metadata={"name": "binding"},
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
            opts=on,
        )
        pulumi.export("token", token.data)
        pulumi.export("revision", crds.status.revision)

    return program


def test_a_platform_lives_through_the_real_engine(
    run_engine, tmp_path: Path, cluster: Kubernetes, api: ApiServer, live: Live
):
    run = run_engine(platform(cluster), env={})
    assert run.up() == {"create": 7}
    assert run.outputs() == {"token": {"auth": "aHVudGVyMg=="}, "revision": 1}
    state = "".join(path.read_text() for path in (tmp_path / "state").rglob("*.json"))
    assert "karpenter-crd" in state
    assert "hunter2" not in state
    assert "aHVudGVyMg==" not in state

    with pytest.raises(CommandError, match=r"spec\.disruption\.consolidateAfter: Required value"):
        run.preview(platform(cluster, consolidate_after=None))

    before = live(RBAC, "ClusterRoleBinding", "binding")
    made_up = run.resources()["named-for-me"]["id"].partition("/")[2]
    api.delete(api.kind("v1", "ConfigMap"), "default", made_up, "Background")
    api.patch(api.kind("v1", "Secret"), "default", "token", [{"op": "replace", "path": "/data/auth", "value": "eA=="}])
    counts = run.up(platform(cluster, consolidate_after="10m", role="writer"), refresh=True)
    assert counts == {"same": 3, "update": 1, "create": 1, "replace": 2}, "pool; gone ConfigMap; Secret and roleRef"
    after = live(RBAC, "ClusterRoleBinding", "binding")
    assert before and after and after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["roleRef"]["name"] == "writer"
    assert run.up() == {"same": 7}

    run.log.clear()
    run.destroy()
    deleted = re.findall(r"(\S+) deleted \(", "".join(run.log))
    assert deleted.index("pool") < deleted.index("karpenter-crd") < deleted.index("cluster")
    for kind in (("v1", "Secret", "token", "default"), (RBAC, "ClusterRoleBinding", "binding")):
        assert live(*kind) is None
    assert live("apiextensions.k8s.io/v1", "CustomResourceDefinition", "nodepools.karpenter.sh") is None


def test_a_first_preview_before_there_is_a_cluster_shows_what_will_be_created(run_engine, cluster: Kubernetes):
    def program() -> None:
        here = k8s.Provider("here", kubeconfig=str(cluster.kubeconfig))
        made = k8s.core.v1.ConfigMap("made", data={"a": "1"}, opts=ResourceOptions(provider=here))
        kubeconfig = made.metadata.uid.apply(lambda uid: f"/only/known/later/{uid}")
        later = k8s.Provider("later", kubeconfig=kubeconfig, cluster_identifier="local")
        k8s.core.v1.Namespace("team", metadata={"name": "team"}, opts=ResourceOptions(provider=later))
        k8s.helm.v3.Release(
            "kuberay-operator", chart="kuberay-operator", version="1.6.2", opts=ResourceOptions(provider=later)
        )

    assert run_engine(program, env={}).preview() == {"create": 6}


def test_a_claim_goes_before_the_volume_that_is_replaced_under_it(run_engine, cluster: Kubernetes, live: Live):
    def program(handle: str) -> Callable[[], None]:
        def declare() -> None:
            on = ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=str(cluster.kubeconfig)))
            shape: dict[str, Any] = {"access_modes": ["ReadWriteMany"], "storage_class_name": ""}
            volume = k8s.core.v1.PersistentVolume(
                "volume",
                metadata={"name": "shared"},
                spec={
                    **shape,
                    "capacity": {"storage": "1Gi"},
                    "persistent_volume_reclaim_policy": "Retain",
                    "csi": {"driver": "efs.csi.aws.com", "volume_handle": handle},
                },
                opts=on,
            )
            # The volume's name as an output of it: so the engine knows that the claim cannot outlive it.
            name = volume.metadata["name"]
            wanted: Any = {**shape, "volume_name": name, "resources": {"requests": {"storage": "1Gi"}}}
            k8s.core.v1.PersistentVolumeClaim("claim", metadata={"name": "shared"}, spec=wanted, opts=on)

        return declare

    run = run_engine(program("fs-1"), env={})
    run.up()
    assert run.up(program("fs-2")) == {"same": 2, "replace": 2}
    assert live("v1", "PersistentVolume", "shared")["spec"]["csi"]["volumeHandle"] == "fs-2"
    assert live("v1", "PersistentVolumeClaim", "shared", "default")["metadata"].get("deletionTimestamp") is None
    run.destroy()


def test_an_api_server_that_is_gone_is_said_once_and_clearly(run_engine, tmp_path: Path, cluster: Kubernetes):
    dead = tmp_path / "kubeconfig"
    dead.write_text(cluster.kubeconfig.read_text().replace(cluster.endpoint, "https://127.0.0.1:9"))

    def program() -> None:
        on = ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=str(dead), cluster_identifier="local"))
        for index in range(4):
            k8s.core.v1.ConfigMap(f"settings-{index}", metadata={"name": f"settings-{index}"}, opts=on)

    run = run_engine(program, env={})
    with pytest.raises(CommandError):
        run.up()
    said = "".join(run.log)
    assert "the Kubernetes API server https://127.0.0.1:9 does not answer: connection refused" in said
    assert said.count("is it up? start it") <= 2, "once while it runs, and in the summary"
