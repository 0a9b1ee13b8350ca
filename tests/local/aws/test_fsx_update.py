"""A Lustre file system whose metadata scales by itself can still be changed in other ways."""


def test_an_automatic_metadata_mode_does_not_stand_in_the_way_of_an_update(aws) -> None:
    ec2, fsx = aws("ec2"), aws("fsx")
    vpc, subnets = aws.network()
    group = ec2.create_security_group(GroupName="lustre", Description="lustre", VpcId=vpc)["GroupId"]
    rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    made = fsx.create_file_system(
        FileSystemType="LUSTRE",
        FileSystemTypeVersion="2.15",
        StorageCapacity=1200,
        SubnetIds=subnets[:1],
        SecurityGroupIds=[group],
        LustreConfiguration={
            "DeploymentType": "PERSISTENT_2",
            "PerUnitStorageThroughput": 250,
            "DataCompressionType": "LZ4",
            "MetadataConfiguration": {"Mode": "AUTOMATIC"},
        },
    )["FileSystem"]["FileSystemId"]
    fsx.update_file_system(FileSystemId=made, LustreConfiguration={"DataCompressionType": "NONE"})
    [system] = fsx.describe_file_systems(FileSystemIds=[made])["FileSystems"]
    assert system["LustreConfiguration"]["DataCompressionType"] == "NONE"
    assert system["LustreConfiguration"]["MetadataConfiguration"]["Mode"] == "AUTOMATIC"
