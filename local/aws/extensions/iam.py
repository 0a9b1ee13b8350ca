"""IAM beyond moto: simulation of policies, refusals, and managed policies that are read only once."""

import copy
import inspect
import json
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from moto.iam.models import IAMBackend, ManagedPolicy

from local.aws.moto import Call, Fault, Service, override, paged
from local.aws.policy import decide

iam = Service("iam", invalid="ValidationError")

Document = dict[str, Any]
ADMIN_ROLE = "AWSReservedSSO_AdministratorAccess_0123456789abcdef"
ADMIN_PATH = "/aws-reserved/sso.amazonaws.com/"


def patch() -> None:
    """Read the managed policies once, which takes half a second; a reset takes copies."""
    read = IAMBackend._init_aws_policies

    @lru_cache
    def pristine(account: str, region: str) -> list[ManagedPolicy]:
        holder: Any = type("Place", (), {"account_id": account, "region_name": region})()
        return read(holder)

    def copies(self: IAMBackend) -> list[ManagedPolicy]:
        return [copy.copy(policy) for policy in pristine(self.account_id, self.region_name)]

    override(IAMBackend, "_init_aws_policies", copies)
    override(IAMBackend, "initialize_service_roles", _administrators)
    for name in ("create_role", "put_role_permissions_boundary"):
        override(IAMBackend, name, _within_a_boundary(getattr(IAMBackend, name)))


def _within_a_boundary(method: Callable[..., Any]) -> Callable[..., Any]:
    """IAM takes a policy that is there for a boundary, and no other."""
    signature = inspect.signature(method)

    @wraps(method)
    def checked(self: IAMBackend, *given: Any, **named: Any) -> Any:
        boundary = signature.bind(self, *given, **named).arguments.get("permissions_boundary")
        if boundary and boundary not in self.managed_policies:
            raise Fault("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.")
        return method(self, *given, **named)

    return checked


def _administrators(self: IAMBackend) -> None:
    """What an account holds before any stack: its administrators' role, as IAM Identity Center makes it.

    Without it nobody could be given access to a cluster, for EKS refuses a principal that does not exist.
    """
    provider = f"arn:{self.partition}:iam::{self.account_id}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    self.create_role(ADMIN_ROLE, trust, ADMIN_PATH, None, "", [], "3600")


@iam
def delete_policy(call: Call, request: Document) -> Document:
    """Delete a policy that nothing uses and that has no versions but its default."""
    backend = call.backend()
    policy = backend.get_policy(request["PolicyArn"])
    if policy.attachment_count:
        raise Fault("DeleteConflict", "Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise Fault(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must "
            "delete the policy's versions. The default version is deleted with the policy.",
        )
    backend.delete_policy(policy.arn)
    return {}


@iam
def list_instance_profile_tags(call: Call, request: Document) -> Document:
    """The tags of an instance profile."""
    profile = call.backend().get_instance_profile(request["InstanceProfileName"])
    return {"Tags": profile.tags or [], "IsTruncated": False}


@iam
def add_client_id_to_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Let another audience in."""
    provider = call.backend().get_open_id_connect_provider(request["OpenIDConnectProviderArn"])
    if request["ClientID"] not in provider.client_id_list:
        provider.client_id_list.append(request["ClientID"])
    return {}


@iam
def remove_client_id_from_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Take an audience away."""
    provider = call.backend().get_open_id_connect_provider(request["OpenIDConnectProviderArn"])
    provider.client_id_list = [name for name in provider.client_id_list if name != request["ClientID"]]
    return {}


@iam
def simulate_principal_policy(call: Call, request: Document) -> Document:
    """What a user's or role's policies say to actions on resources."""
    return _simulated(policies_of(call, request["PolicySourceArn"]), request)


@iam
def simulate_custom_policy(call: Call, request: Document) -> Document:
    """What given policies say to actions on resources."""
    return _simulated({}, request)


def policies_of(call: Call, arn: str) -> dict[str, Any]:
    """The documents of all policies of a user or role, by name; NoSuchEntity."""
    backend = call.backend("iam")
    holders = [item for item in [*backend.roles.values(), *backend.users.values()] if item.arn == arn]
    if not holders:
        raise Fault("NoSuchEntity", f"The principal {arn} cannot be found.")
    holder = holders[0]
    holders += [group for group in backend.groups.values() if holder in getattr(group, "users", [])]
    documents: dict[str, Any] = {}
    for entity in holders:
        for policy in entity.managed_policies.values():
            documents[policy.name] = policy.document
        documents |= dict(entity.policies)
    return documents


def _simulated(documents: dict[str, Any], request: Document) -> Document:
    given = {f"PolicyInputList.{index}": text for index, text in enumerate(request.get("PolicyInputList") or [], 1)}
    boundary = {
        f"PermissionsBoundaryPolicyInputList.{index}": text
        for index, text in enumerate(request.get("PermissionsBoundaryPolicyInputList") or [], 1)
    }
    context = {
        entry["ContextKeyName"]: entry.get("ContextKeyValues") or [] for entry in request.get("ContextEntries") or []
    }
    results = []
    for action in request["ActionNames"]:
        for resource in request.get("ResourceArns") or ["*"]:
            decision = decide({**documents, **given}, action, resource, context)
            result = decision.result
            if boundary and result == "allowed":
                result = decide(boundary, action, resource, context).result
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": result,
                    "MatchedStatements": [
                        {"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"} for name in decision.policies
                    ],
                    "MissingContextValues": list(decision.missing),
                }
            )
    page, marker = paged(results, request, token="Marker", size="MaxItems")
    return {"EvaluationResults": page, "IsTruncated": marker is not None, "Marker": marker}
