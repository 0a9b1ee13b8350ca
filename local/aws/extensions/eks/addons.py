"""EKS add-ons: the catalogue, their configuration schemas, and a health that depends on there being nodes."""

import json
from typing import Any

import jsonschema
import yaml

from local.aws.extensions.eks import identity, references
from local.aws.extensions.eks.catalogue import ADDONS, CLUSTER_VERSIONS, AddonKind, addon_info
from local.aws.extensions.eks.schemas import schema_of
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
    uid,
)
from local.aws.moto import Call, paged


@eks
def create_addon(call: Call, request: Document) -> Document:
    """Install an add-on; its status when next described says whether its pods could run."""
    cluster = active(call, request)
    name = request["addonName"]
    known = cluster.addons.get(name)
    if known and not matches(known, request):
        raise in_use("Addon already exists.", clusterName=cluster.name, addonName=name)
    if known:
        return {"addon": known}
    kind = _kind(cluster, name)
    version = request.get("addonVersion") or addon_default(kind, cluster.about["version"])
    _offered(cluster, kind, version)
    _configuration(kind, request.get("configurationValues"))
    _role(call, request)
    addon = {
        "addonName": name,
        "clusterName": cluster.name,
        "addonVersion": version,
        "health": {"issues": []},
        "addonArn": call.arn(f"addon/{cluster.name}/{name}/{uid()}"),
        "createdAt": now(),
        "modifiedAt": now(),
        "serviceAccountRoleArn": request.get("serviceAccountRoleArn"),
        "tags": request.get("tags") or {},
        "owner": kind.owner,
        "publisher": kind.publisher,
        "configurationValues": request.get("configurationValues"),
        "podIdentityAssociations": [],
        "namespaceConfig": request.get("namespaceConfig") or {"namespace": kind.namespace},
        "clientRequestToken": request.get("clientRequestToken"),
    }
    addon["podIdentityAssociations"] = _associate(call, cluster, addon, request.get("podIdentityAssociations"))
    cluster.addons[name] = addon
    return {"addon": addon | {"status": "CREATING"}}


@eks
def describe_addon(call: Call, request: Document) -> Document:
    """One add-on."""
    cluster = find(call, request)
    return {"addon": _with_health(cluster, _addon(cluster, request))}


@eks
def update_addon(call: Call, request: Document) -> Document:
    """Change an add-on's version, values or identity. Values that are not given are kept."""
    cluster = active(call, request)
    addon = _addon(cluster, request)
    kind = _kind(cluster, addon["addonName"])
    changes: Document = {"modifiedAt": now()}
    params: Document = {}
    for key, label in (
        ("addonVersion", "AddonVersion"),
        ("configurationValues", "ConfigurationValues"),
        ("serviceAccountRoleArn", "ServiceAccountRoleArn"),
    ):
        if request.get(key) is not None:
            changes[key] = request[key]
            params[label] = request[key]
    _offered(cluster, kind, changes.get("addonVersion", addon["addonVersion"]))
    _configuration(kind, changes.get("configurationValues"))
    _role(call, request)
    if request.get("resolveConflicts"):
        params["ResolveConflicts"] = request["resolveConflicts"]
    if request.get("podIdentityAssociations") is not None:
        _dissociate(cluster, addon)
        given = request["podIdentityAssociations"]
        changes["podIdentityAssociations"] = _associate(call, cluster, addon, given)
        params["PodIdentityAssociations"] = given
    addon |= changes
    return record(cluster, "AddonUpdate", params, of=addon["addonArn"])


@eks
def delete_addon(call: Call, request: Document) -> Document:
    """Remove an add-on and the Pod Identity associations that it owns."""
    cluster = active(call, request)
    addon = _addon(cluster, request)
    _dissociate(cluster, addon)
    del cluster.addons[addon["addonName"]]
    return {"addon": addon | {"status": "DELETING"}}


@eks
def describe_addon_versions(call: Call, request: Document) -> Document:
    """The catalogue, filtered."""
    minor, name = request.get("kubernetesVersion"), request.get("addonName")
    if minor and minor not in CLUSTER_VERSIONS:
        raise invalid(f"unsupported Kubernetes version {minor}")
    if name and name not in ADDONS:
        raise not_found(f"Addon {name} not found", addonName=name)
    infos = [
        addon_info(addon, [minor] if minor else list(CLUSTER_VERSIONS))
        for addon in ADDONS.values()
        if name in (None, addon.name)
    ]
    for key, wanted in (("type", "types"), ("owner", "owners"), ("publisher", "publishers")):
        if request.get(wanted):
            infos = [info for info in infos if info[key] in request[wanted]]
    page, token = paged([info for info in infos if info["addonVersions"]], request)
    return {"addons": page, "nextToken": token}


@eks
def describe_addon_configuration(call: Call, request: Document) -> Document:
    """The JSON schema of an add-on's values, and the service accounts that want an identity."""
    kind, version = ADDONS.get(request["addonName"]), request["addonVersion"]
    if kind is None or version not in kind.every():
        raise not_found(
            f"Addon {request['addonName']} with version {version} not found", addonName=request["addonName"]
        )
    return {
        "addonName": kind.name,
        "addonVersion": version,
        "configurationSchema": json.dumps(schema_of(kind.name)),
        "podIdentityConfiguration": [
            {"serviceAccount": account, "recommendedManagedPolicies": list(policies)}
            for account, policies in kind.identity
        ],
    }


def addon_default(kind: AddonKind, minor: str) -> str:
    """The version that EKS installs when none is asked for."""
    offered = kind.offered(minor)
    return offered[min(1, len(offered) - 1)]


def _addon(cluster: Cluster, request: Document) -> Document:
    found = cluster.addons.get(request["addonName"])
    if found is None:
        raise not_found(
            f"No addon: {request['addonName']} found in cluster: {cluster.name}",
            clusterName=cluster.name,
            addonName=request["addonName"],
        )
    return found


def _kind(cluster: Cluster, name: str) -> AddonKind:
    kind, minor = ADDONS.get(name), cluster.about["version"]
    if kind is None or not kind.offered(minor):
        raise invalid(f"Addon {name} specified is not supported in {minor} kubernetes version", addonName=name)
    return kind


def _offered(cluster: Cluster, kind: AddonKind, version: str) -> None:
    if version not in kind.offered(cluster.about["version"]):
        raise invalid(
            f"Addon version {version} specified for {kind.name} is not supported in "
            f"{cluster.about['version']} kubernetes version",
            addonName=kind.name,
        )


def _configuration(kind: AddonKind, values: str | None) -> None:
    if not values:
        return
    wrong = "ConfigurationValue provided in request is not supported: "
    try:
        document: Any = yaml.safe_load(values)
    except yaml.YAMLError as error:
        raise invalid(f"{wrong}not JSON or YAML: {error}", addonName=kind.name) from None
    errors = sorted(
        jsonschema.Draft7Validator(schema_of(kind.name)).iter_errors(document), key=lambda error: error.json_path
    )
    if errors:
        shown = ", ".join(f"{error.json_path}: {error.message}" for error in errors)
        raise invalid(f"{wrong}Json schema validation failed with error: [{shown}]", addonName=kind.name)


def _role(call: Call, request: Document) -> None:
    arn = request.get("serviceAccountRoleArn")
    if arn and references.role(call, arn) is None:
        raise invalid(f"The role {arn} of the add-on's service account does not exist")


def _associate(call: Call, cluster: Cluster, addon: Document, given: list[Document] | None) -> list[str]:
    namespace = addon["namespaceConfig"]["namespace"]
    return [
        identity.associate(
            call,
            cluster,
            {"namespace": namespace, **item, "tags": addon["tags"], "ownerArn": addon["addonArn"]},
        )["associationArn"]
        for item in given or []
    ]


def _dissociate(cluster: Cluster, addon: Document) -> None:
    for key, association in list(cluster.associations.items()):
        if association.get("ownerArn") == addon["addonArn"]:
            del cluster.associations[key]


def _with_health(cluster: Cluster, addon: Document) -> Document:
    """Pods of a Deployment need a node: without one EKS calls the add-on degraded."""
    if not ADDONS[addon["addonName"]].needs_nodes or cluster.nodes or cluster.fargate:
        return addon | {"status": "ACTIVE"}
    issue = {
        "code": "InsufficientNumberOfReplicas",
        "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
        "resourceIds": [],
    }
    return addon | {"status": "DEGRADED", "health": {"issues": [issue]}}
