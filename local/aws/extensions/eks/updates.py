"""Changes to a cluster: one kind at a time, as EKS insists, each remembered as an update."""

from collections.abc import Callable

from local.aws.extensions.eks import clusters, references, remote
from local.aws.extensions.eks.catalogue import CLUSTER_VERSIONS
from local.aws.extensions.eks.service import (
    Cluster,
    Document,
    active,
    eks,
    find,
    in_use,
    invalid,
    not_found,
    record,
)
from local.aws.moto import Call, paged

MODES = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
Change = Callable[[Call, Cluster, Document], tuple[str, Document]]


@eks
def update_cluster_config(call: Call, request: Document) -> Document:
    """Change one part of a cluster's configuration."""
    cluster = active(call, request, "name")
    given = {key for key in CHANGES if request.get(key) is not None}
    auto_mode = {"computeConfig", "storageConfig", "kubernetesNetworkConfig"}
    control_plane = {"kubeApiServerConfig", "kubeSchedulerConfig", "kubeControllerManagerConfig"}
    together = given <= auto_mode or given <= control_plane
    if not given:
        raise invalid("No update is given for the cluster: nothing to change.", clusterName=cluster.name)
    if len(given) > 1 and not together:
        raise invalid(f"Only one type of update can be allowed. Given: {sorted(given)}", clusterName=cluster.name)
    kind, params = "", {}
    for key in sorted(given):
        kind, added = CHANGES[key](call, cluster, request[key])
        params |= added
    return record(cluster, kind, params)


@eks
def update_cluster_version(call: Call, request: Document) -> Document:
    """Upgrade by one minor version; node groups may not fall more than three behind."""
    cluster = active(call, request, "name")
    before, wanted = cluster.about["version"], request["version"]
    known = CLUSTER_VERSIONS.get(wanted)
    if known is None or known.status == "UNSUPPORTED":
        raise invalid(f"unsupported Kubernetes version {wanted}", clusterName=cluster.name)
    step = _minor(wanted) - _minor(before)
    if step == 0:
        raise invalid(f"Cluster is already at version {wanted}", clusterName=cluster.name)
    if step != 1:
        raise invalid(
            f"Unsupported Kubernetes minor version update from {before} to {wanted}", clusterName=cluster.name
        )
    behind = [
        name
        for name, group in cluster.nodegroups.items()
        if group["version"] and _minor(wanted) - _minor(group["version"]) > 3
    ]
    if behind and not request.get("force"):
        raise invalid(f"Nodegroups {behind} must be updated before the cluster can move to {wanted}")
    cluster.about |= {"version": wanted, "platformVersion": known.platform}
    return record(cluster, "VersionUpdate", {"Version": wanted, "PlatformVersion": known.platform})


@eks
def associate_encryption_config(call: Call, request: Document) -> Document:
    """Begin to encrypt secrets with a key of one's own; there is no way back."""
    cluster = active(call, request)
    if cluster.about["encryptionConfig"]:
        raise in_use("The cluster already has an encryption configuration", clusterName=cluster.name)
    for encryption in request["encryptionConfig"]:
        references.key(call, encryption["provider"]["keyArn"])
    cluster.about["encryptionConfig"] = request["encryptionConfig"]
    return record(cluster, "AssociateEncryptionConfig", {"EncryptionConfig": request["encryptionConfig"]})


@eks
def describe_update(call: Call, request: Document) -> Document:
    """One update."""
    found = find(call, request, "name").updates.get(request["updateId"])
    if found is None:
        raise not_found(f"No update found for ID: {request['updateId']}")
    return {"update": found}


@eks
def list_updates(call: Call, request: Document) -> Document:
    """The ids of a cluster's updates, or of one node group's or add-on's."""
    cluster = find(call, request, "name")
    of = ""
    if request.get("nodegroupName"):
        of = (cluster.nodegroups.get(request["nodegroupName"]) or {}).get("nodegroupArn", "?")
    elif request.get("addonName"):
        of = (cluster.addons.get(request["addonName"]) or {}).get("addonArn", "?")
    ids, token = paged([key for key, update in cluster.updates.items() if update["of"] == of], request)
    return {"updateIds": ids, "nextToken": token}


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _vpc(call: Call, cluster: Cluster, given: Document) -> tuple[str, Document]:
    network = cluster.about["resourcesVpcConfig"]
    wanted = network | {key: value for key, value in given.items() if value is not None}
    if not wanted["endpointPublicAccess"] and not wanted["endpointPrivateAccess"]:
        raise invalid("Private and public endpoint access cannot be false", clusterName=cluster.name)
    if given.get("subnetIds"):
        subnets = references.subnets(call, given["subnetIds"])
        if {subnet.vpc_id for subnet in subnets} != {network["vpcId"]}:
            raise invalid("Provided subnets belong to a different VPC than the cluster's", clusterName=cluster.name)
        if len({subnet.availability_zone for subnet in subnets}) < 2:
            raise invalid("Subnets specified must be in at least two different AZs", clusterName=cluster.name)
    references.security_groups(call, given.get("securityGroupIds") or [], network["vpcId"])
    if given.get("publicAccessCidrs"):
        clusters.cidrs(given["publicAccessCidrs"])
    if wanted["endpointPublicAccess"]:
        wanted["publicAccessCidrs"] = wanted["publicAccessCidrs"] or ["0.0.0.0/0"]
    else:
        wanted["publicAccessCidrs"] = []
    if wanted == network:
        raise invalid(
            f"Cluster is already at the desired configuration with endpointPrivateAccess: "
            f"{str(network['endpointPrivateAccess']).lower()} , endpointPublicAccess: "
            f"{str(network['endpointPublicAccess']).lower()}, and Public Endpoint Restrictions: "
            f"[{', '.join(network['publicAccessCidrs'])}]",
            clusterName=cluster.name,
        )
    moved = any(wanted[key] != network[key] for key in ("subnetIds", "securityGroupIds"))
    cluster.about["resourcesVpcConfig"] = wanted
    if wanted["controlPlaneEgressMode"] != network["controlPlaneEgressMode"]:
        return "ControlPlaneEgressUpdate", {"ControlPlaneEgressMode": wanted["controlPlaneEgressMode"]}
    if moved:
        clusters.move_interfaces(call, cluster)
        return "VpcConfigUpdate", {"Subnets": wanted["subnetIds"], "SecurityGroups": wanted["securityGroupIds"]}
    return "EndpointAccessUpdate", {
        "EndpointPublicAccess": wanted["endpointPublicAccess"],
        "EndpointPrivateAccess": wanted["endpointPrivateAccess"],
        "PublicAccessCidrs": wanted["publicAccessCidrs"],
    }


def _logging(call: Call, cluster: Cluster, given: Document) -> tuple[str, Document]:
    on = _enabled(cluster.about["logging"])
    for setup in given.get("clusterLogging") or []:
        types = set(setup.get("types") or [])
        on = on | types if setup.get("enabled") else on - types
    wanted = clusters.logging_of({"clusterLogging": [{"types": sorted(on), "enabled": True}]})
    if wanted == cluster.about["logging"]:
        raise invalid("No changes needed for the logging config provided", clusterName=cluster.name)
    cluster.about["logging"] = wanted
    return "LoggingUpdate", {"ClusterLogging": given}


def _enabled(logging: Document) -> set[str]:
    return {log for setup in logging["clusterLogging"] if setup["enabled"] for log in setup["types"]}


def _access(call: Call, cluster: Cluster, given: Document) -> tuple[str, Document]:
    before, wanted = cluster.about["accessConfig"]["authenticationMode"], given["authenticationMode"]
    if before == wanted:
        raise invalid(f"Cluster is already at the desired authentication mode {wanted}", clusterName=cluster.name)
    if MODES.index(wanted) - MODES.index(before) != 1:
        raise invalid(f"Unsupported authentication mode update from {before} to {wanted}", clusterName=cluster.name)
    cluster.about["accessConfig"] = {"authenticationMode": wanted}
    return "AccessConfigUpdate", {"AuthenticationMode": wanted}


def _remote(call: Call, cluster: Cluster, given: Document) -> tuple[str, Document]:
    wanted = remote.checked(call, cluster.about, given)
    if wanted == cluster.about["remoteNetworkConfig"]:
        raise invalid(f"Cluster is already at the desired remote network config {given}", clusterName=cluster.name)
    cluster.about["remoteNetworkConfig"] = wanted
    return "RemoteNetworkConfigUpdate", {"RemoteNetworkConfig": given}


def _plain(key: str, kind: str, param: str) -> Change:
    """A part that is replaced as given."""

    def change(call: Call, cluster: Cluster, given: Document) -> tuple[str, Document]:
        before = cluster.about[key]
        wanted = {**before, **given} if isinstance(before, dict) and isinstance(given, dict) else given
        if wanted == before:
            raise invalid(f"Cluster is already at the desired configuration: {key} {given}", clusterName=cluster.name)
        cluster.about[key] = wanted
        return kind, {param: given}

    return change


CHANGES: dict[str, Change] = {
    "resourcesVpcConfig": _vpc,
    "logging": _logging,
    "accessConfig": _access,
    "upgradePolicy": _plain("upgradePolicy", "UpgradePolicyUpdate", "UpgradePolicy"),
    "zonalShiftConfig": _plain("zonalShiftConfig", "ZonalShiftConfigUpdate", "ZonalShiftConfig"),
    "computeConfig": _plain("computeConfig", "AutoModeUpdate", "ComputeConfig"),
    "storageConfig": _plain("storageConfig", "AutoModeUpdate", "StorageConfig"),
    "kubernetesNetworkConfig": _plain("kubernetesNetworkConfig", "AutoModeUpdate", "KubernetesNetworkConfig"),
    "remoteNetworkConfig": _remote,
    "deletionProtection": _plain("deletionProtection", "DeletionProtectionUpdate", "DeletionProtection"),
    "controlPlaneScalingConfig": _plain("controlPlaneScalingConfig", "ControlPlaneScalingConfigUpdate", "UpdatedTier"),
    "kubeApiServerConfig": _plain("kubeApiServerConfig", "ControlPlaneComponentConfigUpdate", "KubeApiServerConfig"),
    "kubeSchedulerConfig": _plain("kubeSchedulerConfig", "ControlPlaneComponentConfigUpdate", "KubeSchedulerConfig"),
    "kubeControllerManagerConfig": _plain(
        "kubeControllerManagerConfig", "ControlPlaneComponentConfigUpdate", "KubeControllerManagerConfig"
    ),
}
