"""Machines that launch are such that a pod on them does not become the machine."""

from collections.abc import Iterator

from infra.policies.core import Resource, differs, each
from infra.policies.kinds import NODE_CLASS, NODE_GROUP, TEMPLATE


@each(
    TEMPLATE,
    NODE_CLASS,
    "aws:ec2/instance:Instance",
    demands="every machine answers metadata by IMDSv2 alone, one hop away",
    reason="with IMDSv1 a request that a pod is tricked into, or with two hops any pod, gets the node's credentials",
    fix="set metadataOptions: httpTokens required, httpPutResponseHopLimit 1",
)
def nodes_require_imdsv2(resource: Resource, environment: str) -> Iterator[str]:
    options = "spec.metadataOptions" if resource.type == NODE_CLASS else "metadataOptions"
    if differs(resource.get(f"{options}.httpTokens"), "required"):
        yield "answers IMDSv1"
    if differs(resource.get(f"{options}.httpPutResponseHopLimit"), 1):
        yield f"lets metadata travel {resource.get(f'{options}.httpPutResponseHopLimit') or 'more than one'} hops"


@each(
    NODE_GROUP,
    demands="every managed node group has a launch template",
    reason="without one EKS launches machines with its own disks and metadata options",
    fix="give it launchTemplate; infra/capacity.py does",
)
def node_groups_have_a_template(resource: Resource, environment: str) -> Iterator[str]:
    if resource.get("launchTemplate") is None:
        yield "has no launch template"


@each(
    NODE_GROUP,
    demands="machines that break are replaced without anybody's asking",
    reason="a node with a dead GPU keeps its pods, and a training job waits for it",
    fix="set nodeRepairConfig.enabled",
)
def nodes_are_repaired(resource: Resource, environment: str) -> Iterator[str]:
    if differs(resource.get("nodeRepairConfig.enabled"), True):
        yield "is not repaired"
