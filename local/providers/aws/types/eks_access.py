"""EKS's small ones: add-ons, access entries and their policies, Pod Identity associations."""

from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import ABSENT, MINUTES, Call, Change, Resource
from local.providers.aws.types.eks_common import tagging

ADDON_ID = {"clusterName": "{clusterName}", "addonName": "{addonName}"}
ENTRY_ID = {"clusterName": "{clusterName}", "principalArn": "{principalArn}"}


def _addon_identities(operation: Operation) -> dict[str, Any]:
    """The add-on's Pod Identity associations as pairs: the add-on itself tells only their ARNs."""
    pairs = []
    for arn in operation.raw.get("podIdentityAssociations") or ():
        params = {"clusterName": operation.raw["clusterName"], "associationId": arn.rsplit("/", 1)[-1]}
        found = operation.ignoring_absence(
            lambda params=params: operation.call("DescribePodIdentityAssociation", params)["association"]
        )
        if found:
            pairs.append({"roleArn": found["roleArn"], "serviceAccount": found["serviceAccount"]})
    return {"podIdentityAssociations": pairs}


ADDON = Resource(
    token="aws:eks/addon:Addon",
    service="eks",
    id="{clusterName}:{addonName}",
    create=Call("CreateAddon", {"resolveConflicts": "{resolveConflictsOnCreate}"}, "addon"),
    reads=(Call("DescribeAddon", ADDON_ID, "addon"), _addon_identities),
    changes=(
        Change(
            "addonVersion configurationValues podIdentityAssociations serviceAccountRoleArn",
            Call("UpdateAddon", {**ADDON_ID, "resolveConflicts": "{resolveConflictsOnUpdate}"}),
        ),
    ),
    delete=(Call("DeleteAddon", {**ADDON_ID, "preserve": "{preserve}"}),),
    awaits_deletion=True,
    status="status",
    ready=words("ACTIVE"),
    failed=words("CREATE_FAILED UPDATE_FAILED DELETE_FAILED"),
    why="health.issues[0].message",
    replaces=words("addonName clusterName namespaceConfig"),
    kept=words("preserve resolveConflictsOnCreate resolveConflictsOnUpdate"),
    computed=words("addonVersion configurationValues namespaceConfig"),
    unordered=words("podIdentityAssociations"),
    cleared={"podIdentityAssociations": [], "serviceAccountRoleArn": None},
    names={"arn": "addonArn"},
    delete_before_replace=True,
    tagging=tagging("arn"),
    timeouts={"create": 20 * MINUTES, "update": 20 * MINUTES, "delete": 40 * MINUTES},
)

ACCESS_ENTRY = Resource(
    token="aws:eks/accessEntry:AccessEntry",
    service="eks",
    id="{clusterName}:{principalArn}",
    create=Call("CreateAccessEntry", {}, "accessEntry"),
    reads=(Call("DescribeAccessEntry", ENTRY_ID, "accessEntry"),),
    changes=(Change("kubernetesGroups userName", Call("UpdateAccessEntry", ENTRY_ID)),),
    delete=(Call("DeleteAccessEntry", ENTRY_ID),),
    replaces=words("clusterName principalArn type"),
    computed=words("kubernetesGroups userName"),
    unordered=words("kubernetesGroups"),
    defaults={"type": "STANDARD"},
    delete_before_replace=True,
    tagging=tagging("accessEntryArn"),
)

ACCESS_POLICY_ASSOCIATION = Resource(
    token="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    service="eks",
    id="{clusterName}#{principalArn}#{policyArn}",
    create=Call("AssociateAccessPolicy", {}, "associatedAccessPolicy"),
    reads=(
        lambda operation: next(
            (
                {**each, "clusterName": operation.scope("clusterName"), "principalArn": operation.scope("principalArn")}
                for each in operation.run(Call("ListAssociatedAccessPolicies", ENTRY_ID, "associatedAccessPolicies"))
                if each["policyArn"] == operation.scope("policyArn")
            ),
            None,
        ),
    ),
    delete=(Call("DisassociateAccessPolicy", {**ENTRY_ID, "policyArn": "{policyArn}"}),),
    replaces=words("accessScope clusterName policyArn principalArn"),
    unordered=words("accessScope.namespaces"),
    # Associating again changes the scope of the same association: an old one deleted last would take it along.
    delete_before_replace=True,
)


def _association(operation: Operation) -> dict[str, Any] | None:
    cluster = operation.scope("clusterName")
    clusters = operation.call("ListClusters", {})["clusters"] if cluster is ABSENT else [cluster]
    for name in clusters:
        params = {"clusterName": name, "associationId": operation.id}
        found = operation.ignoring_absence(
            lambda params=params: operation.call("DescribePodIdentityAssociation", params)["association"]
        )
        if found:
            return found
    return None


POD_IDENTITY_ASSOCIATION = Resource(
    token="aws:eks/podIdentityAssociation:PodIdentityAssociation",
    service="eks",
    id="{associationId}",
    create=Call("CreatePodIdentityAssociation", {}, "association"),
    reads=(_association,),
    changes=(
        Change(
            "roleArn targetRoleArn disableSessionTags policy",
            Call("UpdatePodIdentityAssociation", {"clusterName": "{clusterName}", "associationId": "{id}"}),
        ),
    ),
    delete=(Call("DeletePodIdentityAssociation", {"clusterName": "{clusterName}", "associationId": "{id}"}),),
    replaces=words("clusterName namespace serviceAccount"),
    computed=words("disableSessionTags"),
    documents=words("policy"),
    cleared={"targetRoleArn": "", "policy": ""},
    tagging=tagging("associationArn"),
)

TYPES = (ADDON, ACCESS_ENTRY, ACCESS_POLICY_ASSOCIATION, POD_IDENTITY_ASSOCIATION)
