"""EFS, FSx for Lustre, flow logs, reservations and secrets on the real engine."""

import json

import pulumi
import pulumi_aws as aws
import pytest

from tests.local.providers.aws.test_storage_and_identity import trust

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def program(
    throughput="elastic", days="AFTER_30_DAYS", capacity=1200, count=1, uid=1000, events=("NEW",), text="database"
):
    def run():
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.0.0/24", availability_zone="us-west-2a")
        group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id)
        rules = [
            kind(name, security_group_id=group.id, ip_protocol="-1", referenced_security_group_id=group.id)
            for name, kind in (("in", aws.vpc.SecurityGroupIngressRule), ("out", aws.vpc.SecurityGroupEgressRule))
        ]
        home = aws.efs.FileSystem(
            "home",
            encrypted=True,
            throughput_mode=throughput,
            lifecycle_policies=[{"transition_to_ia": days}, {"transition_to_primary_storage_class": "AFTER_1_ACCESS"}],
        )
        aws.efs.MountTarget("mount", file_system_id=home.id, subnet_id=subnet.id, security_groups=[group.id])
        aws.efs.AccessPoint(
            "tenant",
            file_system_id=home.id,
            posix_user={"uid": uid, "gid": 1000},
            root_directory={
                "path": "/tenant",
                "creation_info": {"owner_uid": 1000, "owner_gid": 1000, "permissions": "0750"},
            },
        )
        aws.efs.BackupPolicy("backup", file_system_id=home.id, backup_policy={"status": "ENABLED"})
        bucket = aws.s3.Bucket("bucket")
        fast = aws.fsx.LustreFileSystem(
            "fast",
            subnet_ids=subnet.id,
            storage_capacity=capacity,
            deployment_type="PERSISTENT_2",
            per_unit_storage_throughput=125,
            file_system_type_version="2.15",
            security_group_ids=[group.id],
            data_compression_type="LZ4",
            tags={"team": "ray"},
            opts=pulumi.ResourceOptions(depends_on=rules),
        )
        aws.fsx.DataRepositoryAssociation(
            "datasets",
            file_system_id=fast.id,
            data_repository_path=bucket.bucket.apply(lambda name: f"s3://{name}/"),
            file_system_path="/datasets",
            s3={"auto_import_policy": {"events": list(events)}},
        )
        logs = aws.cloudwatch.LogGroup("flows", retention_in_days=7)
        role = aws.iam.Role("role", assume_role_policy=trust("vpc-flow-logs.amazonaws.com"))
        aws.ec2.FlowLog("network", vpc_id=vpc.id, traffic_type="ALL", log_destination=logs.arn, iam_role_arn=role.arn)
        aws.ec2.CapacityReservation(
            "gpus",
            instance_type="g6.xlarge",
            instance_platform="Linux/UNIX",
            availability_zone="us-west-2a",
            instance_count=count,
            instance_match_criteria="targeted",
        )
        secret = aws.secretsmanager.Secret("database", description=text, recovery_window_in_days=0)
        pulumi.export("home", home.id)
        pulumi.export("fast", fast.id)
        pulumi.export("secret", secret.arn)

    return run


def test_file_systems_go_through_a_whole_life(account, engine):
    efs, fsx, ec2, secrets = (account(name) for name in ("efs", "fsx", "ec2", "secretsmanager"))
    stack = engine(program())
    assert stack.up() == {"create": 18}
    out = stack.outputs()
    home = efs.describe_file_systems(FileSystemId=out["home"])["FileSystems"][0]
    assert home["ThroughputMode"] == "elastic" and home["Encrypted"]
    fast = fsx.describe_file_systems(FileSystemIds=[out["fast"]])["FileSystems"][0]
    assert fast["StorageCapacity"] == 1200 and fast["LustreConfiguration"]["DeploymentType"] == "PERSISTENT_2"
    assert stack.plan(refresh=True) == {}

    efs.update_file_system(FileSystemId=out["home"], ThroughputMode="bursting")
    efs.put_backup_policy(FileSystemId=out["home"], BackupPolicy={"Status": "DISABLED"})
    association = fsx.describe_data_repository_associations()["Associations"][0]
    fsx.update_data_repository_association(
        AssociationId=association["AssociationId"], S3={"AutoImportPolicy": {"Events": ["DELETED"]}}
    )
    secrets.update_secret(SecretId=out["secret"], Description="stranger")
    flows = ec2.describe_flow_logs()["FlowLogs"][0]["FlowLogId"]
    ec2.delete_flow_logs(FlowLogIds=[flows])
    assert stack.up(refresh=True) == {"create": 2, "update": 3, "same": 13}
    home = efs.describe_file_systems(FileSystemId=out["home"])["FileSystems"][0]
    assert home["ThroughputMode"] == "elastic"

    other = program("bursting", "AFTER_60_DAYS", 2400, 2, 2000, ("NEW", "CHANGED"), "other")
    assert stack.plan(other) == {
        "home": "update",
        "fast": "update",
        "gpus": "update",
        "tenant": "replace",
        "datasets": "update",
        "database": "update",
    }
    stack.up()
    assert fsx.describe_file_systems(FileSystemIds=[out["fast"]])["FileSystems"][0]["StorageCapacity"] == 2400
    assert ec2.describe_capacity_reservations()["CapacityReservations"][0]["TotalInstanceCount"] == 2
    assert stack.plan(refresh=True) == {}
    assert stack.plan(program(capacity=1200))["fast"] == "replace", "Lustre storage only grows"

    assert stack.destroy() == {"delete": 18}
    assert efs.describe_file_systems()["FileSystems"] == [] == fsx.describe_file_systems()["FileSystems"]
    assert secrets.list_secrets()["SecretList"] == []
    states = {each["State"] for each in ec2.describe_capacity_reservations()["CapacityReservations"]}
    assert states <= {"cancelled"}, json.dumps(sorted(states))
