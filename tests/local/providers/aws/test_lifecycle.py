"""Create, update and delete against an AWS that is slow, forgetful, busy or cancelled."""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
import pytest

from local.providers.aws import lifecycle, operation
from local.providers.aws.cloud import AwsError
from local.providers.aws.operation import Deadline, Operation, StoppedError
from local.providers.aws.types import find
from local.providers.wire import ResourceInitError
from rayeks.errors import UserError

Answer = Callable[[dict[str, Any]], Any]
VPC, NAT = "aws:ec2/vpc:Vpc", "aws:ec2/natGateway:NatGateway"


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


class Cloud:
    """An AWS of a few lines: answers by operation, each a value, an exception or a list of those in turn."""

    region, account, partition = "us-west-2", "123456789012", "aws"

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def model(self, service: str, name: str) -> Any:
        return model(service).operation_model(name)

    def call(self, service: str, name: str, params: dict[str, Any], region: str) -> Any:
        self.calls.append((name, params))
        answer = self.answers.get(name, {})
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def nat(state: str, **more: Any) -> dict[str, Any]:
    return {"NatGateways": [{"NatGatewayId": "nat-1", "State": state, **more}]}


def running(token: str, cloud: Any, *, seconds: float = 30, **values: Any) -> Operation:
    deadline = Deadline(seconds, threading.Event())
    return Operation(find(token), cloud, "urn", deadline, **values)


MISSING = AwsError("DescribeNatGateways", "NatGatewayNotFound", "no such gateway")
BUSY = AwsError("DeleteVpc", "DependencyViolation", "has dependencies")


def test_create_waits_until_aws_shows_it_ready():
    cloud = Cloud(
        CreateNatGateway={"NatGateway": {"NatGatewayId": "nat-1"}},
        DescribeNatGateways=[MISSING, nat("pending"), nat("pending"), nat("available", SubnetId="subnet-1")],
    )
    id, state = lifecycle.create(running(NAT, cloud, inputs={"subnetId": "subnet-1"}), {})
    assert id == "nat-1" and state["subnetId"] == "subnet-1"
    assert cloud.names().count("DescribeNatGateways") == 4


def test_a_creation_that_fails_later_is_kept_in_the_state_with_the_reason():
    cloud = Cloud(
        CreateNatGateway={"NatGateway": {"NatGatewayId": "nat-1"}},
        DescribeNatGateways=nat("failed", FailureMessage="no more addresses"),
    )
    with pytest.raises(ResourceInitError) as failure:
        lifecycle.create(running(NAT, cloud, inputs={"subnetId": "subnet-1"}), {})
    assert failure.value.id == "nat-1"
    assert "no more addresses" in failure.value.reasons[0]


def test_a_creation_that_takes_too_long_is_kept_in_the_state():
    cloud = Cloud(
        CreateNatGateway={"NatGateway": {"NatGatewayId": "nat-1"}}, DescribeNatGateways=nat("pending", VpcId="vpc-1")
    )
    with pytest.raises(ResourceInitError, match="longer than 1 s") as failure:
        lifecycle.create(running(NAT, cloud, seconds=1, inputs={}), {})
    assert failure.value.properties["vpcId"] == "vpc-1"


def test_a_creation_that_aws_refuses_leaves_nothing():
    cloud = Cloud(CreateNatGateway=AwsError("CreateNatGateway", "InvalidSubnetID.NotFound", "no such subnet"))
    with pytest.raises(AwsError, match=r"CreateNatGateway: InvalidSubnetID\.NotFound: no such subnet"):
        lifecycle.create(running(NAT, cloud, inputs={"subnetId": "subnet-1"}), {})


def test_a_cancelled_wait_ends_at_once():
    cloud = Cloud(CreateNatGateway={"NatGateway": {"NatGatewayId": "nat-1"}}, DescribeNatGateways=nat("pending"))
    work = running(NAT, cloud, seconds=600, inputs={})
    model("ec2")  # loading it takes longer than the wait
    threading.Timer(0.3, work.deadline.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(ResourceInitError, match="cancelled"):
        lifecycle.create(work, {})
    assert time.monotonic() - began < 3


def test_delete_waits_for_what_still_holds_the_thing():
    vpc = {"Vpcs": [{"VpcId": "vpc-1", "State": "available"}]}
    gone = AwsError("DescribeVpcs", "InvalidVpcID.NotFound", "no such VPC")
    cloud = Cloud(DescribeVpcs=[vpc, gone], DeleteVpc=[BUSY, BUSY, {}])
    lifecycle.delete(running(VPC, cloud, id="vpc-1"))
    assert cloud.names().count("DeleteVpc") == 3


def test_delete_gives_up_in_the_end_and_says_what_aws_said():
    cloud = Cloud(DescribeVpcs={"Vpcs": [{"VpcId": "vpc-1"}]}, DeleteVpc=BUSY)
    with pytest.raises(StoppedError, match="longer than 1 s; AWS last said DeleteVpc: DependencyViolation"):
        lifecycle.delete(running(VPC, cloud, seconds=1, id="vpc-1"))


def test_delete_of_what_is_gone_is_fine():
    gone = AwsError("DescribeVpcs", "InvalidVpcID.NotFound", "no such VPC")
    cloud = Cloud(DescribeVpcs=gone)
    lifecycle.delete(running(VPC, cloud, id="vpc-1"))
    assert cloud.names() == ["DescribeVpcs"]
    cloud = Cloud(
        DescribeVpcs=[{"Vpcs": [{"VpcId": "vpc-1"}]}, gone],
        DeleteVpc=AwsError("DeleteVpc", "InvalidVpcID.NotFound", "no such VPC"),
    )
    lifecycle.delete(running(VPC, cloud, id="vpc-1"))


def test_a_deletion_state_counts_as_gone():
    cloud = Cloud(DescribeNatGateways=[nat("available"), nat("deleting"), nat("deleted")])
    lifecycle.delete(running(NAT, cloud, id="nat-1"))
    assert cloud.names() == ["DescribeNatGateways", "DeleteNatGateway", "DescribeNatGateways", "DescribeNatGateways"]


def test_a_read_of_what_is_gone_says_so_and_other_errors_are_told():
    assert lifecycle.read(running(NAT, Cloud(DescribeNatGateways=MISSING), id="nat-1"), {}) is None
    denied = AwsError("DescribeNatGateways", "UnauthorizedOperation", "not allowed")
    with pytest.raises(AwsError, match="UnauthorizedOperation"):
        lifecycle.read(running(NAT, Cloud(DescribeNatGateways=denied), id="nat-1"), {})


def vpc_cloud(**vpc: Any) -> Cloud:
    attribute = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": False}}
    told = {"Vpcs": [{"VpcId": "vpc-1", "State": "available", "CidrBlock": "10.0.0.0/16", **vpc}]}
    return Cloud(DescribeVpcs=told, DescribeVpcAttribute=attribute)


def test_an_update_changes_only_what_differs():
    cloud = vpc_cloud()
    old = {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": False}
    lifecycle.update(running(VPC, cloud, id="vpc-1", old=old, inputs={**old, "enableDnsHostnames": True}), {})
    changes = [params for name, params in cloud.calls if name == "ModifyVpcAttribute"]
    assert changes == [{"VpcId": "vpc-1", "EnableDnsHostnames": {"Value": True}}]


def test_an_update_mends_what_an_earlier_failure_left_undone():
    cloud = vpc_cloud()
    inputs = {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": True}
    lifecycle.update(running(VPC, cloud, id="vpc-1", old=inputs, inputs=inputs), {})
    assert "ModifyVpcAttribute" in cloud.names()


def test_an_update_leaves_alone_what_the_program_ignores():
    cloud = vpc_cloud()
    inputs = {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": True}
    ignored = frozenset({"enableDnsHostnames"})
    lifecycle.update(running(VPC, cloud, id="vpc-1", old=inputs, inputs=inputs, ignored=ignored), {})
    assert "ModifyVpcAttribute" not in cloud.names()


def test_tags_of_strangers_stay_and_ours_go():
    cloud = vpc_cloud(Tags=[{"Key": "ours", "Value": "1"}, {"Key": "karpenter", "Value": "x"}])
    old = {"cidrBlock": "10.0.0.0/16", "tagsAll": {"ours": "1"}, "tags": {"ours": "1"}}
    inputs = {"cidrBlock": "10.0.0.0/16", "tagsAll": {"new": "2"}, "tags": {"new": "2"}}
    lifecycle.update(running(VPC, cloud, id="vpc-1", old=old, inputs=inputs), {})
    calls = dict(cloud.calls)
    assert calls["DeleteTags"]["Tags"] == [{"Key": "ours"}]
    assert calls["CreateTags"]["Tags"] == [{"Key": "new", "Value": "2"}]


def test_an_update_of_what_is_gone_says_how_to_go_on():
    cloud = Cloud(DescribeVpcs=AwsError("DescribeVpcs", "InvalidVpcID.NotFound", "no such VPC"))
    with pytest.raises(UserError, match=r"(?s)no longer exists.*refresh"):
        lifecycle.update(running(VPC, cloud, id="vpc-1", inputs={}), {})


def test_something_that_aws_never_shows_is_an_error(monkeypatch):
    monkeypatch.setattr(operation, "APPEARANCE_S", 0.3)
    cloud = Cloud(CreateNatGateway={"NatGateway": {"NatGatewayId": "nat-1"}}, DescribeNatGateways=MISSING)
    with pytest.raises(UserError, match="AWS does not show it"):
        lifecycle.create(running(NAT, cloud, inputs={}), {})


def test_what_aws_never_tells_is_kept_from_the_inputs():
    found = {"Lifecycle": "AVAILABLE", "LustreConfiguration": {}, "ResourceARN": "arn", "FileSystemId": "fs-1"}
    cloud = Cloud(DescribeFileSystems={"FileSystems": [found]})
    state = {"securityGroupIds": ["sg-1"], "skipFinalBackup": True}
    work = running("aws:fsx/lustreFileSystem:LustreFileSystem", cloud, id="fs-1", state=state, old=state)
    read = lifecycle.read(work, {})
    assert read is not None and read[0]["securityGroupIds"] == ["sg-1"] == read[1]["securityGroupIds"]
