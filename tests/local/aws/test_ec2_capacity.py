"""EC2's capacity in the local AWS: placement groups, reservations, templates, images, prices."""

from datetime import UTC, datetime, timedelta

import pytest


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"Strategy": "cluster"}, {"Strategy": "cluster"}),
        ({"Strategy": "partition", "PartitionCount": 4}, {"PartitionCount": 4}),
        ({"Strategy": "spread"}, {"SpreadLevel": "rack"}),
    ],
)
def test_a_placement_group_is_made_found_tagged_and_removed(aws, given: dict, seen: dict) -> None:
    ec2 = aws("ec2")
    specification = [{"ResourceType": "placement-group", "Tags": tags(pool="train")}]
    made = ec2.create_placement_group(GroupName="train", TagSpecifications=specification, **given)["PlacementGroup"]
    ec2.create_tags(Resources=[made["GroupId"]], Tags=tags(zone="b"))
    found = ec2.describe_placement_groups(Filters=[{"Name": "tag:pool", "Values": ["tr*"]}])["PlacementGroups"]
    assert found[0].items() >= seen.items()
    assert found[0]["State"] == "available"
    assert found[0]["GroupArn"] == "arn:aws:ec2:us-west-2:123456789012:placement-group/train"
    assert found[0]["Tags"] == tags(pool="train", zone="b")
    assert ec2.describe_placement_groups(GroupIds=[made["GroupId"]])["PlacementGroups"] == found
    with aws.refused("InvalidPlacementGroup.Duplicate"):
        ec2.create_placement_group(GroupName="train", **given)
    ec2.delete_placement_group(GroupName="train")
    for ask in (
        lambda: ec2.describe_placement_groups(GroupNames=["train"]),
        lambda: ec2.delete_placement_group(GroupName="train"),
    ):
        with aws.refused("InvalidPlacementGroup.Unknown"):
            ask()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Strategy": "cluster", "PartitionCount": 2}, "InvalidParameterCombination"),
        ({"Strategy": "partition", "PartitionCount": 8}, "InvalidParameterValue"),
        ({"Strategy": "close"}, "InvalidParameterValue"),
    ],
)
def test_a_wrong_placement_group_is_refused(aws, given: dict, code: str) -> None:
    with aws.refused(code):
        aws("ec2").create_placement_group(GroupName="train", **given)


def reservation(aws, **given) -> dict:
    request = {
        "InstanceType": "p5.48xlarge",
        "InstancePlatform": "Linux/UNIX",
        "AvailabilityZone": "us-west-2b",
        "InstanceCount": 2,
    }
    return aws("ec2").create_capacity_reservation(**request | given)["CapacityReservation"]


def test_a_reservation_inside_a_group_is_made_found_changed_and_cancelled(aws) -> None:
    ec2 = aws("ec2")
    group = ec2.create_placement_group(GroupName="train", Strategy="cluster")["PlacementGroup"]["GroupArn"]
    made = reservation(
        aws,
        PlacementGroupArn=group,
        InstanceMatchCriteria="targeted",
        TagSpecifications=[{"ResourceType": "capacity-reservation", "Tags": tags(pool="train")}],
    )
    key = made["CapacityReservationId"]
    assert made["State"] == "active"
    ec2.modify_capacity_reservation(CapacityReservationId=key, InstanceCount=4)
    found = ec2.describe_capacity_reservations(Filters=[{"Name": "tag:pool", "Values": ["train"]}])
    seen = found["CapacityReservations"][0]
    assert (seen["TotalInstanceCount"], seen["AvailableInstanceCount"]) == (4, 4)
    assert seen["PlacementGroupArn"] == group
    assert seen["AvailabilityZoneId"].startswith("usw2-az")
    assert seen["InstanceMatchCriteria"] == "targeted"
    with aws.refused("InvalidPlacementGroup.InUse"):
        ec2.delete_placement_group(GroupName="train")
    ec2.cancel_capacity_reservation(CapacityReservationId=key)
    assert (
        ec2.describe_capacity_reservations(CapacityReservationIds=[key])["CapacityReservations"][0]["State"]
        == "cancelled"
    )
    ec2.delete_placement_group(GroupName="train")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"InstanceType": "m99.huge"}, "InvalidInstanceType"),
        ({"AvailabilityZone": "us-west-2z"}, "InvalidParameterValue"),
        (
            {"PlacementGroupArn": "arn:aws:ec2:us-west-2:123456789012:placement-group/none"},
            "InvalidPlacementGroup.Unknown",
        ),
        ({"EndDateType": "limited"}, "InvalidParameterCombination"),
    ],
)
def test_a_wrong_reservation_is_refused(aws, given: dict, code: str) -> None:
    with aws.refused(code):
        reservation(aws, **given)


def test_an_absent_reservation_is_not_found(aws) -> None:
    with aws.refused("InvalidCapacityReservationId.NotFound"):
        aws("ec2").describe_capacity_reservations(CapacityReservationIds=["cr-0123456789abcdef0"])


def test_a_capacity_block_is_quoted_and_bought(aws) -> None:
    ec2 = aws("ec2")
    start = datetime.now(UTC) + timedelta(days=3)
    offers = ec2.describe_capacity_block_offerings(
        InstanceType="p5.48xlarge", InstanceCount=4, CapacityDurationHours=48, StartDateRange=start
    )["CapacityBlockOfferings"]
    assert offers[0]["EndDate"] - offers[0]["StartDate"] == timedelta(hours=48)
    assert (offers[0]["StartDate"].hour, offers[0]["StartDate"].minute) == (11, 30)
    bought = ec2.purchase_capacity_block(
        CapacityBlockOfferingId=offers[0]["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX"
    )["CapacityReservation"]
    assert (bought["ReservationType"], bought["State"]) == ("capacity-block", "scheduled")
    with aws.refused("InvalidParameterValue"):
        ec2.describe_capacity_block_offerings(InstanceType="g6.xlarge", CapacityDurationHours=24)
    with aws.refused("InvalidParameterValue"):
        ec2.describe_capacity_block_offerings(InstanceType="p5.48xlarge", CapacityDurationHours=25)


def test_a_launch_template_keeps_versions_with_efa_placement_and_reservation(aws) -> None:
    ec2 = aws("ec2")
    data = {
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": 200, "VolumeType": "gp3", "Throughput": 600, "Encrypted": True},
            }
        ],
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "NetworkCardIndex": 0, "InterfaceType": "interface", "Groups": ["sg-1"]},
            {"DeviceIndex": 1, "NetworkCardIndex": 1, "InterfaceType": "efa-only", "Groups": ["sg-1"]},
        ],
        "Placement": {"GroupName": "train"},
        "InstanceMarketOptions": {"MarketType": "capacity-block"},
        "CapacityReservationSpecification": {"CapacityReservationTarget": {"CapacityReservationId": "cr-1"}},
        "TagSpecifications": [{"ResourceType": "instance", "Tags": tags(team="ray")}],
        "UserData": "YQ==",
    }
    made = ec2.create_launch_template(
        LaunchTemplateName="train",
        LaunchTemplateData=data,
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags(a="1")}],
    )["LaunchTemplate"]
    key = made["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=key, LaunchTemplateData={"EbsOptimized": True})
    ec2.modify_launch_template(LaunchTemplateId=key, DefaultVersion="2")
    about = ec2.describe_launch_templates(LaunchTemplateIds=[key])["LaunchTemplates"][0]
    assert (about["DefaultVersionNumber"], about["LatestVersionNumber"]) == (2, 2)
    assert about["Tags"] == tags(a="1")
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=key, Versions=["1"])
    assert versions["LaunchTemplateVersions"][0]["LaunchTemplateData"] == data
    latest = ec2.describe_launch_template_versions(LaunchTemplateId=key, Versions=["$Latest"])
    assert latest["LaunchTemplateVersions"][0]["LaunchTemplateData"] == {"EbsOptimized": True}
    answer = ec2.delete_launch_template_versions(LaunchTemplateId=key, Versions=["1", "2"])
    assert [item["VersionNumber"] for item in answer["SuccessfullyDeletedLaunchTemplateVersions"]] == [1]
    assert [item["VersionNumber"] for item in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]] == [2]
    ec2.create_launch_template_version(LaunchTemplateId=key, SourceVersion="2", LaunchTemplateData={"KernelId": "k"})
    newest = ec2.describe_launch_template_versions(LaunchTemplateId=key, Versions=["$Latest"])
    assert newest["LaunchTemplateVersions"][0]["VersionNumber"] == 3
    assert newest["LaunchTemplateVersions"][0]["LaunchTemplateData"] == {"EbsOptimized": True, "KernelId": "k"}
    with aws.refused("InvalidLaunchTemplateId.VersionNotFound"):
        ec2.describe_launch_template_versions(LaunchTemplateId=key, Versions=["1"])
    with aws.refused("InvalidLaunchTemplateName.AlreadyExistsException"):
        ec2.create_launch_template(LaunchTemplateName="train", LaunchTemplateData=data)
    ec2.delete_launch_template(LaunchTemplateId=key)
    for operation in ("describe_launch_templates", "delete_launch_template"):
        wanted = {"LaunchTemplateIds": [key]} if operation.startswith("describe") else {"LaunchTemplateId": key}
        with aws.refused("InvalidLaunchTemplateId.NotFound"):
            getattr(ec2, operation)(**wanted)


@pytest.mark.parametrize(
    "name",
    [
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id",
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/nvidia/recommended/image_id",
        "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/neuron/recommended/image_id",
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/"
        "amazon-eks-node-al2023-x86_64-nvidia-1.35-v20260610/image_id",
        "/aws/service/bottlerocket/aws-k8s-1.35/x86_64/latest/image_id",
        "/aws/service/bottlerocket/aws-k8s-1.35-nvidia/arm64/1.64.0/image_id",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    ],
)
def test_public_parameters_lead_to_images_that_exist(aws, name: str) -> None:
    image = aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    seen = aws("ec2").describe_images(ImageIds=[image])["Images"][0]
    assert seen["ImageOwnerAlias"] == "amazon"
    assert seen["State"] == "available"
    if "/eks/" in name:
        assert seen["Architecture"] == name.split("/")[7]


def test_images_leave_no_volume_or_snapshot_in_the_account(aws) -> None:
    ec2 = aws("ec2")
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []


def test_an_absent_public_parameter_is_not_found(aws) -> None:
    with aws.refused("ParameterNotFound"):
        aws("ssm").get_parameter(Name="/aws/service/bottlerocket/aws-k8s-1.35/x86_64/9.9.9/image_id")


def test_images_are_found_by_owner_and_name(aws) -> None:
    found = aws("ec2").describe_images(
        Owners=["amazon"], Filters=[{"Name": "name", "Values": ["amazon-eks-node-al2023-x86_64-nvidia-1.35-*"]}]
    )["Images"]
    assert len(found) == 4
    assert found[0]["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 20


def test_instance_types_carry_gpus_efa_and_zones(aws) -> None:
    ec2 = aws("ec2")
    seen = ec2.describe_instance_types(InstanceTypes=["p5.48xlarge"])["InstanceTypes"][0]
    assert seen["GpuInfo"]["Gpus"][0]["Count"] == 8
    assert seen["NetworkInfo"]["EfaInfo"]["MaximumEfaInterfaces"] == 32
    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["m7i.large"]}]
    )["InstanceTypeOfferings"]
    assert {item["Location"] for item in offered} >= {"us-west-2a", "us-west-2b"}
    with aws.refused("InvalidInstanceType"):
        ec2.describe_instance_types(InstanceTypes=["m99.huge"])


def test_spot_prices_are_below_on_demand_and_the_same_every_time(aws) -> None:
    ec2 = aws("ec2")
    ask = {"InstanceTypes": ["g6.xlarge"], "ProductDescriptions": ["Linux/UNIX"], "StartTime": datetime.now(UTC)}
    prices = ec2.describe_spot_price_history(**ask)["SpotPriceHistory"]
    assert {price["AvailabilityZone"][:-1] for price in prices} == {"us-west-2"}
    assert all(0.1 < float(price["SpotPrice"]) < 0.8048 for price in prices)
    again = ec2.describe_spot_price_history(**ask)["SpotPriceHistory"]
    assert [price["SpotPrice"] for price in again] == [price["SpotPrice"] for price in prices]


def test_spot_placement_scores_cover_the_zones(aws) -> None:
    scores = aws("ec2").get_spot_placement_scores(
        InstanceTypes=["g6.xlarge"], TargetCapacity=4, SingleAvailabilityZone=True, RegionNames=["us-west-2"]
    )["SpotPlacementScores"]
    assert scores
    assert all(1 <= score["Score"] <= 10 for score in scores)
