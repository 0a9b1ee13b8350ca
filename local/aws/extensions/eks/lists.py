"""The lists of EKS that tell names alone, and those of what can't be made here, which are empty."""

from collections.abc import Callable

from local.aws.extensions.eks.service import Cluster, Document, eks, find
from local.aws.moto import Call, Operation, paged

# Operation → the member of its answer, and the names of what a cluster has of the kind.
NAMES: dict[str, tuple[str, Callable[[Cluster], list[str]]]] = {
    "list_addons": ("addons", lambda cluster: sorted(cluster.addons)),
    "list_nodegroups": ("nodegroups", lambda cluster: sorted(cluster.nodegroups)),
    "list_fargate_profiles": ("fargateProfileNames", lambda cluster: sorted(cluster.fargate)),
    "list_identity_provider_configs": ("identityProviderConfigs", lambda cluster: []),
    "list_insights": ("insights", lambda cluster: []),
    "list_capabilities": ("capabilities", lambda cluster: []),
}


def _listing(operation: str, member: str, names: Callable[[Cluster], list[str]]) -> Operation:
    def listing(call: Call, request: Document) -> Document:
        page, token = paged(names(find(call, request)), request)
        return {member: page, "nextToken": token}

    listing.__name__ = operation
    return listing


for operation, (member, names) in NAMES.items():
    eks(_listing(operation, member, names))
