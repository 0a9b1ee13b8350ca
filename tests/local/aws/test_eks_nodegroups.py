"""EKS managed node groups of the local AWS."""

import pytest


def template(aws, **data) -> dict:
    made = aws("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data)
    return {"id": made["LaunchTemplate"]["LaunchTemplateId"], "version": "1"}


def test_a_node_group_keeps_everything_it_was_created_with(aws) -> None:
    aws.cluster()
    given = {
        "labels": {"pool": "gpu"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "instanceTypes": ["g6.xlarge", "g6.2xlarge"],
        "capacityType": "SPOT",
        "amiType": "AL2023_x86_64_NVIDIA",
        "updateConfig": {"maxUnavailablePercentage": 33},
        "nodeRepairConfig": {"enabled": True, "maxParallelNodesRepairedCount": 1},
        "warmPoolConfig": {"enabled": True, "minSize": 1, "poolState": "STOPPED"},
        "tags": {"team": "ray"},
        "launchTemplate": template(aws, MetadataOptions={"HttpTokens": "required"}),
    }
    made = aws.nodes("gpu", **given)
    assert made["status"] == "CREATING"
    aws("eks").get_waiter("nodegroup_active").wait(clusterName="ray", nodegroupName="gpu")
    seen = aws("eks").describe_nodegroup(clusterName="ray", nodegroupName="gpu")["nodegroup"]
    for key in set(given) - {"launchTemplate"}:
        assert seen[key] == given[key], key
    assert seen["launchTemplate"] == given["launchTemplate"] | {"name": "nodes"}
    assert seen["nodegroupArn"].startswith("arn:aws:eks:us-west-2:123456789012:nodegroup/ray/gpu/")
    assert seen["version"] == "1.35"
    assert seen["releaseVersion"].startswith("1.35.")
    assert seen["health"] == {"issues": []}
    assert "diskSize" not in seen


def test_a_node_group_without_choices_gets_aws_defaults(aws) -> None:
    aws.cluster()
    seen = aws.nodes()
    assert seen["capacityType"] == "ON_DEMAND"
    assert seen["amiType"] == "AL2023_x86_64_STANDARD"
    assert seen["instanceTypes"] == ["t3.medium"]
    assert seen["diskSize"] == 20
    assert seen["updateConfig"] == {"maxUnavailable": 1}
    assert "launchTemplate" not in seen


def test_arm_instances_get_the_arm_image(aws) -> None:
    aws.cluster()
    assert aws.nodes(instanceTypes=["m7g.large"])["amiType"] == "AL2023_ARM_64_STANDARD"


def image(aws) -> str:
    name = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id"
    return aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]


def test_an_image_in_the_template_makes_the_type_custom_and_the_version_its_own(aws) -> None:
    aws.cluster()
    made = aws.nodes(launchTemplate=template(aws, ImageId=image(aws), InstanceType="m7i.large"))
    assert made["amiType"] == "CUSTOM"
    assert "instanceTypes" not in made
    assert "releaseVersion" not in made


BAD_TEMPLATE = "arn:aws:iam::123456789012:instance-profile/x"


@pytest.mark.parametrize(
    ("change", "data", "says"),
    [
        ({"nodeRole": "arn:aws:iam::123456789012:role/none"}, None, "cannot be found"),
        ({"subnets": ["subnet-00000000000000000"]}, None, "does not exist"),
        ({"instanceTypes": ["m99.huge"]}, None, "do not exist"),
        ({"instanceTypes": ["m7g.large"], "amiType": "AL2023_x86_64_STANDARD"}, None, "not a valid instance type"),
        ({"scalingConfig": {"minSize": 3, "maxSize": 2, "desiredSize": 2}}, None, "can't be greater"),
        ({"scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 3}}, None, "can't be greater"),
        ({"amiType": "AL2023_x86_64_GPU"}, None, "enum value set"),
        ({"version": "1.36"}, None, "not compatible"),
        ({"releaseVersion": "1.35.0-20200101"}, None, "not valid"),
        ({"launchTemplate": {"id": "lt-0123456789abcdef0"}}, None, "can't be found"),
        ({"diskSize": 100}, {}, "Disk size must be specified within the launch template"),
        ({"instanceTypes": ["m7i.large"]}, {"InstanceType": "m7i.large"}, "both"),
        ({}, {"IamInstanceProfile": {"Arn": BAD_TEMPLATE}}, "instance profile"),
        ({}, {"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "subnet-1"}]}, "subnets"),
        ({"capacityType": "CAPACITY_BLOCK"}, {}, "capacity-block"),
        ({"warmPoolConfig": {"enabled": True}}, {"ImageId": "ami-1", "InstanceType": "m7i.large"}, "Warm pools"),
    ],
)
def test_what_aws_refuses_is_refused(aws, change: dict, data: dict | None, says: str) -> None:
    aws.cluster()
    if data is not None:
        # A template has to hold something.
        change = change | {"launchTemplate": template(aws, **{"EbsOptimized": True} | data)}
    with aws.refused("InvalidParameterException", says=says):
        aws.nodes(**change)


def test_the_node_role_must_trust_ec2(aws) -> None:
    aws.cluster()
    with aws.refused("InvalidParameterException", says="ec2.amazonaws.com"):
        aws.nodes(nodeRole=aws.role("wrong", "eks.amazonaws.com"))


def test_a_second_create_is_refused_and_an_absent_group_not_found(aws) -> None:
    aws.cluster()
    role = aws.nodes()["nodeRole"]
    with aws.refused("ResourceInUseException", 409, "already exists"):
        aws.nodes(nodeRole=role)
    for operation in ("describe_nodegroup", "delete_nodegroup", "update_nodegroup_config"):
        with aws.refused("ResourceNotFoundException", 404, "none"):
            getattr(aws("eks"), operation)(clusterName="ray", nodegroupName="none")


def test_configuration_is_updated_part_by_part(aws) -> None:
    aws.cluster()
    taint = {"key": "a", "value": "1", "effect": "NO_SCHEDULE"}
    aws.nodes(labels={"a": "1", "b": "2"}, taints=[taint])
    update = aws("eks").update_nodegroup_config(
        clusterName="ray",
        nodegroupName="cpu",
        labels={"addOrUpdateLabels": {"b": "3", "c": "4"}, "removeLabels": ["a"]},
        taints={"addOrUpdateTaints": [taint | {"value": "2"}]},
        scalingConfig={"maxSize": 5},
        updateConfig={"maxUnavailable": 2},
        nodeRepairConfig={"enabled": True},
        warmPoolConfig={"enabled": True, "poolState": "RUNNING"},
    )["update"]
    assert (update["status"], update["type"]) == ("InProgress", "ConfigUpdate")
    followed = aws("eks").describe_update(name="ray", updateId=update["id"], nodegroupName="cpu")["update"]
    assert followed["status"] == "Successful"
    assert aws("eks").list_updates(name="ray", nodegroupName="cpu")["updateIds"] == [update["id"]]
    assert aws("eks").list_updates(name="ray")["updateIds"] == []
    seen = aws("eks").describe_nodegroup(clusterName="ray", nodegroupName="cpu")["nodegroup"]
    assert seen["labels"] == {"b": "3", "c": "4"}
    assert seen["taints"] == [taint | {"value": "2"}]
    assert seen["scalingConfig"] == {"minSize": 1, "maxSize": 5, "desiredSize": 2}
    assert seen["updateConfig"] == {"maxUnavailable": 2}
    assert seen["nodeRepairConfig"] == {"enabled": True}
    assert seen["warmPoolConfig"] == {"enabled": True, "poolState": "RUNNING"}


def test_nodes_roll_to_a_new_template_version_and_a_new_kubernetes(aws) -> None:
    aws.cluster(version="1.34")
    given = template(aws, EbsOptimized=True)
    aws.nodes(launchTemplate=given)
    aws("ec2").create_launch_template_version(LaunchTemplateId=given["id"], LaunchTemplateData={"EbsOptimized": False})
    aws("eks").update_nodegroup_version(
        clusterName="ray", nodegroupName="cpu", launchTemplate={"id": given["id"], "version": "2"}
    )
    aws("eks").update_cluster_version(name="ray", version="1.35")
    aws("eks").update_nodegroup_version(clusterName="ray", nodegroupName="cpu", version="1.35")
    seen = aws("eks").describe_nodegroup(clusterName="ray", nodegroupName="cpu")["nodegroup"]
    assert seen["launchTemplate"]["version"] == "2"
    assert seen["version"] == "1.35"
    with aws.refused("InvalidParameterException", says="can't be found"):
        aws("eks").update_nodegroup_version(
            clusterName="ray", nodegroupName="cpu", launchTemplate={"id": given["id"], "version": "9"}
        )


def test_a_capacity_block_group_needs_the_blocks_reservation_in_its_template(aws) -> None:
    aws.cluster()
    data = {
        "InstanceType": "p5.48xlarge",
        "InstanceMarketOptions": {"MarketType": "capacity-block"},
        "CapacityReservationSpecification": {
            "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}
        },
    }
    made = aws.nodes(
        launchTemplate=template(aws, **data), capacityType="CAPACITY_BLOCK", amiType="AL2023_x86_64_NVIDIA"
    )
    assert made["capacityType"] == "CAPACITY_BLOCK"


def test_node_groups_are_tagged_by_their_arn(aws) -> None:
    aws.cluster()
    arn = aws.nodes(tags={"a": "1"})["nodegroupArn"]
    aws("eks").tag_resource(resourceArn=arn, tags={"b": "2"})
    aws("eks").untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws("eks").list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def instances(aws, **filters: str) -> list[dict]:
    wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    wanted.append({"Name": "instance-state-name", "Values": ["running", "pending"]})
    found = aws("ec2").describe_instances(Filters=wanted)["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def test_a_group_has_its_machines_and_they_hold_what_they_use(aws) -> None:
    ec2 = aws("ec2")
    about = aws.cluster()["resourcesVpcConfig"]
    group = ec2.create_security_group(GroupName="nodes", Description="n", VpcId=about["vpcId"])["GroupId"]
    ec2.create_placement_group(GroupName="train", Strategy="cluster")
    made = aws.nodes(
        capacityType="SPOT",
        instanceTypes=["g6.xlarge"],
        amiType="AL2023_x86_64_NVIDIA",
        launchTemplate=template(
            aws,
            SecurityGroupIds=[group],
            Placement={"GroupName": "train"},
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 200, "Encrypted": True}}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "ray"}]}],
        ),
    )
    found = instances(aws)
    assert len(found) == 2
    assert {item["InstanceType"] for item in found} == {"g6.xlarge"}
    assert {item["InstanceLifecycle"] for item in found} == {"spot"}
    assert len({item["SubnetId"] for item in found}) == 2
    tags = {tag["Key"]: tag["Value"] for tag in found[0]["Tags"]}
    assert tags["team"] == "ray"
    assert tags["eks:nodegroup-name"] == "cpu"
    assert tags["kubernetes.io/cluster/ray"] == "owned"
    name = ec2.describe_images(ImageIds=[found[0]["ImageId"]])["Images"][0]["Name"]
    assert name.startswith("amazon-eks-node-al2023-x86_64-nvidia-1.35-")
    scaling = aws("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[made["resources"]["autoScalingGroups"][0]["name"]]
    )["AutoScalingGroups"][0]
    assert {item["InstanceId"] for item in scaling["Instances"]} == {item["InstanceId"] for item in found}
    with aws.refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    with aws.refused("InvalidPlacementGroup.InUse"):
        ec2.delete_placement_group(GroupName="train")
    aws("eks").delete_nodegroup(clusterName="ray", nodegroupName="cpu")
    assert instances(aws) == []
    assert ec2.describe_volumes()["Volumes"] == []
    ec2.delete_security_group(GroupId=group)
    ec2.delete_placement_group(GroupName="train")
    assert aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_machines_follow_the_wanted_size_and_are_replaced_by_an_update(aws) -> None:
    aws.cluster()
    aws.nodes()
    first = {item["InstanceId"] for item in instances(aws)}
    for size in (3, 1):
        aws("eks").update_nodegroup_config(
            clusterName="ray", nodegroupName="cpu", scalingConfig={"minSize": 1, "desiredSize": size, "maxSize": 3}
        )
        assert len(instances(aws)) == size
    aws("eks").update_nodegroup_version(clusterName="ray", nodegroupName="cpu", releaseVersion="1.35.3-20261022")
    after = {item["InstanceId"] for item in instances(aws)}
    assert len(after) == 1
    assert not after & first


@pytest.mark.parametrize(
    "data",
    [
        {"ImageId": "ami-0123456789abcdef0", "InstanceType": "m7i.large"},
        {"SecurityGroupIds": ["sg-0123456789abcdef0"]},
        {"Placement": {"GroupName": "none"}},
    ],
)
def test_a_template_that_could_not_launch_is_refused(aws, data: dict) -> None:
    aws.cluster()
    with aws.refused("InvalidRequestException"):
        aws.nodes(launchTemplate=template(aws, **data))
    assert aws("eks").list_nodegroups(clusterName="ray")["nodegroups"] == []
