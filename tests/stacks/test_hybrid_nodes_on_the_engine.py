"""A stack with a pool of hybrid nodes, by the real engine: up, no changes, other networks, none of them, down.

The tests share one stack and run in the order of this file.
"""

import shutil
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from rich.console import Console

from local import aws
from local.home import root
from rayeks.engine import recovery, workspace
from rayeks.engine.down import down
from rayeks.engine.up import Outcome, up
from rayeks.plan import plan
from tests.conftest import taken_down

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HYBRID: dict[str, Any] = {
    "node_cidrs": ["10.80.0.0/16"],
    "pod_cidrs": ["10.81.0.0/16"],
    "nodes": 4,
    "cpu": 60,
    "memory_gib": 240,
}
LEFT_OUT = ("reservations", "placement_groups", "observability", "cost", "samples", "policies")
"""Sections of the stack `local` that have nothing to do with hybrid nodes."""


class Site:
    """A checkout whose stack `local` is small and has hybrid nodes."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "checkout", folder / "home"
        shutil.copytree(root() / "stacks", self.root / "stacks")
        shutil.copy(root() / "Pulumi.yaml", self.root)
        self.file = self.root / "stacks" / "Pulumi.local.yaml"
        stack = yaml.safe_load(self.file.read_text())
        platform = stack["config"]["ray-on-eks:platform"]
        for section in LEFT_OUT:
            del platform[section]
        platform["pools"] = {key: platform["pools"][key] for key in ("ray-head", "ray-cpu")}
        platform["node_groups"] = {"system": platform["node_groups"]["system"]}
        platform["storage"] = {"buckets": {"checkpoints": {"keep": False}}}
        platform["tenants"] = {"research": {"cost_center": "research", "quota": {"cpu": 64, "memory": "256Gi"}}}
        platform["cluster"]["public_access_cidrs"] = []
        self.file.write_text(yaml.safe_dump(stack))

    def up(self, hybrid: dict[str, Any] | None) -> Outcome:
        """`rayeks up local`, with this as `cluster.hybrid`."""
        stack = yaml.safe_load(self.file.read_text())
        cluster = stack["config"]["ray-on-eks:platform"]["cluster"]
        cluster.pop("hybrid", None)
        cluster |= {"hybrid": hybrid} if hybrid else {}
        self.file.write_text(yaml.safe_dump(stack))
        return up(Console(width=160))

    def client(self, service: str) -> Any:
        """A boto3 client at the local endpoint."""
        running = aws.status()
        assert running
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=running.endpoint, region_name=running.region, **keys)

    @property
    def networks(self) -> dict[str, Any] | None:
        """What EKS knows of the machines' networks."""
        return self.client("eks").describe_cluster(name="ray-local")["cluster"].get("remoteNetworkConfig")

    @property
    def let_in(self) -> set[str]:
        """Ranges outside the VPC that the cluster's security group lets in."""
        group = self.client("eks").describe_cluster(name="ray-local")["cluster"]["resourcesVpcConfig"]
        wanted = [{"Name": "group-id", "Values": [group["clusterSecurityGroupId"]]}]
        rules = self.client("ec2").describe_security_group_rules(Filters=wanted)["SecurityGroupRules"]
        return {rule["CidrIpv4"] for rule in rules if rule.get("FromPort") == 443 and not rule["IsEgress"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    """The stack, taken down at the end with whatever a failed test left."""
    site = Site(tmp_path_factory.mktemp("hybrid"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(site.home))
        patch.setattr(workspace, "root", lambda: site.root)
        patch.setattr("rayeks.engine.up.root", lambda: site.root)
        with taken_down():
            yield site


def changes(outcome: Outcome) -> Counter[tuple[str, str]]:
    """(operation, type) of what was changed."""
    return Counter((step.op, step.type) for step in outcome.ledger.changed)


def test_a_stack_with_hybrid_nodes_comes_up_as_planned_and_whole(site: Site) -> None:
    outcome = site.up(HYBRID)
    assert {op for op, _ in changes(outcome)} == {"create"}
    planned = plan("local", root=site.root)
    assert {r["urn"] for r in recovery.resources()} == {
        r.urn for r in planned.resources if r.custom and not r.type.startswith("pulumi:")
    }
    assert site.networks == {
        "remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16"]}],
        "remotePodNetworks": [{"cidrs": ["10.81.0.0/16"]}],
    }
    assert site.let_in == {"10.80.0.0/16", "10.81.0.0/16"}
    [flavour] = [r for r in recovery.resources() if r["urn"].endswith("::ray-hybrid")]
    assert flavour["type"] == "kubernetes:kueue.x-k8s.io/v1beta2:ResourceFlavor"


def test_the_machines_role_is_let_in_as_theirs_and_told_to_nodeadm(site: Site) -> None:
    arn = site.client("iam").get_role(RoleName="ray-local-hybrid-node")["Role"]["Arn"]
    entry = site.client("eks").describe_access_entry(clusterName="ray-local", principalArn=arn)["accessEntry"]
    assert (entry["type"], entry["username"]) == ("HYBRID_LINUX", "system:node:{{SessionName}}")
    outputs = site.up(HYBRID).outputs
    told = yaml.safe_load(outputs["hybrid_node_config"])
    assert told["spec"]["cluster"] == {"name": "ray-local", "region": "us-west-2"}


def test_a_second_run_changes_nothing_though_everything_is_read_back(site: Site) -> None:
    assert changes(up(Console(width=160), refresh=True)) == {}


def test_other_networks_change_the_cluster_where_it_stands(site: Site) -> None:
    made = changes(site.up(HYBRID | {"node_cidrs": ["10.80.0.0/16", "100.64.0.0/16"], "pod_cidrs": []}))
    assert made["update", "aws:eks/cluster:Cluster"] == 1
    assert not {op for op, type_ in made if type_.startswith("aws:eks/")} - {"update"}
    assert site.networks == {"remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16", "100.64.0.0/16"]}]}
    assert site.let_in == {"10.80.0.0/16", "100.64.0.0/16"}
    assert changes(up(Console(width=160), refresh=True)) == {}


def test_without_the_section_the_cluster_stays_and_the_machines_rights_go(site: Site) -> None:
    made = changes(site.up(None))
    assert made["update", "aws:eks/cluster:Cluster"] == 1
    assert made["delete", "aws:eks/accessEntry:AccessEntry"] == 1
    assert made["delete", "aws:iam/role:Role"] == 1
    assert site.networks is None
    assert site.let_in == set()
    assert changes(up(Console(width=160), refresh=True)) == {}


def test_down_leaves_nothing_of_a_stack_that_has_them_again(site: Site) -> None:
    made = changes(site.up(HYBRID))
    assert made["update", "aws:eks/cluster:Cluster"] == 1
    outcome = down(Console(width=160))  # which looks for itself at what is left in the account
    assert outcome.ledger and {step.op for step in outcome.ledger.changed} == {"delete"}
    assert recovery.resources() == []
