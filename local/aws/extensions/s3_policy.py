"""Bucket policies with their conditions, which moto leaves out: a Deny for plain HTTP alone would deny everything."""

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from local.aws.moto import override
from local.aws.policy import decide

# The loopback interface never leaves the machine, so what arrives over it counts as carried safely, although this
# server speaks plain HTTP.
CONTEXT = {"aws:SecureTransport": ["true"]}
RESULTS = {"allowed": PermissionResult.PERMITTED, "explicitDeny": PermissionResult.DENIED}


def patch() -> None:
    """Let the project's own evaluation decide."""

    def get_permission(self: Any, action: str, resource: str) -> PermissionResult:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        decision = decide({"bucket": self.policy.decode()}, action, resource, CONTEXT)
        return RESULTS.get(decision.result, PermissionResult.NEUTRAL)

    override(FakeBucket, "get_permission", get_permission)
