"""EKS access entries and their access policies: who may speak to the cluster's API."""

from local.aws.extensions.eks import references
from local.aws.extensions.eks.catalogue import ACCESS_POLICIES, access_policy_arn
from local.aws.extensions.eks.service import (
    Cluster,
    Document,
    active,
    eks,
    find,
    in_use,
    invalid,
    not_found,
    now,
    refused,
    short,
)
from local.aws.moto import Call, paged

INSTANCE, SESSION = "system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}"
NODE_NAMES = dict.fromkeys(("EC2_LINUX", "EC2_WINDOWS", "EC2", "HYPERPOD_LINUX"), INSTANCE)
NODE_NAMES |= dict.fromkeys(("FARGATE_LINUX", "HYBRID_LINUX"), SESSION)
"""Type of nodes' entries → their name in Kubernetes: machines outside EC2 are known by their session.

Source: EKS user guide, "Prepare cluster access for hybrid nodes" and "Create access entries".
"""
NODE_TYPES = set(NODE_NAMES)
# Only these take access policies.
POLICY_TYPES = {"STANDARD", "EC2"}
UNKNOWN_ENTRY = (
    "The specified principalArn could not be found. You can view your available access entries with "
    "'list-access-entries'."
)


@eks
def create_access_entry(call: Call, request: Document) -> Document:
    """Let a principal in."""
    cluster = _with_entries(call, request)
    principal, kind = request["principalArn"], request.get("type") or "STANDARD"
    if principal in cluster.entries:
        raise in_use("The specified access entry resource is already in use on this cluster.", clusterName=cluster.name)
    if kind not in NODE_TYPES | {"STANDARD"}:
        raise invalid(f"The type {kind} is not one of {sorted(NODE_TYPES | {'STANDARD'})}")
    _known_principal(call, principal)
    if kind != "STANDARD" and (request.get("kubernetesGroups") or request.get("username")):
        raise invalid(f"The type {kind} does not support a username or kubernetesGroups.")
    _groups(request.get("kubernetesGroups"))
    return {"accessEntry": _add(call, cluster, principal, kind, request)}


@eks
def describe_access_entry(call: Call, request: Document) -> Document:
    """One entry."""
    return {"accessEntry": _entry(find(call, request), request)}


@eks
def list_access_entries(call: Call, request: Document) -> Document:
    """The principals that have an entry, all or those with one policy."""
    cluster = _with_entries(call, request)
    policy = request.get("associatedPolicyArn")
    names = [arn for arn in cluster.entries if not policy or policy in cluster.policies.get(arn, {})]
    page, token = paged(names, request)
    return {"accessEntries": page, "nextToken": token}


@eks
def update_access_entry(call: Call, request: Document) -> Document:
    """Change an entry's groups or username."""
    entry = _entry(active(call, request), request)
    if entry["type"] != "STANDARD":
        raise refused(f"The type {entry['type']} does not support a username or kubernetesGroups.")
    _groups(request.get("kubernetesGroups"))
    for key in ("kubernetesGroups", "username"):
        if request.get(key) is not None:
            entry[key] = request[key]
    entry["modifiedAt"] = now()
    return {"accessEntry": entry}


@eks
def delete_access_entry(call: Call, request: Document) -> Document:
    """Shut a principal out."""
    cluster = active(call, request)
    _entry(cluster, request)
    del cluster.entries[request["principalArn"]]
    cluster.policies.pop(request["principalArn"], None)
    return {}


@eks
def list_access_policies(call: Call, request: Document) -> Document:
    """The policies that EKS offers."""
    every = [{"name": name, "arn": access_policy_arn(name, call.partition)} for name in ACCESS_POLICIES]
    page, token = paged(every, request)
    return {"accessPolicies": page, "nextToken": token}


@eks
def associate_access_policy(call: Call, request: Document) -> Document:
    """Give an entry a policy, on the cluster or on namespaces; again with another scope changes the scope."""
    cluster = active(call, request)
    entry = _entry(cluster, request)
    arn, scope = request["policyArn"], request["accessScope"]
    if arn not in {access_policy_arn(name, call.partition) for name in ACCESS_POLICIES}:
        raise invalid(
            f"The policyArn {arn} does not exist. You can view available access policies with 'list-access-policies'."
        )
    if entry["type"] not in POLICY_TYPES:
        raise refused(f"The type {entry['type']} of the access entry does not support access policies.")
    if (scope.get("type") == "namespace") != bool(scope.get("namespaces")):
        raise invalid("Namespaces must be given for the scope type namespace, and for no other.")
    held = cluster.policies.setdefault(request["principalArn"], {})
    before = held.get(arn, {})
    held[arn] = {
        "policyArn": arn,
        "accessScope": {"type": scope["type"], "namespaces": scope.get("namespaces") or []},
        "associatedAt": before.get("associatedAt") or now(),
        "modifiedAt": now(),
    }
    return {
        "clusterName": cluster.name,
        "principalArn": request["principalArn"],
        "associatedAccessPolicy": held[arn],
    }


@eks
def disassociate_access_policy(call: Call, request: Document) -> Document:
    """Take a policy from an entry."""
    cluster = active(call, request)
    _entry(cluster, request)
    if cluster.policies.get(request["principalArn"], {}).pop(request["policyArn"], None) is None:
        raise not_found(f"The policyArn {request['policyArn']} is not associated with the access entry.")
    return {}


@eks
def list_associated_access_policies(call: Call, request: Document) -> Document:
    """The policies of an entry."""
    cluster = find(call, request)
    _entry(cluster, request)
    held = list(cluster.policies.get(request["principalArn"], {}).values())
    page, token = paged(held, request)
    return {
        "clusterName": cluster.name,
        "principalArn": request["principalArn"],
        "associatedAccessPolicies": page,
        "nextToken": token,
    }


def of_new_cluster(call: Call, cluster: Cluster, *, creator: bool) -> None:
    """The creator's own admin entry, where the cluster was made with one."""
    if not creator or not has_entries(cluster):
        return
    principal = _caller(call)
    _add(call, cluster, principal, "STANDARD", {})
    arn = access_policy_arn("AmazonEKSClusterAdminPolicy", call.partition)
    cluster.policies[principal] = {
        arn: {
            "policyArn": arn,
            "accessScope": {"type": "cluster", "namespaces": []},
            "associatedAt": now(),
            "modifiedAt": now(),
        }
    }


def of_node_role(call: Call, cluster: Cluster, role_arn: str, *, kind: str = "EC2_LINUX") -> None:
    """The entry that EKS makes by itself for the role of managed nodes."""
    if has_entries(cluster) and role_arn not in cluster.entries:
        _add(call, cluster, role_arn, kind, {})


def has_entries(cluster: Cluster) -> bool:
    """Whether the cluster reads access entries at all."""
    return cluster.about["accessConfig"]["authenticationMode"] != "CONFIG_MAP"


def _with_entries(call: Call, request: Document) -> Cluster:
    cluster = find(call, request)
    if not has_entries(cluster):
        raise refused(
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
            "operation."
        )
    return cluster


def _entry(cluster: Cluster, request: Document) -> Document:
    found = cluster.entries.get(request["principalArn"])
    if found is None:
        raise not_found(UNKNOWN_ENTRY)
    return found


def _add(call: Call, cluster: Cluster, principal: str, kind: str, request: Document) -> Document:
    nodes = kind in NODE_TYPES
    resource, _, name = principal.partition(":iam::")[2].partition(":")[2].partition("/")
    groups = ["system:nodes"] if nodes else request.get("kubernetesGroups") or []
    identity = short(f"{cluster.about['arn']}/{principal}", 32, "0123456789abcdef")
    place = f"{cluster.name}/{resource or 'root'}/{call.account}/{name.rsplit('/', 1)[-1] or 'root'}"
    cluster.entries[principal] = {
        "clusterName": cluster.name,
        "principalArn": principal,
        "kubernetesGroups": groups,
        "accessEntryArn": call.arn(f"access-entry/{place}/{identity}"),
        "createdAt": now(),
        "modifiedAt": now(),
        "tags": request.get("tags") or {},
        "username": NODE_NAMES.get(kind) or request.get("username") or _username(principal),
        "type": kind,
    }
    return cluster.entries[principal]


def _username(principal: str) -> str:
    """The name that Kubernetes sees: of a role, its session."""
    if ":role/" not in principal:
        return principal
    account, name = principal.split(":")[4], principal.rsplit("/", 1)[-1]
    return f"{principal.split(':iam:')[0]}:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}"


def _groups(groups: list[str] | None) -> None:
    for group in groups or []:
        if group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:")):
            raise invalid(f"The kubernetes group name {group} is invalid, it cannot start with {group.split(':')[0]}:")


def _known_principal(call: Call, principal: str) -> None:
    """Refuse a role or user of this account that does not exist. Other accounts are taken at their word."""
    wrong = invalid("The specified principalArn is invalid: invalid principal.")
    parts = principal.split(":")
    if len(parts) < 6 or parts[2] != "iam":
        raise wrong
    if parts[4] != call.account:
        return
    iam = call.backend("iam")
    users = {user.arn for user in iam.users.values()}
    if parts[5] != "root" and principal not in users and references.role(call, principal) is None:
        raise wrong


def _caller(call: Call) -> str:
    """The IAM principal behind the caller: of an assumed role, the role."""
    arn = call.backend("sts").get_caller_identity(call.access_key, region=call.region)[1]
    if ":assumed-role/" in arn:
        return arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rsplit("/", 1)[0]
    return arn.replace(":sts:", ":iam:")
