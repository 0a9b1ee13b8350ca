"""IAM: AWS's managed policies without the half second that moto takes to read them at every reset."""

import copy
from functools import lru_cache
from typing import Any

from moto.iam.models import AWSManagedPolicy, IAMBackend


def patch() -> None:
    """Read the managed policies once; a reset takes copies."""
    read = IAMBackend._init_aws_policies

    @lru_cache
    def pristine(account: str, region: str) -> list[AWSManagedPolicy]:
        holder: Any = type("Place", (), {"account_id": account, "region_name": region})()
        return read(holder)

    def copies(self: IAMBackend) -> list[AWSManagedPolicy]:
        return [copy.copy(policy) for policy in pristine(self.account_id, self.region_name)]

    IAMBackend._init_aws_policies = copies  # type: ignore[method-assign]
