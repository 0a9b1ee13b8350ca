"""EKS Pod Identity: which role the pods of a service account get."""

from local.aws.extensions.eks import references
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
    uid,
)
from local.aws.moto import Call, paged

SUMMARY = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")


@eks
def create_pod_identity_association(call: Call, request: Document) -> Document:
    """Give a service account a role."""
    return {"association": associate(call, active(call, request), request)}


@eks
def describe_pod_identity_association(call: Call, request: Document) -> Document:
    """One association."""
    return {"association": _association(find(call, request), request)}


@eks
def list_pod_identity_associations(call: Call, request: Document) -> Document:
    """Summaries, all or those of a namespace or service account."""
    found = [
        {key: item[key] for key in SUMMARY if item.get(key)}
        for item in find(call, request).associations.values()
        if all(request.get(key) in (None, item[key]) for key in ("namespace", "serviceAccount"))
    ]
    page, token = paged(found, request)
    return {"associations": page, "nextToken": token}


@eks
def update_pod_identity_association(call: Call, request: Document) -> Document:
    """Change the role, its target, the session tags or the policy."""
    association = _association(active(call, request), request)
    if association.get("ownerArn"):
        raise refused(f"The association is managed by {association['ownerArn']}; update that add-on instead.")
    changes = {
        key: request[key]
        for key in ("roleArn", "targetRoleArn", "disableSessionTags", "policy")
        if request.get(key) is not None
    }
    _check(call, association | changes)
    association |= changes | {"modifiedAt": now()}
    return {"association": association}


@eks
def delete_pod_identity_association(call: Call, request: Document) -> Document:
    """Take the role away."""
    cluster = active(call, request)
    association = _association(cluster, request)
    if association.get("ownerArn"):
        raise refused(f"The association is managed by {association['ownerArn']}; delete that add-on instead.")
    return {"association": cluster.associations.pop(association["associationId"])}


def associate(call: Call, cluster: Cluster, request: Document) -> Document:
    """Make an association; one service account has at most one."""
    place = (request["namespace"], request["serviceAccount"])
    for other in cluster.associations.values():
        if (other["namespace"], other["serviceAccount"]) == place:
            raise in_use(f"Association already exists: {other['associationId']}", clusterName=cluster.name)
    _check(call, request)
    key = f"a-{short(uid(), 17)}"
    association = {
        "clusterName": cluster.name,
        "namespace": request["namespace"],
        "serviceAccount": request["serviceAccount"],
        "roleArn": request["roleArn"],
        "associationArn": call.arn(f"podidentityassociation/{cluster.name}/{key}"),
        "associationId": key,
        "tags": request.get("tags") or {},
        "createdAt": now(),
        "modifiedAt": now(),
        "ownerArn": request.get("ownerArn"),
        "disableSessionTags": bool(request.get("disableSessionTags")),
        "targetRoleArn": request.get("targetRoleArn"),
        "externalId": uid() if request.get("targetRoleArn") else None,
        "policy": request.get("policy"),
    }
    cluster.associations[key] = association
    return association


def _association(cluster: Cluster, request: Document) -> Document:
    found = cluster.associations.get(request["associationId"])
    if found is None:
        raise not_found(
            f"No association with id {request['associationId']} found in cluster {cluster.name}",
            clusterName=cluster.name,
        )
    return found


def _check(call: Call, request: Document) -> None:
    arn = request["roleArn"]
    if arn.split(":")[4:5] != [call.account]:
        raise invalid(f"Role provided in the request must be in the cluster's account {call.account}: {arn}")
    role = references.role(call, arn)
    if role is None:
        raise invalid(f"Role provided in the request does not exist: {arn}")
    if not references.trusts(role.assume_role_policy_document, "pods.eks.amazonaws.com"):
        raise invalid(f"Trust policy of the role {arn} does not allow the principal pods.eks.amazonaws.com")
    if request.get("policy") and not request.get("disableSessionTags"):
        raise invalid("disableSessionTags must be true when a policy is given.")
