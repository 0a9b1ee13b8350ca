"""The machines of managed node groups: EC2 instances that hold subnets and security groups as AWS's do."""

from typing import Any

from local.aws.extensions.ec2.images import image_id
from local.aws.extensions.ec2.placement import Capacity
from local.aws.extensions.eks.catalogue import BOTTLEROCKET_RELEASES
from local.aws.extensions.eks.service import Cluster, Document, Eks, invalid, refused
from local.aws.moto import Call, Service, paged

autoscaling = Service("autoscaling", invalid="ValidationError")

GONE = ("terminated", "shutting-down")


def check(call: Call, group: Document, data: Document) -> None:
    """Refuse a launch template whose image, security groups or placement group could not be launched."""
    backend = call.backend("ec2")
    image = data.get("ImageId")
    if image and image not in backend.amis:
        raise refused(f"The image id '[{image}]' does not exist")
    for key in _groups(data):
        if backend.get_security_group_from_id(key) is None:
            raise refused(f"The security group '{key}' does not exist")
    placement = (data.get("Placement") or {}).get("GroupName")
    if placement and placement not in call.state(Capacity).groups:
        raise refused(f"The placement group '{placement}' is unknown.")
    if not image:
        _image(call, group)


def settle(call: Call, cluster: Cluster, group: Document, data: Document) -> None:
    """Launch or terminate until the group has as many machines as it wants, spread over its subnets."""
    held = machines(call, cluster, group)
    wanted = group["scalingConfig"]["desiredSize"]
    if len(held) > wanted:
        call.backend("ec2").terminate_instances([machine.id for machine in held[wanted:]])
    for index in range(len(held), wanted):
        machine = _launch(call, cluster, group, data, group["subnets"][index % len(group["subnets"])])
        cluster.machines.setdefault(group["nodegroupName"], []).append(machine.id)


def roll(call: Call, cluster: Cluster, group: Document, data: Document) -> None:
    """Replace every machine."""
    remove(call, cluster, group)
    settle(call, cluster, group, data)


def remove(call: Call, cluster: Cluster, group: Document) -> None:
    """Terminate every machine."""
    held = [machine.id for machine in machines(call, cluster, group)]
    if held:
        call.backend("ec2").terminate_instances(held)
    cluster.machines.pop(group["nodegroupName"], None)


def machines(call: Call, cluster: Cluster, group: Document) -> list[Any]:
    """The group's machines that live."""
    backend = call.backend("ec2")
    known = set(cluster.machines.get(group["nodegroupName"], ()))
    every = [machine for reservation in backend.reservations.values() for machine in reservation.instances]
    return [machine for machine in every if machine.id in known and machine._state.name not in GONE]


@autoscaling
def describe_auto_scaling_groups(call: Call, request: Document) -> Document:
    """moto's groups, and those that EKS made for its node groups."""
    names = request.get("AutoScalingGroupNames") or []
    found = call.backend().describe_auto_scaling_groups(names, filters=request.get("Filters") or [])
    if not request.get("Filters"):
        for cluster in call.at("eks").state(Eks).clusters.values():
            for group in cluster.nodegroups.values():
                about = _scaling_group(call, cluster, group)
                if not names or about["AutoScalingGroupName"] in names:
                    found.append(about)
    page, token = paged(found, request, token="NextToken", size="MaxRecords", most=50)
    return {"AutoScalingGroups": page, "NextToken": token}


def _scaling_group(call: Call, cluster: Cluster, group: Document) -> Document:
    name, sizes = group["resources"]["autoScalingGroups"][0]["name"], group["scalingConfig"]
    held = machines(call, cluster, group)
    tags = {
        "eks:cluster-name": cluster.name,
        "eks:nodegroup-name": group["nodegroupName"],
        "k8s.io/cluster-autoscaler/enabled": "true",
        f"k8s.io/cluster-autoscaler/{cluster.name}": "owned",
        f"kubernetes.io/cluster/{cluster.name}": "owned",
    }
    subnets = [call.backend("ec2").get_subnet(key) for key in group["subnets"]]
    return {
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": call.arn(f"autoScalingGroup:{name}:autoScalingGroupName/{name}", "autoscaling"),
        "MinSize": sizes["minSize"],
        "MaxSize": sizes["maxSize"],
        "DesiredCapacity": sizes["desiredSize"],
        "DefaultCooldown": 300,
        "AvailabilityZones": sorted({subnet.availability_zone for subnet in subnets}),
        "VPCZoneIdentifier": ",".join(group["subnets"]),
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 15,
        "CreatedTime": group["createdAt"],
        "CapacityRebalance": group["capacityType"] == "SPOT",
        "Instances": [
            {
                "InstanceId": machine.id,
                "InstanceType": machine.instance_type,
                "AvailabilityZone": machine.availability_zone,
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
            }
            for machine in held
        ],
        "Tags": [
            {
                "ResourceId": name,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": True,
            }
            for key, value in tags.items()
        ],
    }


def _launch(call: Call, cluster: Cluster, group: Document, data: Document, subnet: str) -> Any:
    backend = call.backend("ec2")
    own = cluster.about["resourcesVpcConfig"]["clusterSecurityGroupId"]
    tags = {
        "aws:autoscaling:groupName": group["resources"]["autoScalingGroups"][0]["name"],
        "aws:eks:cluster-name": cluster.name,
        "eks:cluster-name": cluster.name,
        "eks:nodegroup-name": group["nodegroupName"],
        "k8s.io/cluster-autoscaler/enabled": "true",
        f"k8s.io/cluster-autoscaler/{cluster.name}": "owned",
        f"kubernetes.io/cluster/{cluster.name}": "owned",
    }
    specified = {
        item["ResourceType"]: {tag["Key"]: tag.get("Value", "") for tag in item.get("Tags") or []}
        for item in data.get("TagSpecifications") or []
    }
    image = data.get("ImageId") or _image(call, group)
    disks = data.get("BlockDeviceMappings") or backend.amis[image].block_device_mappings
    spot = group["capacityType"] == "SPOT"
    reservation = backend.run_instances(
        image,
        1,
        None,
        [],
        instance_type=data.get("InstanceType") or group["instanceTypes"][0],
        is_instance_type_default=False,
        region_name=call.region,
        subnet_id=subnet,
        security_group_ids=_groups(data) or [own],
        block_device_mappings=[_kept_no_longer(disk) for disk in disks],
        tags={"instance": specified.get("instance", {}) | tags, "volume": specified.get("volume", {}) | tags},
        instance_market_options={"MarketType": "spot"} if spot else None,
        lifecycle="spot" if spot else None,
        metadata_options=data.get("MetadataOptions") or {},
    )
    machine = reservation.instances[0]
    machine.placement.group_name = (data.get("Placement") or {}).get("GroupName") or ""
    for interface in machine.nics.values():
        interface.delete_on_termination = True
    return machine


def _groups(data: Document) -> list[str]:
    interfaces = data.get("NetworkInterfaces") or []
    return (interfaces[0].get("Groups") if interfaces else None) or data.get("SecurityGroupIds") or []


def _kept_no_longer(disk: Document) -> Document:
    """A node's disks go with the node unless the template says otherwise."""
    return disk | {"Ebs": {"DeleteOnTermination": True} | (disk.get("Ebs") or {}) | {"SnapshotId": None}}


def _image(call: Call, group: Document) -> str:
    """The image of the group's AMI type and release."""
    kind, minor, release = group["amiType"], group["version"], group["releaseVersion"]
    architecture = "arm64" if "ARM_64" in kind else "x86_64"
    if kind.startswith("AL2023"):
        variant = kind.rsplit("_", 1)[-1].lower()
        name = f"amazon-eks-node-al2023-{architecture}-{variant}-{minor}-v{release.split('-')[1]}"
    elif kind.startswith("BOTTLEROCKET"):
        flavour = "".join(f"-{part}" for part in ("nvidia", "fips") if part.upper() in kind)
        version = release.rsplit("-", 1)[0]
        machine = "aarch64" if architecture == "arm64" else architecture
        name = f"bottlerocket-aws-k8s-{minor}{flavour}-{machine}-v{version}-{BOTTLEROCKET_RELEASES[version]}"
    else:
        raise invalid(f"The local AWS has no images of the AMI type {kind}.")
    return image_id(name, call.region)
