"""FSx for Lustre in the local AWS."""

from typing import Any

import pytest


def group(aws, vpc: str, *, efa: bool = False) -> str:
    ec2 = aws("ec2")
    key = ec2.create_security_group(GroupName="lustre", Description="lustre", VpcId=vpc)["GroupId"]
    if efa:
        itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": key}]}]
        ec2.authorize_security_group_ingress(GroupId=key, IpPermissions=itself)
        ec2.authorize_security_group_egress(GroupId=key, IpPermissions=itself)
    else:
        ec2.authorize_security_group_ingress(
            GroupId=key, IpProtocol="tcp", FromPort=988, ToPort=1023, CidrIp="10.0.0.0/8"
        )
    return key


def lustre(aws, **given) -> dict:
    request: dict[str, Any] = {
        "FileSystemType": "LUSTRE",
        "StorageCapacity": 2400,
        "LustreConfiguration": {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 250},
    } | given
    if "SubnetIds" not in request:
        vpc, subnets = aws.network()
        request["SubnetIds"] = subnets[:1]
        request["SecurityGroupIds"] = [group(aws, vpc, efa=bool(request["LustreConfiguration"].get("EfaEnabled")))]
    return aws("fsx").create_file_system(**request)["FileSystem"]


def test_a_file_system_is_made_read_back_and_removed(aws) -> None:
    made = lustre(aws, Tags=[{"Key": "a", "Value": "1"}])
    key = made["FileSystemId"]
    assert made["Lifecycle"] == "CREATING"
    seen = aws("fsx").describe_file_systems(FileSystemIds=[key])["FileSystems"][0]
    assert seen["Lifecycle"] == "AVAILABLE"
    assert seen["ResourceARN"] == f"arn:aws:fsx:us-west-2:123456789012:file-system/{key}"
    assert seen["DNSName"] == f"{key}.fsx.us-west-2.amazonaws.com"
    assert seen["LustreConfiguration"]["PerUnitStorageThroughput"] == 250
    assert seen["LustreConfiguration"]["MountName"]
    assert seen["FileSystemTypeVersion"] == "2.12"
    assert seen["KmsKeyId"].startswith("arn:aws:kms:")
    assert seen["Tags"] == [{"Key": "a", "Value": "1"}]
    with aws.refused("DependencyViolation"):
        aws("ec2").delete_subnet(SubnetId=seen["SubnetIds"][0])
    assert aws("fsx").delete_file_system(FileSystemId=key)["Lifecycle"] == "DELETING"
    for operation in ("describe_file_systems", "delete_file_system"):
        wanted = {"FileSystemIds": [key]} if operation.startswith("describe") else {"FileSystemId": key}
        with aws.refused("FileSystemNotFound"):
            getattr(aws("fsx"), operation)(**wanted)
    assert aws("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_file_system_grows_and_changes_but_does_not_shrink(aws) -> None:
    key = lustre(aws)["FileSystemId"]
    change = {"DataCompressionType": "LZ4", "PerUnitStorageThroughput": 500}
    updated = aws("fsx").update_file_system(FileSystemId=key, StorageCapacity=4800, LustreConfiguration=change)
    assert updated["FileSystem"]["Lifecycle"] == "UPDATING"
    seen = aws("fsx").describe_file_systems(FileSystemIds=[key])["FileSystems"][0]
    assert seen["StorageCapacity"] == 4800
    assert seen["LustreConfiguration"].items() >= change.items()
    assert seen["AdministrativeActions"][0]["Status"] == "COMPLETED"
    with aws.refused("BadRequest", says="shrink"):
        aws("fsx").update_file_system(FileSystemId=key, StorageCapacity=2400)


def test_an_efa_file_system_needs_its_sizes_metadata_and_group(aws) -> None:
    config = {
        "DeploymentType": "PERSISTENT_2",
        "PerUnitStorageThroughput": 500,
        "EfaEnabled": True,
        "MetadataConfiguration": {"Mode": "AUTOMATIC"},
    }
    seen = lustre(aws, StorageCapacity=9600, LustreConfiguration=config)
    assert seen["LustreConfiguration"]["EfaEnabled"] is True
    with aws.refused("BadRequest", says="multiple of 9600"):
        lustre(aws, StorageCapacity=4800, LustreConfiguration=config)
    bare = {key: value for key, value in config.items() if key != "MetadataConfiguration"}
    with aws.refused("BadRequest", says="metadata"):
        lustre(aws, StorageCapacity=9600, LustreConfiguration=bare)
    vpc, subnets = aws.network()
    with aws.refused("InvalidNetworkSettings", says="all inbound traffic"):
        lustre(
            aws,
            StorageCapacity=9600,
            LustreConfiguration=config,
            SubnetIds=subnets[:1],
            SecurityGroupIds=[group(aws, vpc)],
        )


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"StorageCapacity": 2000}, "BadRequest", "storage capacity"),
        (
            {"LustreConfiguration": {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 100}},
            "BadRequest",
            "throughput",
        ),
        ({"FileSystemTypeVersion": "2.10"}, "BadRequest", "version"),
        ({"SubnetIds": ["subnet-0123456789abcdef0"]}, "InvalidNetworkSettings", "does not exist"),
        ({"FileSystemType": "DISK"}, "BadRequest", "enum value set"),
    ],
)
def test_what_aws_refuses_is_refused(aws, given: dict, code: str, says: str) -> None:
    with aws.refused(code, says=says):
        lustre(aws, **given)


def test_a_closed_security_group_is_refused(aws) -> None:
    vpc, subnets = aws.network()
    closed = aws("ec2").create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    with aws.refused("InvalidNetworkSettings", says="port 988"):
        lustre(aws, SubnetIds=subnets[:1], SecurityGroupIds=[closed])


def link(aws, system: str, path: str = "/data", source: str = "s3://ray-data/sets", **given) -> dict:
    return aws("fsx").create_data_repository_association(
        FileSystemId=system, FileSystemPath=path, DataRepositoryPath=source, **given
    )["Association"]


def test_a_bucket_is_linked_changed_and_unlinked(aws) -> None:
    fsx = aws("fsx")
    aws("s3").create_bucket(Bucket="ray-data", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    system = lustre(aws)["FileSystemId"]
    policy = {"AutoImportPolicy": {"Events": ["NEW", "CHANGED"]}}
    made = link(aws, system, S3=policy, BatchImportMetaDataOnCreate=True, Tags=[{"Key": "a", "Value": "1"}])
    key = made["AssociationId"]
    fsx.update_data_repository_association(AssociationId=key, S3={"AutoExportPolicy": {"Events": ["NEW"]}})
    found = fsx.describe_data_repository_associations(Filters=[{"Name": "file-system-id", "Values": [system]}])[
        "Associations"
    ]
    assert found[0]["Lifecycle"] == "AVAILABLE"
    assert found[0]["S3"] == policy | {"AutoExportPolicy": {"Events": ["NEW"]}}
    assert found[0]["ResourceARN"] == f"arn:aws:fsx:us-west-2:123456789012:association/{system}/{key}"
    fsx.tag_resource(ResourceARN=found[0]["ResourceARN"], Tags=[{"Key": "b", "Value": "2"}])
    fsx.untag_resource(ResourceARN=found[0]["ResourceARN"], TagKeys=["a"])
    assert fsx.list_tags_for_resource(ResourceARN=found[0]["ResourceARN"])["Tags"] == [{"Key": "b", "Value": "2"}]
    with aws.refused("BadRequest", says="overlaps"):
        link(aws, system, path="/data/more", source="s3://ray-data/other")
    with aws.refused("BadRequest", says="validate access"):
        link(aws, system, path="/other", source="s3://nobody/x")
    fsx.delete_data_repository_association(AssociationId=key)
    with aws.refused("DataRepositoryAssociationNotFound"):
        fsx.describe_data_repository_associations(AssociationIds=[key])
