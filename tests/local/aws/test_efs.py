"""EFS in the local AWS."""

import json

import pytest


def system(aws, token: str = "ray", **given) -> dict:
    return aws("efs").create_file_system(
        CreationToken=token, **{"Encrypted": True, "ThroughputMode": "elastic"} | given
    )


def test_a_file_system_is_made_read_back_changed_and_removed(aws) -> None:
    efs = aws("efs")
    made = system(aws, Tags=[{"Key": "Name", "Value": "ray"}])
    key = made["FileSystemId"]
    assert made["LifeCycleState"] == "creating"
    seen = efs.describe_file_systems(FileSystemId=key)["FileSystems"][0]
    assert seen["LifeCycleState"] == "available"
    assert seen["FileSystemArn"] == f"arn:aws:elasticfilesystem:us-west-2:123456789012:file-system/{key}"
    assert (seen["ThroughputMode"], seen["Encrypted"], seen["Name"]) == ("elastic", True, "ray")
    assert seen["KmsKeyId"].startswith("arn:aws:kms:")
    assert seen["FileSystemProtection"] == {"ReplicationOverwriteProtection": "ENABLED"}
    efs.update_file_system(FileSystemId=key, ThroughputMode="provisioned", ProvisionedThroughputInMibps=128)
    seen = efs.describe_file_systems(CreationToken="ray")["FileSystems"][0]
    assert (seen["ThroughputMode"], seen["ProvisionedThroughputInMibps"]) == ("provisioned", 128)
    efs.tag_resource(ResourceId=key, Tags=[{"Key": "a", "Value": "1"}])
    efs.untag_resource(ResourceId=key, TagKeys=["Name"])
    assert efs.list_tags_for_resource(ResourceId=key)["Tags"] == [{"Key": "a", "Value": "1"}]
    with aws.refused("FileSystemAlreadyExists", 409) as response:
        system(aws)
    assert response["FileSystemId"] == key
    efs.delete_file_system(FileSystemId=key)
    for operation in ("describe_file_systems", "delete_file_system", "update_file_system", "describe_backup_policy"):
        with aws.refused("FileSystemNotFound", 404):
            getattr(efs, operation)(FileSystemId=key)


def test_backup_life_cycle_and_policy_are_kept(aws) -> None:
    efs = aws("efs")
    key = system(aws)["FileSystemId"]
    with aws.refused("PolicyNotFound", 404):
        efs.describe_backup_policy(FileSystemId=key)
    assert efs.put_backup_policy(FileSystemId=key, BackupPolicy={"Status": "ENABLED"})["BackupPolicy"] == {
        "Status": "ENABLING"
    }
    assert efs.describe_backup_policy(FileSystemId=key)["BackupPolicy"] == {"Status": "ENABLED"}
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    efs.put_lifecycle_configuration(FileSystemId=key, LifecyclePolicies=policies)
    assert efs.describe_lifecycle_configuration(FileSystemId=key)["LifecyclePolicies"] == policies
    with aws.refused("PolicyNotFound", 404):
        efs.describe_file_system_policy(FileSystemId=key)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    efs.put_file_system_policy(FileSystemId=key, Policy=policy)
    assert efs.describe_file_system_policy(FileSystemId=key)["Policy"] == policy
    efs.delete_file_system_policy(FileSystemId=key)
    with aws.refused("PolicyNotFound", 404):
        efs.describe_file_system_policy(FileSystemId=key)


def test_a_mount_target_in_each_zone_holds_subnet_group_and_file_system(aws) -> None:
    efs, ec2 = aws("efs"), aws("ec2")
    vpc, subnets = aws.network()
    group, other = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("efs", "b")
    )
    key = system(aws)["FileSystemId"]
    made = [efs.create_mount_target(FileSystemId=key, SubnetId=subnet, SecurityGroups=[group]) for subnet in subnets]
    assert made[0]["LifeCycleState"] == "creating"
    seen = efs.describe_mount_targets(FileSystemId=key)["MountTargets"]
    assert {target["AvailabilityZoneName"] for target in seen} == {"us-west-2a", "us-west-2b", "us-west-2c"}
    assert {target["LifeCycleState"] for target in seen} == {"available"}
    assert all(target["AvailabilityZoneId"].startswith("usw2-az") for target in seen)
    assert efs.describe_file_systems(FileSystemId=key)["FileSystems"][0]["NumberOfMountTargets"] == 3
    with aws.refused("MountTargetConflict", 409):
        efs.create_mount_target(FileSystemId=key, SubnetId=subnets[0])
    target = made[0]["MountTargetId"]
    efs.modify_mount_target_security_groups(MountTargetId=target, SecurityGroups=[other])
    assert efs.describe_mount_target_security_groups(MountTargetId=target)["SecurityGroups"] == [other]
    with aws.refused("FileSystemInUse", 409):
        efs.delete_file_system(FileSystemId=key)
    for held in (lambda: ec2.delete_subnet(SubnetId=subnets[0]), lambda: ec2.delete_security_group(GroupId=group)):
        with aws.refused("DependencyViolation"):
            held()
    for target in seen:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    with aws.refused("MountTargetNotFound", 404):
        efs.describe_mount_targets(MountTargetId=seen[0]["MountTargetId"])
    efs.delete_file_system(FileSystemId=key)
    ec2.delete_security_group(GroupId=group)


def test_an_access_point_keeps_owner_path_and_tags(aws) -> None:
    efs = aws("efs")
    key = system(aws)["FileSystemId"]
    given = {
        "PosixUser": {"Uid": 1000, "Gid": 1000},
        "RootDirectory": {
            "Path": "/tenants/a",
            "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "0750"},
        },
        "Tags": [{"Key": "Name", "Value": "a"}],
    }
    made = efs.create_access_point(ClientToken="a", FileSystemId=key, **given)
    assert made["LifeCycleState"] == "creating"
    seen = efs.describe_access_points(FileSystemId=key)["AccessPoints"][0]
    assert seen.items() >= given.items()
    assert (seen["LifeCycleState"], seen["Name"]) == ("available", "a")
    with aws.refused("AccessPointAlreadyExists", 409):
        efs.create_access_point(ClientToken="a", FileSystemId=key)
    efs.delete_access_point(AccessPointId=made["AccessPointId"])
    with aws.refused("AccessPointNotFound", 404):
        efs.describe_access_points(AccessPointId=made["AccessPointId"])


@pytest.mark.parametrize(
    "given",
    [
        {"ThroughputMode": "provisioned"},
        {"ThroughputMode": "elastic", "PerformanceMode": "maxIO"},
        {"Encrypted": False, "KmsKeyId": "x"},
        {"ThroughputMode": "fast"},
        {"KmsKeyId": "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-0000-0000-000000000000"},
    ],
)
def test_what_aws_refuses_is_refused(aws, given: dict) -> None:
    with aws.refused("BadRequest"):
        system(aws, **given)
