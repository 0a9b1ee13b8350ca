"""botocore's own waiters as the judge: each for a thing that a stack makes ends when the thing is there, or gone.

They are AWS's words for "it is there" and "it is gone", written by nobody here.
"""

from collections.abc import Callable
from typing import Any

import jmespath
import pytest
from botocore.exceptions import WaiterError

from local.providers.aws.types import every
from tests.local.aws.conftest import Account
from tests.local.aws.full import HERE, full

__all__ = ["full"]

Waiting = Callable[[Account], dict[str, Any]]
RAY = {"clusterName": "ray-0"}

NOT_MADE = {
    "ec2": "bundle_task conversion_task customer_gateway export_task image_usage key_pair password_data secondary_ "
    "security_group_vpc snapshot spot_instance_request store_image vpc_peering vpn_connection",
    "ecr": "image_scan lifecycle_policy_preview",
    "eks": "certificate_authority",
    "iam": "user",
}
"""Service → beginnings of the names of waiters for what no stack makes."""


def _one(aws: Account, service: str, operation: str, where: str, **params: Any) -> Any:
    found = jmespath.search(where, getattr(aws(service), operation)(**params))
    assert found, f"{service} {operation} tells nothing at {where}"
    return found


def _instance(aws: Account) -> list[str]:
    image = _one(aws, "ec2", "describe_images", "Images[0].ImageId", Owners=["amazon"])
    run = aws("ec2").run_instances(ImageId=image, InstanceType="m7i.large", MinCount=1, MaxCount=1)
    return [run["Instances"][0]["InstanceId"]]


def _stopped(aws: Account) -> list[str]:
    aws("ec2").stop_instances(InstanceIds=(ids := _instance(aws)))
    return ids


def _terminated(aws: Account) -> list[str]:
    aws("ec2").terminate_instances(InstanceIds=(ids := _instance(aws)))
    return ids


def _interface(aws: Account) -> list[str]:
    subnet = _one(aws, "ec2", "describe_subnets", "Subnets[0].SubnetId")
    return [aws("ec2").create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]]


def _volume(aws: Account) -> list[str]:
    return [aws("ec2").create_volume(AvailabilityZone="us-west-2a", Size=1, VolumeType="gp3")["VolumeId"]]


def _deleted_volume(aws: Account) -> list[str]:
    aws("ec2").delete_volume(VolumeId=(ids := _volume(aws))[0])
    return ids


def _deleted_nat(aws: Account) -> list[str]:
    found = _one(aws, "ec2", "describe_nat_gateways", "NatGateways[-1].NatGatewayId")
    aws("ec2").delete_nat_gateway(NatGatewayId=found)
    return [found]


def _deleted(aws: Account, kind: str, **named: str) -> dict[str, str]:
    getattr(aws("eks"), f"delete_{kind}")(**named)
    return named


def _ids(member: str, operation: str, where: str) -> Waiting:
    return lambda aws: {member: [_one(aws, "ec2", operation, where)]}


WAITERS: dict[str, dict[str, Waiting]] = {
    "ec2": {
        "vpc_exists": _ids("VpcIds", "describe_vpcs", "Vpcs[0].VpcId"),
        "vpc_available": _ids("VpcIds", "describe_vpcs", "Vpcs[0].VpcId"),
        "subnet_available": _ids("SubnetIds", "describe_subnets", "Subnets[0].SubnetId"),
        "security_group_exists": _ids("GroupIds", "describe_security_groups", "SecurityGroups[0].GroupId"),
        "internet_gateway_exists": _ids(
            "InternetGatewayIds", "describe_internet_gateways", "InternetGateways[0].InternetGatewayId"
        ),
        "nat_gateway_available": _ids("NatGatewayIds", "describe_nat_gateways", "NatGateways[0].NatGatewayId"),
        "nat_gateway_deleted": lambda aws: {"NatGatewayIds": _deleted_nat(aws)},
        "network_interface_available": lambda aws: {"NetworkInterfaceIds": _interface(aws)},
        "image_exists": _ids("ImageIds", "describe_images", "Images[0].ImageId"),
        "image_available": _ids("ImageIds", "describe_images", "Images[0].ImageId"),
        "instance_exists": lambda aws: {"InstanceIds": _instance(aws)},
        "instance_running": lambda aws: {"InstanceIds": _instance(aws)},
        "instance_status_ok": lambda aws: {"InstanceIds": _instance(aws)},
        "system_status_ok": lambda aws: {"InstanceIds": _instance(aws)},
        "instance_stopped": lambda aws: {"InstanceIds": _stopped(aws)},
        "instance_terminated": lambda aws: {"InstanceIds": _terminated(aws)},
        "volume_available": lambda aws: {"VolumeIds": _volume(aws)},
        "volume_deleted": lambda aws: {"VolumeIds": _deleted_volume(aws)},
        "volume_in_use": lambda aws: {
            "VolumeIds": [
                _one(
                    aws,
                    "ec2",
                    "describe_volumes",
                    "Volumes[0].VolumeId",
                    Filters=[{"Name": "attachment.instance-id", "Values": _instance(aws)}],
                )
            ]
        },
    },
    "eks": {
        "cluster_active": lambda aws: {"name": "ray-0"},
        "cluster_deleted": lambda aws: _deleted(aws, "cluster", name="ray-2"),
        "nodegroup_active": lambda aws: RAY | {"nodegroupName": "cpu-0"},
        "nodegroup_deleted": lambda aws: _deleted(aws, "nodegroup", **RAY, nodegroupName="cpu-2"),
        "addon_active": lambda aws: RAY | {"addonName": "coredns"},
        "addon_deleted": lambda aws: _deleted(aws, "addon", **RAY, addonName="kube-proxy"),
        "fargate_profile_active": lambda aws: RAY | {"fargateProfileName": "f0"},
        "fargate_profile_deleted": lambda aws: _deleted(aws, "fargate_profile", **RAY, fargateProfileName="f2"),
    },
    "iam": {
        "role_exists": lambda aws: {"RoleName": "person"},
        "instance_profile_exists": lambda aws: {"InstanceProfileName": "p0"},
        "policy_exists": lambda aws: {"PolicyArn": f"arn:aws:iam::{HERE.account}:policy/a0"},
    },
    "s3": {
        "bucket_exists": lambda aws: {"Bucket": "ray-0"},
        "bucket_not_exists": lambda aws: {"Bucket": "ray-9"},
        "object_exists": lambda aws: {"Bucket": "ray-0", "Key": "o0"},
        "object_not_exists": lambda aws: {"Bucket": "ray-0", "Key": "o9"},
    },
}
"""Service → waiter → what to wait for, after making or deleting it where that is the event."""


@pytest.mark.parametrize(("service", "name"), [(service, name) for service in WAITERS for name in WAITERS[service]])
def test_a_wait_ends(full: Account, service: str, name: str) -> None:
    given = WAITERS[service][name](full)
    full(service).get_waiter(name).wait(**given, WaiterConfig={"Delay": 0, "MaxAttempts": 3})


@pytest.mark.parametrize("service", sorted({row.service for row in every().values()}))
def test_every_wait_for_what_a_stack_makes_is_among_them(full: Account, service: str) -> None:
    others = tuple(NOT_MADE.get(service, "").split())
    known = {name for name in full(service).waiter_names if not (others and name.startswith(others))}
    assert known == set(WAITERS.get(service, {}))


def test_a_wait_for_what_is_not_there_does_not_end(full: Account) -> None:
    with pytest.raises(WaiterError):
        full("eks").get_waiter("nodegroup_active").wait(
            **RAY, nodegroupName="none", WaiterConfig={"Delay": 0, "MaxAttempts": 2}
        )
