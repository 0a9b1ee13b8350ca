"""Rights of callers who are known (users' keys, assumed roles), once the checks are turned on.

`POST /moto-api/reset-auth` with body `0` turns them on, with body `inf` off. A key that nobody was given counts as
the account's owner, so that the platform's own tools go on while a controller is checked. moto does not say which
resources a request is about, so a permission counts for every resource and under every condition: what is caught is
an action that no policy of the caller names, and one that is denied outright.
"""

import math
from functools import wraps
from typing import Any

from moto import settings
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model
from moto.iam.access_control import IAMRequest, IAMRequestBase

from local.aws.moto import Call, override
from local.aws.policy import names_action, statements

# Operations that need no permission.
FREE = {"sts:GetCallerIdentity"}


class Denied(ServiceException):
    """The caller lacks the right; written in the dialect of the service that was asked."""


def patch() -> None:
    """Decide by the caller's policies, and answer as the asked service does."""
    override(IAMRequest, "check_action_permitted", _check)
    # Callers bear keys that are worth nothing elsewhere, and moto's check of their signatures fails for EKS.
    override(IAMRequestBase, "check_signature", lambda self: None)
    override(BaseResponse, "call_action", _answering(BaseResponse.call_action))
    for name in ("_authenticate_and_authorize_normal_action", "_authenticate_and_authorize_s3_action"):
        override(BaseResponse, name, _of_known_callers(getattr(BaseResponse, name)))


def allowed(documents: list[Any], action: str) -> bool:
    """Whether some statement allows the action somewhere, and none denies it everywhere and always."""
    found = False
    for document in documents:
        for statement in statements(document):
            if not names_action(statement, action):
                continue
            if statement.get("Effect") == "Allow":
                found = True
            elif not statement.get("Condition") and statement.get("Resource", "*") in ("*", ["*"]):
                return False
    return found


def _of_known_callers(authorize: Any) -> Any:
    @wraps(authorize)
    def known_only(self: BaseResponse, *args: Any, **kwargs: Any) -> None:
        if math.isinf(settings.INITIAL_NO_AUTH_ACTION_COUNT):
            return
        call = Call(self.current_account, self.region, self.partition, "iam", self.access_key)
        user = call.backend("iam").get_user_from_access_key_id(self.access_key)
        if user or call.backend("sts").get_assumed_role_from_access_key(self.access_key):
            authorize(self, *args, **kwargs)

    return known_only


def _check(self: Any, resource: str) -> None:
    if self._action in FREE:
        return
    if not allowed([_document(policy) for policy in self._access_key.collect_policies()], self._action):
        raise Denied(f"User: {self._access_key.arn} is not authorized to perform: {self._action}")


def _document(policy: Any) -> Any:
    if isinstance(policy, dict):
        return policy["policy_document"]
    if isinstance(policy, str):
        return policy
    return next(version.document for version in policy.versions if version.is_default)


def _answering(call_action: Any) -> Any:
    @wraps(call_action)
    def answering(self: BaseResponse) -> Any:
        try:
            return call_action(self)
        except Denied as denied:
            protocol = get_service_model(self.boto3_service_name).metadata["protocol"]
            denied.code = {"ec2": "UnauthorizedOperation", "query": "AccessDenied"}.get(
                protocol, "AccessDeniedException"
            )
            _, headers, body = self.serialized(ActionResult(denied))
            headers, body = self._enrich_response(headers, body)
            return 400 if protocol == "json" else 403, headers, body

    return answering
