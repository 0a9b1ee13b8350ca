"""The local AWS as a process: its boot id, its errors, concurrent clients, what is left, and its life from outside."""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from local import aws as local_aws


def test_a_new_account_is_empty_and_says_so(aws) -> None:
    assert local_aws.inventory(aws.endpoint) == {}


def test_whatever_is_left_is_found_by_kind(aws) -> None:
    aws.cluster()
    aws.nodes()
    aws("s3").create_bucket(Bucket="left", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    aws("ec2").create_placement_group(GroupName="left", Strategy="cluster")
    aws("logs").create_log_group(logGroupName="left")
    aws("efs").create_file_system(CreationToken="left")
    key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    left = local_aws.inventory(aws.endpoint)
    assert left["eks:cluster"] == ["ray"]
    assert left["eks:nodegroup"] == ["ray/cpu"]
    assert left["s3:bucket"] == ["left"]
    assert left["ec2:placement-group"] == ["left"]
    assert left["logs:log-group"] == ["left"]
    assert left["kms:key"] == [key]
    assert len(left["ec2:subnet"]) == 3
    assert len(left["ec2:network-interface"]) == 4
    assert len(left["ec2:instance"]) == 2
    assert len(left["efs:file-system"]) == 1
    assert set(left["iam:role"]) == {"eks-cluster", "ray-cpu-node"}


def test_what_aws_keeps_for_a_while_is_not_left(aws) -> None:
    ec2 = aws("ec2")
    vpc, subnets = aws.network("a")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    eip = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=eip)["NatGateway"]["NatGatewayId"]
    key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.release_address(AllocationId=eip)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_subnet(SubnetId=subnets[0])
    ec2.delete_vpc(VpcId=vpc)
    aws("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert local_aws.inventory(aws.endpoint) == {}


def test_many_clients_at_once_lose_nothing(aws) -> None:
    _, subnets = aws.network()
    role = aws.role("eks-cluster", "eks.amazonaws.com")
    aws.cluster(resourcesVpcConfig={"subnetIds": subnets}, roleArn=role)

    def work(index: int) -> None:
        aws("ec2").create_security_group(GroupName=f"g{index}", Description="g")
        arn = "arn:aws:eks:us-west-2:123456789012:cluster/ray"
        aws("eks").tag_resource(resourceArn=arn, tags={f"k{index}": "v"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    groups = aws("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["g*"]}])
    assert len(groups["SecurityGroups"]) == 40
    assert len(aws("eks").describe_cluster(name="ray")["cluster"]["tags"]) == 40


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("ec2", "describe_instance_topology", {}),
        ("iam", "generate_service_last_accessed_details", {"Arn": "arn:aws:iam::123456789012:role/x"}),
        ("eks", "list_eks_anywhere_subscriptions", {}),
        ("ssm", "list_nodes", {}),
        ("health", "describe_events", {}),
        ("s3", "get_bucket_abac", {"Bucket": "x"}),
    ],
)
def test_what_is_not_implemented_says_so_in_the_clients_own_dialect(
    aws, service: str, operation: str, given: dict
) -> None:
    with aws.refused("NotImplemented", 501):
        getattr(aws(service), operation)(**given)


def test_a_reset_empties_the_account_and_keeps_the_boot_id(aws) -> None:
    before = local_aws.boot(aws.endpoint)
    aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    urllib.request.urlopen(urllib.request.Request(f"{aws.endpoint}/moto-api/reset", method="POST")).read()
    assert local_aws.inventory(aws.endpoint) == {}
    assert local_aws.boot(aws.endpoint) == before


def test_state_dies_with_the_process_and_a_start_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RAYEKS_HOME", str(tmp_path))
    said: list[str] = []
    first = local_aws.start(progress=said.append)
    try:
        assert first.fresh
        again = local_aws.start(progress=said.append)
        assert not again.fresh
        assert again.boot == first.boot
        status = local_aws.status()
        assert status is not None
        assert status.endpoint == first.endpoint
        local_aws.stop(progress=said.append)
        assert local_aws.status() is None
        assert local_aws.boot(first.endpoint) is None
        second = local_aws.start(progress=said.append)
        assert second.fresh
        assert second.boot != first.boot
        assert second.endpoint == first.endpoint
    finally:
        local_aws.stop(progress=said.append)


def test_the_environment_leads_clients_here_and_nowhere_else() -> None:
    env = local_aws.environment("http://127.0.0.1:1")
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert env["AWS_EC2_METADATA_DISABLED"] == "true"
    assert env["AWS_CONFIG_FILE"] == "/dev/null"
    assert all(env.values()), "an empty profile is one without a name to some clients"


def test_clusters_answer_with_the_given_api_server(tmp_path) -> None:
    from local.aws.extensions import kubernetes
    from local.aws.extensions.eks.clusters import api_server

    assert api_server("ABC", "us-west-2")[0] == "https://ABC.gr7.us-west-2.eks.amazonaws.com"
    before = kubernetes.endpoint, kubernetes.ca
    try:
        kubernetes.endpoint, kubernetes.ca = "https://127.0.0.1:6443", b"PEM"
        assert api_server("ABC", "us-west-2") == ("https://127.0.0.1:6443", b"PEM")
    finally:
        kubernetes.endpoint, kubernetes.ca = before


def test_an_unsigned_request_to_nowhere_is_an_error_not_a_crash(aws) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{aws.endpoint}/clusters/none")
    assert raised.value.code in (400, 403, 404, 501)
    assert json.dumps(local_aws.boot(aws.endpoint))
