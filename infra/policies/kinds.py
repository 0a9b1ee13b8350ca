"""The types that several policies look at, and how what says something of a resource is found."""

from collections.abc import Callable

from infra.policies.core import Resource, Stack

BUCKET = "aws:s3/bucket:Bucket"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
EFS = "aws:efs/fileSystem:FileSystem"
EKS = "aws:eks/cluster:Cluster"
KEY = "aws:kms/key:Key"
LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NAMESPACE = "kubernetes:core/v1:Namespace"
STACK = "pulumi:pulumi:Stack"

SYSTEM = frozenset(
    {
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "kuberay",
        "kueue-system",
        "monitoring",
        "node-agents",
        "headroom",
    }
)
"""Namespaces of the platform's own controllers, which need what no tenant may have."""


def holders(stack: Stack, kind: str, path: str = "bucket") -> Callable[[Resource], list[Resource]]:
    """What of a type belongs to a resource: by the name it says at `path`, or because it depends on it."""
    candidates = list(stack.of_type(kind))

    def of(resource: Resource) -> list[Resource]:
        name = resource.get(path)
        return [
            other
            for other in candidates
            if resource.urn in other.dependencies or (isinstance(name, str) and other.get(path) == name)
        ]

    return of
