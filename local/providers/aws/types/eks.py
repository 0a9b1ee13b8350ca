"""EKS: clusters and node groups, which take minutes and one change at a time."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.convert import to_members, words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import MINUTES, Call, Change, Naming, Resource
from local.providers.aws.types.eks_common import tagging

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ACCESS_DEFAULTS = {"endpointPrivateAccess": False, "endpointPublicAccess": True}
CLUSTER_NAMES = {
    "vpcConfig": "resourcesVpcConfig",
    "clusterId": "id",
    "identities": "identity",
    "identities.oidcs": "oidc",
}


def _logging(types: list[str]) -> dict[str, Any]:
    off = [kind for kind in LOG_TYPES if kind not in types]
    settings = [{"types": types, "enabled": True}] if types else []
    return {"clusterLogging": settings + ([{"types": off, "enabled": False}] if off else [])}


def _create_cluster(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    shape = operation.cloud.model("eks", "CreateCluster").input_shape
    params = to_members({name: inputs[name] for name in CLUSTER_INPUTS if name in inputs}, shape, CLUSTER_NAMES)
    if inputs.get("enabledClusterLogTypes"):
        params["logging"] = {"clusterLogging": [{"types": inputs["enabledClusterLogTypes"], "enabled": True}]}
    return operation.call("CreateCluster", {**params, "tags": inputs.get("tagsAll") or {}})["cluster"]


def _config(**settings: Any) -> Call:
    """One kind of change; EKS refuses a second kind in the same call."""
    return Call("UpdateClusterConfig", {"name": "{id}", **settings})


def _update_vpc_config(operation: Operation) -> None:
    """Endpoint access and placement are two kinds of change, each sent only where it differs."""
    wanted = {**ACCESS_DEFAULTS, **operation.inputs["vpcConfig"]}
    present: Mapping[str, Any] = operation.raw.get("resourcesVpcConfig") or {}
    for names in (
        ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"),
        ("subnetIds", "securityGroupIds"),
        ("controlPlaneEgressMode",),
    ):
        given = {name: wanted[name] for name in names if wanted.get(name) is not None}
        if any(_as_set(present.get(name)) != _as_set(value) for name, value in given.items()):
            _change(operation, {"resourcesVpcConfig": given})


def _as_set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


def _change(operation: Operation, settings: Mapping[str, Any]) -> None:
    params = {"name": operation.id, **settings}
    operation.insist(lambda: operation.call("UpdateClusterConfig", params), "waiting for another change of the cluster")
    operation.await_ready()


def _update_logging(operation: Operation) -> None:
    _change(operation, {"logging": _logging(operation.inputs.get("enabledClusterLogTypes") or [])})


def _update_access(operation: Operation) -> None:
    mode = operation.inputs["accessConfig"].get("authenticationMode")
    if mode and mode != (operation.raw.get("accessConfig") or {}).get("authenticationMode"):
        _change(operation, {"accessConfig": {"authenticationMode": mode}})


def _update_auto_mode(operation: Operation) -> None:
    """EKS takes the three parts of Auto Mode only together."""
    inputs = operation.inputs
    network = inputs.get("kubernetesNetworkConfig") or {}
    balancing = network.get("elasticLoadBalancing") or {"enabled": False}
    parts = {
        "computeConfig": inputs.get("computeConfig") or {"enabled": False},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": balancing},
        "storageConfig": inputs.get("storageConfig") or {"blockStorage": {"enabled": False}},
    }
    _change(operation, parts)


def _update_remote_networks(operation: Operation) -> None:
    """EKS keeps the part that a change leaves out, and drops the one that is empty."""
    wanted = operation.inputs.get("remoteNetworkConfig") or {}
    parts = {name: [wanted[name]] if wanted.get(name) else [] for name in ("remoteNodeNetworks", "remotePodNetworks")}
    _change(operation, {"remoteNetworkConfig": parts})


def _shown_cluster(shown: dict[str, Any], operation: Operation) -> None:
    kinds = (operation.raw.get("logging") or {}).get("clusterLogging") or []
    shown["enabledClusterLogTypes"] = [name for each in kinds if each.get("enabled") for name in each["types"]]


def _encryption_is_for_good(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """Envelope encryption can be added and its key be changed, but not be taken away."""
    return frozenset({"encryptionConfig"} if old.get("encryptionConfig") and not new.get("encryptionConfig") else ())


CLUSTER_INPUTS = words(
    "accessConfig bootstrapSelfManagedAddons computeConfig controlPlaneScalingConfig deletionProtection",
    "encryptionConfig kubeApiServerConfig kubeControllerManagerConfig kubeSchedulerConfig kubernetesNetworkConfig",
    "name outpostConfig remoteNetworkConfig roleArn storageConfig upgradePolicy version vpcConfig zonalShiftConfig",
)

CLUSTER = Resource(
    token="aws:eks/cluster:Cluster",
    service="eks",
    id="{name}",
    create=_create_cluster,
    consumes=CLUSTER_INPUTS | words("enabledClusterLogTypes"),
    reads=(Call("DescribeCluster", {"name": "{id}"}, "cluster"),),
    changes=(
        Change("version", Call("UpdateClusterVersion", {"name": "{id}", "force": "{forceUpdateVersion}"})),
        Change("vpcConfig", _update_vpc_config),
        Change("enabledClusterLogTypes", _update_logging),
        Change("accessConfig", _update_access),
        Change("encryptionConfig", Call("AssociateEncryptionConfig", {"clusterName": "{id}"})),
        Change("computeConfig kubernetesNetworkConfig storageConfig", _update_auto_mode),
        Change("upgradePolicy", _config()),
        Change("zonalShiftConfig", _config()),
        Change("deletionProtection", _config()),
        Change("controlPlaneScalingConfig", _config()),
        Change("remoteNetworkConfig", _update_remote_networks),
        Change("kubeApiServerConfig kubeSchedulerConfig kubeControllerManagerConfig", _config()),
    ),
    delete=(Call("DeleteCluster", {"name": "{id}"}),),
    awaits_deletion=True,
    status="status",
    ready=words("ACTIVE"),
    failed=words("FAILED"),
    why="health.issues[0].message",
    replaces=words(
        "name roleArn bootstrapSelfManagedAddons accessConfig.bootstrapClusterCreatorAdminPermissions outpostConfig",
        "kubernetesNetworkConfig.ipFamily kubernetesNetworkConfig.serviceIpv4Cidr",
    ),
    kept=words("bootstrapSelfManagedAddons forceUpdateVersion accessConfig.bootstrapClusterCreatorAdminPermissions"),
    computed=words(
        "accessConfig accessConfig.authenticationMode computeConfig controlPlaneScalingConfig deletionProtection",
        "kubeApiServerConfig kubeControllerManagerConfig kubeSchedulerConfig kubernetesNetworkConfig",
        "kubernetesNetworkConfig.elasticLoadBalancing kubernetesNetworkConfig.ipFamily",
        "kubernetesNetworkConfig.serviceIpv4Cidr storageConfig upgradePolicy version vpcConfig.publicAccessCidrs",
        "zonalShiftConfig",
    ),
    unordered=words(
        "enabledClusterLogTypes encryptionConfig.resources vpcConfig.publicAccessCidrs vpcConfig.securityGroupIds",
        "vpcConfig.subnetIds computeConfig.nodePools",
    ),
    defaults={"bootstrapSelfManagedAddons": True},
    cleared={"encryptionConfig": None},
    forces=_encryption_is_for_good,
    names=CLUSTER_NAMES,
    volatile=words("platformVersion"),
    naming=Naming(longest=100),
    shown=_shown_cluster,
    tagging=tagging("arn"),
    timeouts={"create": 30 * MINUTES, "update": 60 * MINUTES, "delete": 15 * MINUTES},
)

GROUP = {"clusterName": "{clusterName}", "nodegroupName": "{nodeGroupName}"}
GROUP_NAMES = {
    "arn": "nodegroupArn",
    "nodeGroupName": "nodegroupName",
    "nodeRoleArn": "nodeRole",
    "subnetIds": "subnets",
    "remoteAccess.sourceSecurityGroupIds": "sourceSecurityGroups",
    "resources.remoteAccessSecurityGroupId": "remoteAccessSecurityGroup",
}


def _warm_pool(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A warm pool is on where it is described, and off where it isn't."""
    return {"warmPoolConfig": {"enabled": True, **inputs["warmPoolConfig"]}} if inputs.get("warmPoolConfig") else {}


def _create_group(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    wanted = {name: inputs[name] for name in GROUP_INPUTS - {"warmPoolConfig"} if name in inputs}
    params = to_members(wanted, operation.cloud.model("eks", "CreateNodegroup").input_shape, GROUP_NAMES)
    params |= {**_warm_pool(inputs), "tags": inputs.get("tagsAll") or {}}
    return operation.call("CreateNodegroup", params)["nodegroup"]


def _update_group_version(operation: Operation) -> None:
    inputs = operation.inputs
    params: dict[str, Any] = {name: operation.scope(value[1:-1]) for name, value in GROUP.items()}
    for name in operation.changed & words("version releaseVersion launchTemplate"):
        if inputs.get(name) is not None:
            params[name] = inputs[name]
    if inputs.get("forceUpdateVersion"):
        params["force"] = True
    operation.call("UpdateNodegroupVersion", params)


def _update_group(operation: Operation) -> None:
    inputs, raw = operation.inputs, operation.raw
    params: dict[str, Any] = {name: operation.scope(value[1:-1]) for name, value in GROUP.items()}
    if "labels" in operation.changed:
        wanted, present = inputs.get("labels") or {}, raw.get("labels") or {}
        gone = sorted(present.keys() - wanted.keys())
        params["labels"] = {"addOrUpdateLabels": wanted, **({"removeLabels": gone} if gone else {})}
    if "taints" in operation.changed:
        wanted, present = inputs.get("taints") or [], raw.get("taints") or []
        gone = [
            each for each in present if (each["key"], each["effect"]) not in {(t["key"], t["effect"]) for t in wanted}
        ]
        changes = {"addOrUpdateTaints": wanted, "removeTaints": gone}
        params["taints"] = {name: value for name, value in changes.items() if value}
    for name in operation.changed & words("scalingConfig updateConfig nodeRepairConfig"):
        if inputs.get(name) is not None:
            params[name] = inputs[name]
    if "warmPoolConfig" in operation.changed:
        params |= _warm_pool(inputs) or {"warmPoolConfig": {"enabled": False}}
    operation.call("UpdateNodegroupConfig", params)


def _shown_group(shown: dict[str, Any], operation: Operation) -> None:
    pool = operation.raw.get("warmPoolConfig")
    if not pool or pool.get("enabled") is False:
        shown.pop("warmPoolConfig", None)


GROUP_INPUTS = words(
    "amiType capacityType clusterName diskSize instanceTypes labels launchTemplate nodeGroupName nodeRepairConfig",
    "nodeRoleArn releaseVersion remoteAccess scalingConfig subnetIds taints updateConfig version warmPoolConfig",
)

NODE_GROUP = Resource(
    token="aws:eks/nodeGroup:NodeGroup",
    service="eks",
    id="{clusterName}:{nodeGroupName}",
    create=_create_group,
    consumes=GROUP_INPUTS,
    reads=(Call("DescribeNodegroup", GROUP, "nodegroup"),),
    changes=(
        Change("launchTemplate releaseVersion version", _update_group_version),
        Change("labels taints scalingConfig updateConfig nodeRepairConfig warmPoolConfig", _update_group),
    ),
    delete=(Call("DeleteNodegroup", GROUP),),
    awaits_deletion=True,
    status="status",
    ready=words("ACTIVE"),
    failed=words("CREATE_FAILED DELETE_FAILED"),
    why="health.issues[0].message",
    replaces=words(
        "amiType capacityType clusterName diskSize instanceTypes launchTemplate.id launchTemplate.name nodeGroupName",
        "nodeGroupNamePrefix nodeRoleArn remoteAccess subnetIds",
    ),
    kept=words("forceUpdateVersion"),
    computed=words(
        "amiType capacityType diskSize instanceTypes launchTemplate.id launchTemplate.name nodeRepairConfig",
        "releaseVersion updateConfig version",
    ),
    unordered=words("subnetIds taints remoteAccess.sourceSecurityGroupIds"),
    names=GROUP_NAMES,
    naming=Naming("nodeGroupName", longest=63),
    shown=_shown_group,
    tagging=tagging("arn"),
    timeouts={"create": 60 * MINUTES, "update": 60 * MINUTES, "delete": 60 * MINUTES},
)

TYPES = (CLUSTER, NODE_GROUP)
