"""EC2's compute: launch templates, placement groups and capacity reservations."""

from dataclasses import replace
from typing import Any

from local.providers.aws.convert import to_members, words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource
from local.providers.aws.types.ec2_common import arn, tagging

TEMPLATE_NAMES = {
    "name": "LaunchTemplateName",
    "description": "VersionDescription",
    "defaultVersion": "DefaultVersionNumber",
    "latestVersion": "LatestVersionNumber",
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "securityGroupNames": "SecurityGroups",
    "networkInterfaces.securityGroups": "Groups",
    "networkInterfaces.ipv4Addresses": "PrivateIpAddresses",
    "networkInterfaces.ipv4AddressCount": "SecondaryPrivateIpAddressCount",
}
TEMPLATE_OWN = words("name namePrefix description defaultVersion updateDefaultVersion tags tagsAll region __defaults")


def _template_data(operation: Operation) -> dict[str, Any]:
    shape = operation.cloud.model("ec2", "CreateLaunchTemplate").input_shape.members["LaunchTemplateData"]
    wanted = {name: value for name, value in operation.inputs.items() if name not in TEMPLATE_OWN}
    return to_members(wanted, shape, TEMPLATE_NAMES)


def _create_template(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    params = {"LaunchTemplateName": inputs["name"], "LaunchTemplateData": _template_data(operation)}
    if inputs.get("description"):
        params["VersionDescription"] = inputs["description"]
    return operation.call("CreateLaunchTemplate", params)["LaunchTemplate"]


def _read_template_version(operation: Operation) -> dict[str, Any]:
    params = {"LaunchTemplateId": operation.id, "Versions": ["$Latest"]}
    version = operation.call("DescribeLaunchTemplateVersions", params)["LaunchTemplateVersions"][0]
    return {**version["LaunchTemplateData"], "VersionDescription": version.get("VersionDescription")}


def _new_template_version(operation: Operation) -> None:
    inputs = operation.inputs
    params = {"LaunchTemplateId": operation.id, "LaunchTemplateData": _template_data(operation)}
    if inputs.get("description"):
        params["VersionDescription"] = inputs["description"]
    version = operation.call("CreateLaunchTemplateVersion", params)["LaunchTemplateVersion"]["VersionNumber"]
    if inputs.get("updateDefaultVersion"):
        _make_default(operation, version)


def _default_template_version(operation: Operation) -> None:
    if operation.inputs.get("updateDefaultVersion"):
        latest = operation.call("DescribeLaunchTemplates", {"LaunchTemplateIds": [operation.id]})
        _make_default(operation, latest["LaunchTemplates"][0]["LatestVersionNumber"])
    elif operation.inputs.get("defaultVersion"):
        _make_default(operation, operation.inputs["defaultVersion"])


def _make_default(operation: Operation, version: int) -> None:
    operation.call("ModifyLaunchTemplate", {"LaunchTemplateId": operation.id, "DefaultVersion": str(version)})


TEMPLATE_SETTINGS = words(
    "blockDeviceMappings capacityReservationSpecification cpuOptions creditSpecification disableApiStop",
    "disableApiTermination ebsOptimized enclaveOptions hibernationOptions iamInstanceProfile imageId",
    "instanceInitiatedShutdownBehavior instanceMarketOptions instanceRequirements instanceType kernelId keyName",
    "licenseSpecifications maintenanceOptions metadataOptions monitoring networkInterfaces networkPerformanceOptions",
    "placement privateDnsNameOptions ramDiskId securityGroupNames tagSpecifications userData vpcSecurityGroupIds",
)

LAUNCH_TEMPLATE = Resource(
    token="aws:ec2/launchTemplate:LaunchTemplate",
    service="ec2",
    id="{LaunchTemplateId}",
    create=_create_template,
    consumes=TEMPLATE_SETTINGS | words("name description"),
    reads=(
        Call("DescribeLaunchTemplates", {"LaunchTemplateIds": ["{id}"]}, "LaunchTemplates[0]"),
        _read_template_version,
    ),
    changes=(
        Change(" ".join(TEMPLATE_SETTINGS) + " description", _new_template_version),
        Change("defaultVersion updateDefaultVersion", _default_template_version),
    ),
    delete=(Call("DeleteLaunchTemplate", {"LaunchTemplateId": "{id}"}),),
    replaces=words("name namePrefix"),
    kept=words("updateDefaultVersion"),
    computed=words("defaultVersion metadataOptions.httpEndpoint metadataOptions.httpTokens"),
    names=TEMPLATE_NAMES,
    unordered=words("vpcSecurityGroupIds securityGroupNames networkInterfaces.securityGroups"),
    volatile=words("latestVersion defaultVersion"),
    outputs={"arn": arn("launch-template")},
    naming=Naming(longest=125),
    # Tagged after it is made: moto would take the template's own tags into its data.
    tagging=replace(tagging("launch-template"), create={}),
)

PLACEMENT_GROUP = Resource(
    token="aws:ec2/placementGroup:PlacementGroup",
    service="ec2",
    id="{name}",
    create=Call("CreatePlacementGroup"),
    reads=(Call("DescribePlacementGroups", {"GroupNames": ["{id}"]}, "PlacementGroups[0]"),),
    delete=(Call("DeletePlacementGroup", {"GroupName": "{id}"}),),
    awaits_deletion=True,
    status="State",
    ready=words("available"),
    gone=words("deleted"),
    replaces=words("name partitionCount spreadLevel strategy"),
    computed=words("partitionCount spreadLevel"),
    names={"name": "GroupName", "placementGroupId": "GroupId"},
    outputs={"arn": arn("placement-group")},
    missing=words("InvalidPlacementGroup.Unknown"),
    naming=Naming(longest=255),
    tagging=tagging("placement-group", "{placementGroupId}"),
)

CAPACITY_RESERVATION = Resource(
    token="aws:ec2/capacityReservation:CapacityReservation",
    service="ec2",
    id="{CapacityReservationId}",
    create=Call("CreateCapacityReservation", {}, "CapacityReservation"),
    reads=(Call("DescribeCapacityReservations", {"CapacityReservationIds": ["{id}"]}, "CapacityReservations[0]"),),
    changes=(
        Change(
            "instanceCount endDate endDateType",
            Call(
                "ModifyCapacityReservation",
                {
                    "CapacityReservationId": "{id}",
                    "InstanceCount": "{instanceCount}",
                    "EndDate": "{endDate}",
                    "EndDateType": "{endDateType}",
                },
            ),
        ),
    ),
    delete=(Call("CancelCapacityReservation", {"CapacityReservationId": "{id}"}),),
    awaits_deletion=True,
    status="State",
    ready=words("active"),
    failed=words("failed"),
    gone=words("cancelled expired"),
    replaces=words(
        "availabilityZone ebsOptimized ephemeralStorage instanceMatchCriteria instancePlatform instanceType",
        "outpostArn placementGroupArn tenancy",
    ),
    defaults={
        "ebsOptimized": False,
        "endDateType": "unlimited",
        "ephemeralStorage": False,
        "instanceMatchCriteria": "open",
        "tenancy": "default",
    },
    cleared={"endDate": None},
    names={"arn": "CapacityReservationArn"},
    outputs={"instanceCount": "{TotalInstanceCount}"},
    tagging=tagging("capacity-reservation"),
)

TYPES = (LAUNCH_TEMPLATE, PLACEMENT_GROUP, CAPACITY_RESERVATION)
