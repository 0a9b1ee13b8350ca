"""IAM: roles, policies and their ties, instance profiles and identity providers."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws import documents
from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging

POLICY_VERSIONS = 5  # how many AWS keeps of one policy


def _tagging(kind: str, key: str) -> Tagging:
    return Tagging(
        create={"Tags": "{tagsAll}"},
        add=Call(f"Tag{kind}", {key: "{id}", "Tags": "{newTags}"}),
        remove=Call(f"Untag{kind}", {key: "{id}", "TagKeys": "{tagKeys}"}),
    )


def _inline_policies(operation: Operation) -> dict[str, str]:
    names = operation.call("ListRolePolicies", {"RoleName": operation.id})["PolicyNames"]
    return {name: _inline_policy(operation, operation.id, name) for name in names}


def _inline_policy(operation: Operation, role: str, name: str) -> str:
    params = {"RoleName": role, "PolicyName": name}
    return documents.compact(_text(operation.call("GetRolePolicy", params)["PolicyDocument"]))


def _text(document: Any) -> str:

    return document if isinstance(document, str) else json.dumps(document)


def _attached(operation: Operation) -> list[str]:
    answer = operation.call("ListAttachedRolePolicies", {"RoleName": operation.id})
    return [each["PolicyArn"] for each in answer["AttachedPolicies"]]


def _read_policies(operation: Operation) -> dict[str, Any]:
    """The role's policies, asked for only where the program manages them on the role itself."""
    reference: Mapping[str, Any] = operation.inputs or operation.old
    told: dict[str, Any] = {}
    if "managedPolicyArns" in reference:
        told["managedPolicyArns"] = _attached(operation)
    if "inlinePolicies" in reference:
        told["inlinePolicies"] = [
            {"name": name, "policy": policy} for name, policy in _inline_policies(operation).items()
        ]
    return told


def _set_managed(operation: Operation) -> None:
    wanted, present = operation.inputs.get("managedPolicyArns") or [], _attached(operation)
    for arn in present:
        if arn not in wanted:
            operation.call("DetachRolePolicy", {"RoleName": operation.id, "PolicyArn": arn})
    for arn in wanted:
        if arn not in present:
            operation.call("AttachRolePolicy", {"RoleName": operation.id, "PolicyArn": arn})


def _set_inline(operation: Operation) -> None:
    policies = operation.inputs.get("inlinePolicies") or []
    wanted = {each["name"]: each["policy"] for each in policies if each.get("name") and each.get("policy")}
    present = _inline_policies(operation)
    for name in present.keys() - wanted.keys():
        operation.call("DeleteRolePolicy", {"RoleName": operation.id, "PolicyName": name})
    for name, policy in wanted.items():
        if name not in present or not documents.same(present[name], policy):
            params = {"RoleName": operation.id, "PolicyName": name, "PolicyDocument": policy}
            operation.call("PutRolePolicy", params)


def _set_boundary(operation: Operation) -> None:
    boundary = operation.inputs.get("permissionsBoundary")
    params = {"RoleName": operation.id, **({"PermissionsBoundary": boundary} if boundary else {})}
    operation.call("PutRolePermissionsBoundary" if boundary else "DeleteRolePermissionsBoundary", params)


def _boundary(shown: dict[str, Any], operation: Operation) -> None:
    boundary = (operation.raw.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    shown.pop("permissionsBoundary", None)
    if boundary:
        shown["permissionsBoundary"] = boundary


def _release_role(operation: Operation) -> None:
    """Take the role out of what would keep AWS from deleting it, as far as it is the role's own."""
    role = operation.id
    for profile in operation.call("ListInstanceProfilesForRole", {"RoleName": role})["InstanceProfiles"]:
        params = {"InstanceProfileName": profile["InstanceProfileName"], "RoleName": role}
        operation.ignoring_absence(lambda params=params: operation.call("RemoveRoleFromInstanceProfile", params))
    force = operation.state.get("forceDetachPolicies")
    if force or operation.old.get("managedPolicyArns"):
        for arn in _attached(operation):
            operation.call("DetachRolePolicy", {"RoleName": role, "PolicyArn": arn})
    if force or operation.old.get("inlinePolicies"):
        for name in _inline_policies(operation):
            operation.call("DeleteRolePolicy", {"RoleName": role, "PolicyName": name})


ROLE = Resource(
    token="aws:iam/role:Role",
    service="iam",
    id="{name}",
    create=Call("CreateRole", {}, "Role"),
    reads=(Call("GetRole", {"RoleName": "{id}"}, "Role"), _read_policies),
    changes=(
        Change(
            "assumeRolePolicy",
            Call("UpdateAssumeRolePolicy", {"RoleName": "{id}", "PolicyDocument": "{assumeRolePolicy}"}),
        ),
        Change("description maxSessionDuration", Call("UpdateRole", {"RoleName": "{id}"})),
        Change("permissionsBoundary", _set_boundary),
        Change("managedPolicyArns", _set_managed),
        Change("inlinePolicies", _set_inline),
    ),
    delete=(_release_role, Call("DeleteRole", {"RoleName": "{id}"})),
    replaces=words("name namePrefix path"),
    kept=words("forceDetachPolicies"),
    computed=words("inlinePolicies managedPolicyArns"),
    unordered=words("managedPolicyArns inlinePolicies"),
    documents=words("assumeRolePolicy inlinePolicies.policy"),
    defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"},
    cleared={"description": ""},
    names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument", "uniqueId": "RoleId"},
    naming=Naming(longest=64),
    shown=_boundary,
    tagging=_tagging("Role", "RoleName"),
)


def _read_policy(operation: Operation) -> dict[str, Any]:
    policy = operation.call("GetPolicy", {"PolicyArn": operation.id})["Policy"]
    params = {"PolicyArn": operation.id, "VersionId": policy["DefaultVersionId"]}
    return {**policy, "policy": _text(operation.call("GetPolicyVersion", params)["PolicyVersion"]["Document"])}


def _old_versions(operation: Operation) -> list[str]:
    versions = operation.call("ListPolicyVersions", {"PolicyArn": operation.id})["Versions"]
    others = [each for each in versions if not each["IsDefaultVersion"]]
    return [each["VersionId"] for each in sorted(others, key=lambda each: each["CreateDate"])]


def _new_policy_version(operation: Operation) -> None:
    for version in _old_versions(operation)[: -(POLICY_VERSIONS - 2) or None]:
        operation.call("DeletePolicyVersion", {"PolicyArn": operation.id, "VersionId": version})
    params = {"PolicyArn": operation.id, "PolicyDocument": operation.inputs["policy"], "SetAsDefault": True}
    operation.call("CreatePolicyVersion", params)


def _delete_policy(operation: Operation) -> None:
    for version in _old_versions(operation):
        operation.call("DeletePolicyVersion", {"PolicyArn": operation.id, "VersionId": version})
    operation.call("DeletePolicy", {"PolicyArn": operation.id})


POLICY = Resource(
    token="aws:iam/policy:Policy",
    service="iam",
    id="{Arn}",
    create=Call("CreatePolicy", {"PolicyDocument": "{policy}"}, "Policy"),
    reads=(_read_policy,),
    changes=(Change("policy", _new_policy_version),),
    delete=(_delete_policy,),
    replaces=words("name namePrefix path description"),
    kept=words("delayAfterPolicyCreationInMs"),
    documents=words("policy"),
    defaults={"path": "/"},
    names={"name": "PolicyName"},
    naming=Naming(longest=128),
    tagging=_tagging("Policy", "PolicyArn"),
)

ROLE_POLICY = Resource(
    token="aws:iam/rolePolicy:RolePolicy",
    service="iam",
    id="{role}:{name}",
    create=Call("PutRolePolicy", {"RoleName": "{role}", "PolicyName": "{name}", "PolicyDocument": "{policy}"}),
    reads=(Call("GetRolePolicy", {"RoleName": "{role}", "PolicyName": "{name}"}),),
    changes=(
        Change(
            "policy",
            Call("PutRolePolicy", {"RoleName": "{role}", "PolicyName": "{name}", "PolicyDocument": "{policy}"}),
        ),
    ),
    delete=(Call("DeleteRolePolicy", {"RoleName": "{role}", "PolicyName": "{name}"}),),
    replaces=words("name namePrefix role"),
    documents=words("policy"),
    names={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
    naming=Naming(longest=128),
)


def _attachment(operation: Operation) -> dict[str, Any] | None:
    role, arn = operation.scope("role"), operation.scope("policyArn")
    answer = operation.call("ListAttachedRolePolicies", {"RoleName": role})
    found = any(each["PolicyArn"] == arn for each in answer["AttachedPolicies"])
    return {"role": role, "policyArn": arn} if found else None


ROLE_POLICY_ATTACHMENT = Resource(
    token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    service="iam",
    id="{role}/{policyArn}",
    create=Call("AttachRolePolicy", {"RoleName": "{role}", "PolicyArn": "{policyArn}"}),
    reads=(_attachment,),
    delete=(Call("DetachRolePolicy", {"RoleName": "{role}", "PolicyArn": "{policyArn}"}),),
    replaces=words("role policyArn"),
    delete_before_replace=True,
)


def _profile_role(operation: Operation) -> str | None:
    return next((role["RoleName"] for role in operation.raw.get("Roles") or ()), None)


def _set_profile_role(operation: Operation) -> None:
    _clear_profile_role(operation)
    if role := operation.inputs.get("role"):
        operation.call("AddRoleToInstanceProfile", {"InstanceProfileName": operation.id, "RoleName": role})


def _clear_profile_role(operation: Operation) -> None:
    if role := _profile_role(operation):
        operation.call("RemoveRoleFromInstanceProfile", {"InstanceProfileName": operation.id, "RoleName": role})


def _shown_profile_role(shown: dict[str, Any], operation: Operation) -> None:
    if role := _profile_role(operation):
        shown["role"] = role


INSTANCE_PROFILE = Resource(
    token="aws:iam/instanceProfile:InstanceProfile",
    service="iam",
    id="{name}",
    create=Call("CreateInstanceProfile", {}, "InstanceProfile"),
    reads=(Call("GetInstanceProfile", {"InstanceProfileName": "{id}"}, "InstanceProfile"),),
    changes=(Change("role", _set_profile_role),),
    delete=(_clear_profile_role, Call("DeleteInstanceProfile", {"InstanceProfileName": "{id}"})),
    replaces=words("name namePrefix path"),
    defaults={"path": "/"},
    names={"name": "InstanceProfileName", "uniqueId": "InstanceProfileId"},
    naming=Naming(longest=128),
    shown=_shown_profile_role,
    tagging=_tagging("InstanceProfile", "InstanceProfileName"),
)


def _set_client_ids(operation: Operation) -> None:
    wanted, present = operation.inputs.get("clientIdLists") or [], operation.raw.get("ClientIDList") or []
    for verb, clients in (("Add", set(wanted) - set(present)), ("Remove", set(present) - set(wanted))):
        tie = "To" if verb == "Add" else "From"
        for client in sorted(clients):
            params = {"OpenIDConnectProviderArn": operation.id, "ClientID": client}
            operation.call(f"{verb}ClientID{tie}OpenIDConnectProvider", params)


def _same_url(shown: dict[str, Any], operation: Operation) -> None:
    """AWS tells the address without its scheme."""
    wanted = (operation.inputs or operation.state).get("url")
    if isinstance(wanted, str) and wanted.removeprefix("https://") == shown.get("url"):
        shown["url"] = wanted


OIDC_PROVIDER = Resource(
    token="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    service="iam",
    id="{OpenIDConnectProviderArn}",
    create=Call("CreateOpenIDConnectProvider"),
    reads=(Call("GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": "{id}"}),),
    changes=(
        Change("clientIdLists", _set_client_ids),
        Change(
            "thumbprintLists",
            Call("UpdateOpenIDConnectProviderThumbprint", {"OpenIDConnectProviderArn": "{id}"}),
        ),
    ),
    delete=(Call("DeleteOpenIDConnectProvider", {"OpenIDConnectProviderArn": "{id}"}),),
    replaces=words("url"),
    computed=words("thumbprintLists"),
    unordered=words("clientIdLists"),
    names={"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"},
    outputs={"arn": "{id}"},
    shown=_same_url,
    tagging=_tagging("OpenIDConnectProvider", "OpenIDConnectProviderArn"),
)

TYPES = (ROLE, POLICY, ROLE_POLICY, ROLE_POLICY_ATTACHMENT, INSTANCE_PROFILE, OIDC_PROVIDER)
