"""EKS Hybrid Nodes: who gets the role, what a machine is told, and which clusters they cannot join."""

from ipaddress import IPv4Network
from typing import Any

import pytest
import yaml

from infra import contract, hybrid, queueing
from infra.cluster import control_plane, remote_network
from infra.config import InvalidPlatform, parse
from infra.config.cluster import Cluster, Hybrid
from infra.iam import Aws
from infra.pods import Pod
from infra.schedulability import Supply, refusal

AWS = Aws("111111111111", "us-west-2")
ANCHOR = "arn:aws:rolesanywhere:us-west-2:111111111111:trust-anchor/11111111-2222-3333-4444-555555555555"
SECTION: dict[str, Any] = {
    "node_cidrs": ["10.80.0.0/16"],
    "pod_cidrs": ["10.81.0.0/16"],
    "nodes": 4,
    "cpu": 60,
    "memory_gib": 240,
}


def settings(**changes: Any) -> Hybrid:
    return Hybrid.model_validate(SECTION | changes)


def mistakes(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidPlatform) as told:
        parse(values)
    return {problem.path: str(problem) for problem in told.value.problems}


def test_the_control_plane_is_told_of_the_remote_networks_and_only_where_there_are_any():
    assert "remoteNetworkConfig" not in control_plane(Cluster(), 10)
    made = control_plane(Cluster(hybrid=settings()), 10)["remoteNetworkConfig"]
    assert made == {
        "remoteNodeNetworks": {"cidrs": ["10.80.0.0/16"]},
        "remotePodNetworks": {"cidrs": ["10.81.0.0/16"]},
    }
    assert "remotePodNetworks" not in remote_network(settings(pod_cidrs=[]))


def test_by_ssm_only_activations_of_this_account_hand_out_the_role():
    (statement,) = hybrid.trust(settings(), AWS)["Statement"]
    assert statement["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111111111111"}
    assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": "arn:aws:ssm:us-west-2:111111111111:*"}
    assert "AmazonSSMManagedInstanceCore" in hybrid.managed_policies(settings())


def test_by_certificate_a_machine_gets_the_role_under_its_own_name_alone():
    by_certificate = settings(trust_anchor=ANCHOR)
    tag, assume = hybrid.trust(by_certificate, AWS)["Statement"]
    for statement in (tag, assume):
        assert statement["Principal"] == {"Service": "rolesanywhere.amazonaws.com"}
        assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": ANCHOR}
    assert assume["Condition"]["StringEquals"] == {"sts:RoleSessionName": "${aws:PrincipalTag/x509Subject/CN}"}
    assert "leave" not in hybrid.policies(by_certificate, AWS, "ray")
    assert hybrid.managed_policies(by_certificate) == ("AmazonEC2ContainerRegistryPullOnly",)


def test_a_machine_finds_its_own_cluster_and_leaves_by_its_own_activation_alone():
    found = hybrid.policies(settings(), AWS, "ray")
    arn = "arn:aws:eks:us-west-2:111111111111:cluster/ray"
    assert {resource for each in found["join"]["Statement"] for resource in each["Resource"]} == {arn}
    leave = found["leave"]["Statement"][1]
    assert leave["Condition"] == {"StringEquals": {"ssm:resourceTag/EKSClusterARN": arn}}


@pytest.mark.parametrize("anchor", [None, ANCHOR])
def test_a_machine_joins_with_the_labels_and_taints_by_which_pods_of_the_pool_find_it(anchor: str | None):
    text = hybrid.node_config(settings(trust_anchor=anchor), cluster="ray", region="us-west-2", role="arn:role")
    spec = yaml.safe_load(text)["spec"]
    assert spec["cluster"] == {"name": "ray", "region": "us-west-2"}
    assert list(spec["hybrid"]) == (["iamRolesAnywhere"] if anchor else ["ssm"]), "never both"
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in spec["kubelet"]["flags"])
    labels = dict(pair.split("=") for pair in flags["node-labels"].split(","))
    taints = []
    for text in flags["register-with-taints"].split(","):
        pair, _, effect = text.partition(":")
        key, _, value = pair.partition("=")
        taints.append({"key": key, "value": value, "effect": effect})
    nodes = Supply("hybrid", labels, tuple(taints), ())
    wanted = contract.RAY_HYBRID
    mine = Pod("edge", 1, {}, wanted.node_selector(), tuple(wanted.tolerations()))
    assert refusal(mine, nodes) is None
    assert refusal(Pod("any", 1, {}, wanted.node_selector(), ()), nodes), "a pod of another pool is kept out"


def test_queues_count_hybrid_machines_as_a_flavour_of_their_own():
    (flavour,) = queueing.flavours({}, {}, settings())
    assert flavour.pool is contract.RAY_HYBRID
    assert flavour.limits == {"cpu": 240, "memory": 960, "nvidia.com/gpu": 0}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"node_cidrs": ["10.0.128.0/20"]}, "cluster.hybrid.node_cidrs[0]", "overlaps network.cidr 10.0.0.0/16"),
        ({"pod_cidrs": ["172.20.0.0/20"]}, "cluster.hybrid.pod_cidrs[0]", "overlaps cluster.service_cidr"),
        ({"pod_cidrs": ["10.80.4.0/24"]}, "cluster.hybrid.pod_cidrs[0]", "overlaps cluster.hybrid.node_cidrs[0]"),
        ({"node_cidrs": ["203.0.113.0/24"]}, "cluster.hybrid.node_cidrs[0]", "is not private"),
        ({"node_cidrs": []}, "cluster.hybrid.node_cidrs", "at least 1"),
        ({"trust_anchor": "arn:aws:iam::1:role/x"}, "cluster.hybrid.trust_anchor", "pattern"),
    ],
)
def test_networks_that_cannot_be_told_apart_are_refused(changed, changes, path, words):
    values = changed("cluster.public_access_cidrs", None)
    values["cluster"]["hybrid"] = SECTION | changes
    assert words in mistakes(values)[path]


def test_an_endpoint_that_is_public_and_private_at_once_is_refused_with_the_reason(changed):
    problem = mistakes(changed("cluster.hybrid", SECTION))["cluster.public_access_cidrs"]
    assert "its name leads to public addresses" in problem
    assert "leave it out" in problem
    parse(changed("cluster.public_access_cidrs", None))


def test_machines_outside_aws_count_for_the_quotas(changed):
    values = changed("tenants.research.quota.cpu", 700)
    assert "tenants.research.quota.cpu" in mistakes(values)
    values["cluster"] |= {"hybrid": SECTION | {"cpu": 100}, "public_access_cidrs": []}
    parse(values)


def test_every_private_range_is_taken(changed):
    values = changed("cluster.public_access_cidrs", None)
    for cidr in ("10.99.0.0/24", "172.31.0.0/24", "192.168.7.0/28", "100.64.0.0/16"):
        values["cluster"]["hybrid"] = SECTION | {"node_cidrs": [cidr]}
        found = parse(values).cluster.hybrid
        assert found and found.node_cidrs == (IPv4Network(cidr),)
