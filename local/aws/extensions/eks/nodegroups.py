"""EKS managed node groups: AWS's defaults, its refusals, and the access entry that comes with the node role."""

from moto.ec2.models.instance_types import INSTANCE_TYPES

from local.aws.extensions.eks import entries, nodes, references
from local.aws.extensions.eks.catalogue import release_version
from local.aws.extensions.eks.service import (
    Cluster,
    Document,
    active,
    eks,
    find,
    in_use,
    invalid,
    matches,
    not_found,
    now,
    record,
    refused,
    uid,
)
from local.aws.moto import Call

NOT_IN_TEMPLATE = {
    "diskSize": "Disk size must be specified within the launch template.",
    "remoteAccess": "Remote access configuration cannot be specified with a launch template.",
}
WARM_POOL_PARAMS = {
    "enabled": "WarmPoolEnabled",
    "minSize": "WarmPoolMinSize",
    "maxGroupPreparedCapacity": "WarmPoolMaxGroupPreparedCapacity",
    "poolState": "WarmPoolState",
    "reuseOnScaleIn": "WarmPoolReuseOnScaleIn",
}


@eks
def create_nodegroup(call: Call, request: Document) -> Document:
    """Create a node group; it is ACTIVE when next described."""
    cluster = active(call, request)
    name = request["nodegroupName"]
    known = cluster.nodegroups.get(name)
    if known and matches(known, request):
        return {"nodegroup": known}
    if known:
        raise in_use(
            f"NodeGroup already exists with name {name} and cluster name {cluster.name}",
            clusterName=cluster.name,
            nodegroupName=name,
        )
    references.node_role(call, request["nodeRole"])
    subnets = references.subnets(call, request["subnets"])
    foreign = [subnet.id for subnet in subnets if subnet.vpc_id != cluster.about["resourcesVpcConfig"]["vpcId"]]
    if foreign:
        raise invalid(f"Subnets {foreign} are not in the VPC of the cluster {cluster.name}", clusterName=cluster.name)
    scaling = _scaling(request.get("scalingConfig") or {"minSize": 1, "maxSize": 2, "desiredSize": 2})
    template, data = _template(call, request)
    kind = _ami_type(request, data)
    group = {
        "nodegroupName": name,
        "nodegroupArn": call.arn(f"nodegroup/{cluster.name}/{name}/{uid()}"),
        "clusterName": cluster.name,
        "createdAt": now(),
        "modifiedAt": now(),
        "status": "ACTIVE",
        "capacityType": _capacity_type(request, data),
        "scalingConfig": scaling,
        "instanceTypes": _instance_types(request, data),
        "subnets": request["subnets"],
        "remoteAccess": request.get("remoteAccess"),
        "amiType": kind,
        "nodeRole": request["nodeRole"],
        "labels": request.get("labels") or {},
        "taints": request.get("taints") or [],
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{uid()}"}]},
        "diskSize": None if template else request.get("diskSize") or 20,
        "health": {"issues": []},
        "updateConfig": request.get("updateConfig") or {"maxUnavailable": 1},
        "nodeRepairConfig": request.get("nodeRepairConfig"),
        "warmPoolConfig": request.get("warmPoolConfig"),
        "launchTemplate": template,
        "tags": request.get("tags") or {},
        "clientRequestToken": request.get("clientRequestToken"),
        **_versions(cluster, kind, request),
    }
    _warm_pool(kind, group["warmPoolConfig"])
    nodes.check(call, group, data)
    cluster.nodegroups[name] = group
    nodes.settle(call, cluster, group, data)
    entries.of_node_role(call, cluster, request["nodeRole"])
    return {"nodegroup": group | {"status": "CREATING"}}


@eks
def describe_nodegroup(call: Call, request: Document) -> Document:
    """One node group."""
    return {"nodegroup": nodegroup(find(call, request), request)}


@eks
def delete_nodegroup(call: Call, request: Document) -> Document:
    """Delete a node group."""
    cluster = active(call, request)
    group = nodegroup(cluster, request)
    nodes.remove(call, cluster, group)
    del cluster.nodegroups[group["nodegroupName"]]
    return {"nodegroup": group | {"status": "DELETING"}}


@eks
def update_nodegroup_config(call: Call, request: Document) -> Document:
    """Change labels, taints, sizes, update and repair settings, warm pool."""
    cluster = active(call, request)
    group = nodegroup(cluster, request)
    changes = {"modifiedAt": now()}
    params: Document = {}
    if labels := request.get("labels"):
        added, removed = labels.get("addOrUpdateLabels") or {}, labels.get("removeLabels") or []
        kept = {key: value for key, value in group["labels"].items() if key not in removed}
        changes["labels"] = kept | added
        params |= {"LabelsToAdd": added, "LabelsToRemove": removed}
    if taints := request.get("taints"):
        added, removed = taints.get("addOrUpdateTaints") or [], taints.get("removeTaints") or []
        gone = {(taint["key"], taint["effect"]) for taint in [*added, *removed]}
        kept = [taint for taint in group["taints"] if (taint["key"], taint["effect"]) not in gone]
        changes["taints"] = kept + added
        params |= {"TaintsToAdd": added, "TaintsToRemove": removed}
    if request.get("scalingConfig"):
        changes["scalingConfig"] = _scaling(group["scalingConfig"] | request["scalingConfig"])
        params |= {key[0].upper() + key[1:]: value for key, value in request["scalingConfig"].items()}
    if request.get("updateConfig"):
        changes["updateConfig"] = request["updateConfig"]
        params |= {key[0].upper() + key[1:]: value for key, value in request["updateConfig"].items()}
    if request.get("nodeRepairConfig"):
        changes["nodeRepairConfig"] = request["nodeRepairConfig"]
        params["NodeRepairEnabled"] = bool(request["nodeRepairConfig"].get("enabled"))
    if request.get("warmPoolConfig"):
        _warm_pool(group["amiType"], request["warmPoolConfig"])
        changes["warmPoolConfig"] = request["warmPoolConfig"]
        params |= {WARM_POOL_PARAMS[key]: value for key, value in request["warmPoolConfig"].items()}
    if not params:
        raise invalid("No nodegroup update is given: nothing to change.", nodegroupName=group["nodegroupName"])
    group |= changes
    nodes.settle(call, cluster, group, _data(call, group))
    return record(cluster, "ConfigUpdate", params, of=group["nodegroupArn"])


@eks
def update_nodegroup_version(call: Call, request: Document) -> Document:
    """Roll the nodes to another Kubernetes, AMI release or launch template version."""
    cluster = active(call, request)
    group = nodegroup(cluster, request)
    changes: Document = {"modifiedAt": now()}
    params: Document = {}
    if given := request.get("launchTemplate"):
        before = group["launchTemplate"]
        if not before:
            raise refused("You cannot add a launch template to a node group that was created without one.")
        template, _ = references.launch_template(call, given)
        if template["id"] != before["id"]:
            raise invalid(f"Launch template {template['id']} is not the node group's, which is {before['id']}")
        changes["launchTemplate"] = template
        params |= {"LaunchTemplateName": template["name"], "LaunchTemplateVersion": template["version"]}
    if request.get("version") or request.get("releaseVersion") or not given:
        if group["amiType"] == "CUSTOM":
            raise refused("You cannot specify a version of Kubernetes or an AMI release with a custom AMI.")
        wanted = {"version": request.get("version") or cluster.about["version"], **request}
        versions = _versions(cluster, group["amiType"], wanted)
        changes |= versions
        params |= {"Version": versions["version"], "ReleaseVersion": versions["releaseVersion"]}
    nodes.check(call, group | changes, _data(call, group | changes))
    group |= changes
    nodes.roll(call, cluster, group, _data(call, group))
    return record(cluster, "VersionUpdate", params, of=group["nodegroupArn"])


def nodegroup(cluster: Cluster, request: Document) -> Document:
    """The group that the request names; ResourceNotFoundException."""
    found = cluster.nodegroups.get(request["nodegroupName"])
    if found is None:
        raise not_found(
            f"No node group found for name: {request['nodegroupName']}.",
            clusterName=cluster.name,
            nodegroupName=request["nodegroupName"],
        )
    return found


def _scaling(sizes: Document) -> Document:
    low, high, wanted = (sizes.get(key, 0) for key in ("minSize", "maxSize", "desiredSize"))
    if low > high:
        raise invalid(f"Minimum capacity {low} can't be greater than maximum capacity {high}")
    if wanted < low:
        raise invalid(f"Minimum capacity {low} can't be greater than desired size {wanted}")
    if wanted > high:
        raise invalid(f"desired capacity {wanted} can't be greater than max size {high}")
    return {"minSize": low, "maxSize": high, "desiredSize": wanted}


def _template(call: Call, request: Document) -> tuple[Document | None, Document]:
    given = request.get("launchTemplate")
    if not given:
        return None, {}
    for key, message in NOT_IN_TEMPLATE.items():
        if request.get(key):
            raise invalid(message)
    template, data = references.launch_template(call, given)
    if data.get("IamInstanceProfile"):
        raise invalid("Launch template must not specify an instance profile. The noderole in your request is used.")
    if any(interface.get("SubnetId") for interface in data.get("NetworkInterfaces") or []):
        raise invalid("Launch template should not specify subnets. The subnets in your request are used.")
    if (data.get("InstanceMarketOptions") or {}).get("MarketType") == "spot":
        raise invalid("Launch template must not specify spot options. Use the capacity type instead.")
    return template, data


def _data(call: Call, group: Document) -> Document:
    given = group["launchTemplate"]
    return references.launch_template(call, {"id": given["id"], "version": given["version"]})[1] if given else {}


def _capacity_type(request: Document, data: Document) -> str:
    kind = request.get("capacityType") or "ON_DEMAND"
    market = (data.get("InstanceMarketOptions") or {}).get("MarketType")
    if kind == "CAPACITY_BLOCK":
        target = (data.get("CapacityReservationSpecification") or {}).get("CapacityReservationTarget") or {}
        if market != "capacity-block" or not target.get("CapacityReservationId"):
            raise invalid(
                "Capacity type CAPACITY_BLOCK requires a launch template with the market type capacity-block and "
                "the id of the Capacity Block's reservation"
            )
    elif market == "capacity-block":
        raise invalid("A launch template of market type capacity-block requires capacity type CAPACITY_BLOCK")
    return kind


def _instance_types(request: Document, data: Document) -> list[str] | None:
    given, template = request.get("instanceTypes"), data.get("InstanceType")
    if given and template:
        raise invalid(
            "Instance types cannot be specified both in the launch template and in the API request. Please use only "
            "one of them."
        )
    types = given or [template or "t3.medium"]
    unknown = [name for name in types if name not in INSTANCE_TYPES]
    if unknown:
        raise invalid(f"The following supplied instance types do not exist: [{', '.join(unknown)}]")
    return None if template else types


def _ami_type(request: Document, data: Document) -> str:
    given = request.get("amiType")
    if data.get("ImageId"):
        if given and given != "CUSTOM":
            raise invalid("You cannot specify an AMI Type when specifying an AMI in the launch template.")
        if request.get("version") or request.get("releaseVersion"):
            raise invalid("You cannot specify a version or release version with an AMI in the launch template.")
        return "CUSTOM"
    if given == "CUSTOM":
        raise invalid("You must specify an AMI in the launch template when using the CUSTOM AMI type.")
    types = request.get("instanceTypes") or [data.get("InstanceType") or "t3.medium"]
    architectures = {_architecture(name) for name in types} - {None}
    kind = given or ("AL2023_ARM_64_STANDARD" if architectures == {"arm64"} else "AL2023_x86_64_STANDARD")
    wanted = "arm64" if "ARM_64" in kind else "x86_64"
    for name in types:
        if _architecture(name) not in (wanted, None):
            raise invalid(f"[{name}] is not a valid instance type for requested amiType {kind}")
    return kind


def _architecture(instance_type: str) -> str | None:
    supported = INSTANCE_TYPES.get(instance_type, {}).get("ProcessorInfo", {}).get("SupportedArchitectures") or []
    return next((name for name in supported if name in ("arm64", "x86_64")), None)


def _versions(cluster: Cluster, kind: str, request: Document) -> Document:
    minor = request.get("version") or cluster.about["version"]
    newest, wanted = (int(text.split(".")[1]) for text in (cluster.about["version"], minor))
    if wanted > newest or wanted < newest - 3:
        raise invalid(
            f"Requested Nodegroup version {minor} is not compatible with the cluster's version "
            f"{cluster.about['version']}: it must be the same or up to three minor versions older"
        )
    if kind == "CUSTOM":
        return {"version": None, "releaseVersion": None}
    offered = release_version(kind, minor)
    release = request.get("releaseVersion") or offered[0]
    if release not in offered:
        raise invalid(f"Requested release version {release} is not valid for kubernetes version {minor}.")
    return {"version": minor, "releaseVersion": release}


def _warm_pool(kind: str, given: Document | None) -> None:
    if not given or not given.get("enabled"):
        return
    if kind == "CUSTOM":
        raise invalid("Warm pools are not supported with a custom AMI.")
    if kind.startswith("BOTTLEROCKET") and (given.get("poolState") == "HIBERNATED" or given.get("reuseOnScaleIn")):
        raise invalid("Warm pools of Bottlerocket nodes support neither hibernation nor reuse on scale-in.")
