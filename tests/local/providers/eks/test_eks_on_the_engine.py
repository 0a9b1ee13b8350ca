"""The component under the real engine: its children, what they depend on, its outputs, and its end."""

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pulumi
import pulumi_eks
import pytest
from pulumi_aws import ec2

from local.home import root
from rayeks.plan import plan
from rayeks.plan.agreement import disagreements

pytestmark = pytest.mark.engine


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Plugins on PATH: the component's own, and echoes in the place of the cloud's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for package in ("aws", "kubernetes"):
        script = folder / f"pulumi-resource-{package}"
        echo = Path(__file__).with_name("echo_provider.py")
        script.write_text(
            f"#!/bin/sh\nECHO_VERSION={version(f'pulumi-{package}')} exec {sys.executable} {echo} {package} $@\n"
        )
        script.chmod(0o755)
    kubeconfig = tmp_path / "kubeconfig"
    user = {"client-certificate": "/pki/admin.crt", "client-key": "/pki/admin.key"}
    kubeconfig.write_text(json.dumps({"users": [{"name": "admin", "user": user}]}))
    path = os.pathsep.join([str(folder), str(root() / "local/providers/bin"), os.environ["PATH"]])
    return {"PATH": path, "RAYEKS_KUBECONFIG": str(kubeconfig)}


def cluster(**changes) -> Callable[[], None]:
    def program() -> None:
        vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        made = pulumi_eks.Cluster(
            "c",
            name="ray",
            version="1.35",
            authentication_mode=pulumi_eks.AuthenticationMode.API,
            vpc_id=vpc.id,
            private_subnet_ids=[vpc.id],
            skip_default_node_group=True,
            kube_proxy_addon_options={"version": "v1"},
            vpc_cni_options={"addon_version": "v2", "warm_prefix_target": 1},
            access_entries={"admin": {"principal_arn": vpc.id}},
            **changes,
        )
        pulumi.export("kubeconfig", made.kubeconfig_json)
        pulumi.export("group", made.cluster_security_group_id)
        pulumi.export("issuer", made.oidc_issuer)
        pulumi.export("endpoint", made.core["endpoint"])
        pulumi.export("name", made.eks_cluster.name)

    return program


def test_the_component_lives_and_dies_on_the_real_engine(run_engine, environment):
    harness = run_engine(cluster(), env=environment)
    harness.up()
    outputs = harness.outputs()
    config = json.loads(outputs["kubeconfig"])
    assert config["clusters"][0]["cluster"] == {
        "server": "https://cluster.example",
        "certificate-authority-data": "Q0E=",
    }
    assert config["users"][0]["user"] == {"client-certificate": "/pki/admin.crt", "client-key": "/pki/admin.key"}
    assert outputs["issuer"] == "oidc.example/id/1"
    assert outputs["endpoint"] == "https://cluster.example"
    assert outputs["name"] == "ray"
    assert outputs["group"] == "id-c-eksClusterSecurityGroup"

    made = harness.resources()
    control_plane = made["c-eksCluster"]
    needed = {urn.rsplit("::", 1)[1] for urn in control_plane["dependencies"]}
    assert needed == {"c-eksRole-role", "c-eksRole-4b490823", "c-eksClusterSecurityGroup", "vpc"}
    assert control_plane["inputs"]["roleArn"] == "arn:aws:iam::123456789012:role/made"
    assert control_plane["urn"].split("::")[2] == "eks:index:Cluster$aws:eks/cluster:Cluster"
    providers = {entry["provider"].split("::")[3] for entry in made.values() if entry["type"].startswith("aws:")}
    assert len(providers) == 1, "the component's children share the program's AWS provider"

    assert set(harness.preview()) == {"same"}
    assert set(harness.refresh()) == {"same"}
    assert set(harness.destroy()) == {"delete"}


def test_what_the_component_refuses_stops_the_engine_with_its_words(run_engine, environment):
    harness = run_engine(cluster(fargate=True), env=environment)
    with pytest.raises(Exception, match=r"eks\.Cluster c: inputs not represented: fargate"):
        harness.up()


def test_a_plan_and_the_engine_agree_on_the_components_children(run_engine, environment, tmp_path):
    program = """
import pulumi_eks
from pulumi_aws import ec2
vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
pulumi_eks.Cluster(
    "c", name="ray", version="1.35", authentication_mode=pulumi_eks.AuthenticationMode.API,
    vpc_id=vpc.id, private_subnet_ids=[vpc.id], skip_default_node_group=True,
    kube_proxy_addon_options={"version": "v1"}, vpc_cni_options={"addon_version": "v2", "warm_prefix_target": 1},
    access_entries={"admin": {"principal_arn": vpc.id}}, create_oidc_provider=True, create_instance_role=True,
)
"""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: trial\nruntime: python\nmain: stacks/\nstackConfigDir: stacks\n")
    (tmp_path / "stacks/Pulumi.test.yaml").write_text("config: {aws:region: us-west-2}\n")
    (tmp_path / "stacks/__main__.py").write_text(program)
    planned = plan("test", root=tmp_path)
    harness = run_engine(lambda: exec(program), env=environment, config={"aws:region": "us-west-2"})
    harness.up()
    assert disagreements(planned, harness.stack.export_stack().deployment, outputs=False) == []
