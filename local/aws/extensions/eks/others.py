"""The rest of EKS that clients ask for: offered versions, tags and Fargate profiles."""

from collections.abc import Iterator
from datetime import UTC, datetime

from local.aws.extensions.eks import entries, references
from local.aws.extensions.eks.catalogue import CLUSTER_VERSIONS, DEFAULT_VERSION, SCALING_TIERS
from local.aws.extensions.eks.service import (
    Cluster,
    Document,
    Eks,
    active,
    eks,
    find,
    in_use,
    invalid,
    matches,
    not_found,
    now,
    uid,
)
from local.aws.moto import Call, Fault, paged


@eks
def describe_cluster_versions(call: Call, request: Document) -> Document:
    """The versions of Kubernetes, those still supported unless all are asked for."""
    wanted = request.get("clusterVersions") or []
    unknown = [minor for minor in wanted if minor not in CLUSTER_VERSIONS]
    if unknown:
        raise invalid(f"Unsupported Kubernetes versions: {unknown}")
    status = request.get("versionStatus") or (request.get("status") or "").upper().replace("-", "_")
    versions = [
        {
            "clusterVersion": version.minor,
            "clusterType": request.get("clusterType") or "eks",
            "defaultPlatformVersion": version.platform,
            "defaultVersion": version.minor == DEFAULT_VERSION,
            "releaseDate": _date(version.released),
            "endOfStandardSupportDate": _date(version.standard_until),
            "endOfExtendedSupportDate": _date(version.extended_until),
            "status": version.status.lower().replace("_", "-"),
            "versionStatus": version.status,
            "kubernetesPatchVersion": version.patch,
            "controlPlaneScalingTiers": [
                {
                    "tierName": tier,
                    "apiRequestConcurrency": seats,
                    "podSchedulingRatePerSecond": pods,
                    "clusterDatabaseSizeGb": database,
                }
                for tier, (seats, pods, database) in SCALING_TIERS.items()
            ],
        }
        for version in CLUSTER_VERSIONS.values()
        if (not wanted or version.minor in wanted)
        and (not status or version.status == status)
        and (not request.get("defaultOnly") or version.minor == DEFAULT_VERSION)
        and (version.status != "UNSUPPORTED" or request.get("includeAll") or wanted or status)
    ]
    page, token = paged(versions, request)
    return {"clusterVersions": page, "nextToken": token}


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@eks
def tag_resource(call: Call, request: Document) -> Document:
    """Tag anything of EKS by its ARN."""
    tags = _tagged(call, request)["tags"]
    if any(key.startswith("aws:") for key in request["tags"]):
        raise Fault("BadRequestException", "aws: prefixed tag key names are not allowed for external use.")
    tags.update(request["tags"])
    return {}


@eks
def untag_resource(call: Call, request: Document) -> Document:
    """Take tags away."""
    tags = _tagged(call, request)["tags"]
    for key in request["tagKeys"]:
        tags.pop(key, None)
    return {}


@eks
def list_tags_for_resource(call: Call, request: Document) -> Document:
    """The tags of anything of EKS."""
    return {"tags": _tagged(call, request)["tags"]}


def _tagged(call: Call, request: Document) -> Document:
    for cluster in call.state(Eks).clusters.values():
        for arn, item in resources(cluster):
            if arn == request["resourceArn"]:
                return item
    raise Fault("NotFoundException", f"Resource {request['resourceArn']} was not found")


def resources(cluster: Cluster) -> Iterator[tuple[str, Document]]:
    """Everything of a cluster that bears tags, by ARN."""
    yield cluster.about["arn"], cluster.about
    for items, key in (
        (cluster.nodegroups, "nodegroupArn"),
        (cluster.fargate, "fargateProfileArn"),
        (cluster.addons, "addonArn"),
        (cluster.entries, "accessEntryArn"),
        (cluster.associations, "associationArn"),
    ):
        for item in items.values():
            yield item[key], item


@eks
def create_fargate_profile(call: Call, request: Document) -> Document:
    """Create a Fargate profile; it is ACTIVE when next described."""
    cluster = active(call, request)
    name = request["fargateProfileName"]
    known = cluster.fargate.get(name)
    if known and not matches(known, request):
        raise in_use("A Fargate Profile already exists with this name in this cluster.", clusterName=cluster.name)
    if not request.get("selectors"):
        raise invalid("Fargate Profile requires at least one selector.", fargateProfileName=name)
    references.subnets(call, request.get("subnets") or [])
    if references.role(call, request["podExecutionRoleArn"]) is None:
        raise invalid(f"Misconfigured PodExecutionRole Trust Policy: {request['podExecutionRoleArn']}")
    profile = {
        "fargateProfileName": name,
        "fargateProfileArn": call.arn(f"fargateprofile/{cluster.name}/{name}/{uid()}"),
        "clusterName": cluster.name,
        "createdAt": now(),
        "podExecutionRoleArn": request["podExecutionRoleArn"],
        "subnets": request.get("subnets") or [],
        "selectors": request["selectors"],
        "status": "ACTIVE",
        "tags": request.get("tags") or {},
        "health": {"issues": []},
        "clientRequestToken": request.get("clientRequestToken"),
    }
    cluster.fargate[name] = profile
    entries.of_node_role(call, cluster, request["podExecutionRoleArn"], kind="FARGATE_LINUX")
    return {"fargateProfile": profile | {"status": "CREATING"}}


@eks
def describe_fargate_profile(call: Call, request: Document) -> Document:
    """One Fargate profile."""
    return {"fargateProfile": _profile(find(call, request), request)}


@eks
def delete_fargate_profile(call: Call, request: Document) -> Document:
    """Delete a Fargate profile."""
    cluster = active(call, request)
    profile = _profile(cluster, request)
    del cluster.fargate[profile["fargateProfileName"]]
    return {"fargateProfile": profile | {"status": "DELETING"}}


def _profile(cluster: Cluster, request: Document) -> Document:
    found = cluster.fargate.get(request["fargateProfileName"])
    if found is None:
        raise not_found(
            f"No Fargate Profile found with name: {request['fargateProfileName']}.", clusterName=cluster.name
        )
    return found
