"""The EKS add-ons that pods need beyond their network: disks, file systems, buckets, metrics, node health."""

import json

import pulumi
from pulumi import ResourceOptions

from infra import iam
from infra.buckets import bucket_name
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.iam import Aws, Document, allow, document
from infra.identity import Role
from infra.storage import Storage

ON_SYSTEM_NODES = {"tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}]}
"""For add-ons whose own defaults would leave them Pending where every system node is tainted."""


class Addons(pulumi.ComponentResource):
    """Add-ons at their pinned versions; a driver is there when the storage that it mounts is."""

    def __init__(self, name: str, *, cluster: Cluster, node_groups: NodeGroups, storage: Storage, aws: Aws) -> None:
        super().__init__("rayeks:infra:Addons", name)
        self._name, self._cluster, self._nodes, self._aws = name, cluster, node_groups, aws
        self._driver("aws-ebs-csi-driver", "ebs-csi-controller-sa", managed="service-role/AmazonEBSCSIDriverPolicy")
        if storage.files:
            self._driver("aws-efs-csi-driver", "efs-csi-controller-sa", policy=mount_efs(aws))
        if storage.scratch:
            self._driver("aws-fsx-csi-driver", "fsx-csi-controller-sa", policy=mount_lustre())
        names = [bucket_name(name, purpose, aws) for purpose in storage.buckets]
        self._driver("aws-mountpoint-s3-csi-driver", "s3-csi-driver-sa", policy=mount_buckets(aws, name, names))
        for addon in ("snapshot-controller", "metrics-server"):
            cluster.addon(addon, after=node_groups.running, values=ON_SYSTEM_NODES, parent=self)
        cluster.addon("eks-node-monitoring-agent", parent=self)
        self.register_outputs({})

    def _driver(
        self, addon: str, service_account: str, *, managed: str | None = None, policy: Document | None = None
    ) -> None:
        """A CSI driver with a role of its own; its controller needs nodes and credentials."""
        role = Role(
            f"{self._name}-{addon.removeprefix('aws-')}",
            trust=iam.pod_identity_trust(self._aws, self._cluster.name, "kube-system", service_account),
            managed=[self._aws.managed(managed)] if managed else [],
            policies={"mount": json.dumps(policy)} if policy else None,
            opts=ResourceOptions(parent=self),
        )
        self._cluster.addon(
            addon,
            after=[role, self._cluster.identities, *self._nodes.running],
            identity=(service_account, role.arn),
            parent=self,
        )


def mount_efs(aws: Aws) -> Document:
    """Static volumes on access points of the stack's own: the driver looks them up and makes none."""
    return document(
        allow(
            "Describe",
            [
                "elasticfilesystem:DescribeAccessPoints",
                "elasticfilesystem:DescribeFileSystems",
                "elasticfilesystem:DescribeMountTargets",
            ],
            [aws.arn("elasticfilesystem", f"{kind}/*") for kind in ("file-system", "access-point")],
        ),
        allow("Zones", ["ec2:DescribeAvailabilityZones"], ["*"]),
    )


def mount_lustre() -> Document:
    """Static volumes on the stack's own file system: AWS's managed policy could delete it."""
    # FSx knows no resource for this action: on an ARN it would be denied.
    return document(allow("Describe", ["fsx:DescribeFileSystems"], ["*"]))


def mount_buckets(aws: Aws, cluster: str, buckets: list[str]) -> Document:
    """The stack's buckets, read and appended to by Mountpoint; AWS's managed policy reaches every bucket."""
    arns = [aws.bucket(bucket) for bucket in buckets]
    return document(
        allow("List", ["s3:ListBucket"], arns),
        allow(
            "Objects",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
            [f"{arn}/*" for arn in arns],
        ),
        iam.use_data_key(aws, cluster),
    )
