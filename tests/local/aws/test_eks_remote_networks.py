"""Hybrid nodes on the local EKS: which networks it takes, how they change, and who their machines are."""

from typing import Any

import pytest

NODES, PODS = "10.80.0.0/16", "10.81.0.0/16"


def networks(*nodes: str, pods: tuple[str, ...] | None = None) -> dict[str, Any]:
    """A remoteNetworkConfig; without `pods` it says nothing of them."""
    said = {"remoteNodeNetworks": [{"cidrs": list(nodes)}] if nodes else []}
    return said if pods is None else said | {"remotePodNetworks": [{"cidrs": list(pods)}] if pods else []}


def shown(aws: Any) -> Any:
    return aws("eks").describe_cluster(name="ray")["cluster"].get("remoteNetworkConfig")


def test_a_cluster_keeps_the_networks_of_its_hybrid_nodes(aws) -> None:
    given = networks(NODES, "100.64.0.0/20", pods=(PODS,))
    aws.cluster(remoteNetworkConfig=given)
    assert shown(aws) == given


def test_a_cluster_without_hybrid_nodes_shows_no_networks(aws) -> None:
    aws.cluster()
    assert shown(aws) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (networks("203.0.113.0/24"), "203.0.113.0/24 is not within 10.0.0.0/8"),
        (networks("100.0.0.0/8"), "is not within"),
        (networks("10.0.128.0/24"), "overlaps 10.0.0.0/16"),
        (networks(NODES, pods=("172.20.4.0/24",)), "overlaps 172.20.0.0/16"),
        (networks(NODES, pods=("10.80.4.0/24",)), "overlaps"),
        (networks(NODES, "10.80.0.0/24"), "overlaps"),
        (networks("10.80.0.1/16"), "no IPv4 CIDR"),
        (networks(*(f"10.90.{index}.0/24" for index in range(16))), "at most 15"),
        (networks(NODES, pods=tuple(f"10.90.{index}.0/24" for index in range(16))), "at most 15"),
        (
            {"remoteNodeNetworks": [{"cidrs": [NODES]}, {"cidrs": [PODS]}]},
            "Member must have length less than or equal to 1",
        ),
    ],
)
def test_networks_that_eks_cannot_reach_are_refused(aws, given, why) -> None:
    with aws.refused("InvalidParameterException", says=why):
        aws.cluster(remoteNetworkConfig=given)
    assert aws("eks").list_clusters()["clusters"] == []
    left = aws("ec2").describe_security_groups()["SecurityGroups"]
    assert not [group for group in left if group["GroupName"].startswith("eks-cluster-sg")]


def test_every_range_of_the_vpc_counts(aws) -> None:
    vpc, subnets = aws.network()
    aws("ec2").associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.80.0.0/16")
    with aws.refused("InvalidParameterException", says="overlaps 10.80.0.0/16"):
        aws.cluster(remoteNetworkConfig=networks(NODES), resourcesVpcConfig={"subnetIds": subnets})


def test_hybrid_nodes_need_access_entries(aws) -> None:
    with aws.refused("InvalidParameterException", says="API or API_AND_CONFIG_MAP, not CONFIG_MAP"):
        aws.cluster(accessConfig={}, remoteNetworkConfig=networks(NODES))


def test_an_update_leaves_the_part_that_it_does_not_name(aws) -> None:
    eks = aws("eks")
    aws.cluster(remoteNetworkConfig=networks(NODES, pods=(PODS,)))
    made = eks.update_cluster_config(name="ray", remoteNetworkConfig=networks("10.82.0.0/16"))["update"]
    assert made["type"] == "RemoteNetworkConfigUpdate"
    assert shown(aws) == networks("10.82.0.0/16", pods=(PODS,))
    with aws.refused("InvalidParameterException", says="overlaps"):
        eks.update_cluster_config(name="ray", remoteNetworkConfig=networks(PODS))
    with aws.refused("InvalidParameterException", says="already at the desired"):
        eks.update_cluster_config(name="ray", remoteNetworkConfig=networks("10.82.0.0/16"))
    assert shown(aws) == networks("10.82.0.0/16", pods=(PODS,))


def test_hybrid_nodes_are_turned_on_and_off_on_a_cluster_that_is_there(aws) -> None:
    eks = aws("eks")
    aws.cluster()
    eks.update_cluster_config(name="ray", remoteNetworkConfig=networks(NODES))
    assert shown(aws) == networks(NODES)
    eks.update_cluster_config(name="ray", remoteNetworkConfig=networks(pods=()))
    assert shown(aws) is None


def test_a_machine_outside_aws_is_known_by_its_session(aws) -> None:
    aws.cluster(remoteNetworkConfig=networks(NODES))
    role = aws.role("hybrid", "ssm.amazonaws.com")
    made = aws("eks").create_access_entry(clusterName="ray", principalArn=role, type="HYBRID_LINUX")["accessEntry"]
    assert made["username"] == "system:node:{{SessionName}}"
    assert made["kubernetesGroups"] == ["system:nodes"]
