"""Namespaces of the platform's own parts: each with its Pod Security level and its walls."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from infra import contract, isolation


def platform_namespace(
    name: str,
    *,
    kubernetes: pulumi_kubernetes.Provider,
    parent: pulumi.Resource | None = None,
    after: Sequence[pulumi.Resource] = (),
) -> Namespace:
    """One of `isolation.PLATFORM`, closed but for what is listed there. Its deletion takes everything in it along."""
    level = isolation.PLATFORM[name].pod_security
    namespace = Namespace(
        name,
        metadata={
            "name": name,
            "labels": {
                contract.TEAM_LABEL: contract.PLATFORM_TEAM,
                "pod-security.kubernetes.io/enforce": level,
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
        opts=ResourceOptions(parent=parent, provider=kubernetes, depends_on=list(after)),
    )
    for purpose, spec in isolation.platform_policies(name).items():
        NetworkPolicy(
            f"{name}-{purpose}",
            metadata={"name": purpose, "namespace": name},
            spec=spec,
            opts=ResourceOptions(parent=namespace, provider=kubernetes),
        )
    return namespace
