"""The EKS add-ons that pods need beyond their network: disks, file systems, buckets, metrics, node health."""

import json

import pulumi
from pulumi import Input, ResourceOptions

from infra import iam, iam_storage
from infra.buckets import bucket_name
from infra.capacity import NodeGroups
from infra.cluster import Cluster
from infra.iam import Aws
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
            files = storage.files.arn.apply(lambda arn: json.dumps(iam_storage.files(aws, arn)))
            self._driver("aws-efs-csi-driver", "efs-csi-controller-sa", policy=files)
        if storage.scratch or storage.scratch_claims:
            makes = storage.scratch_claims is not None
            lustre = iam_storage.make_lustre(aws, name) if makes else iam_storage.mount_lustre()
            self._driver("aws-fsx-csi-driver", "fsx-csi-controller-sa", policy=json.dumps(lustre))
        names = [bucket_name(name, purpose, aws) for purpose in storage.buckets]
        buckets = json.dumps(iam_storage.mount_buckets(aws, name, names))
        self._driver("aws-mountpoint-s3-csi-driver", "s3-csi-driver-sa", policy=buckets)
        for addon in ("snapshot-controller", "metrics-server"):
            cluster.addon(addon, after=node_groups.running, values=ON_SYSTEM_NODES, parent=self)
        cluster.addon("eks-node-monitoring-agent", parent=self)
        self.register_outputs({})

    def _driver(
        self, addon: str, service_account: str, *, managed: str | None = None, policy: Input[str] | None = None
    ) -> None:
        """A CSI driver with a role of its own; its controller needs nodes and credentials."""
        role = Role(
            f"{self._name}-{addon.removeprefix('aws-')}",
            trust=iam.pod_identity_trust(self._aws, self._cluster.name, "kube-system", service_account),
            managed=[self._aws.managed(managed)] if managed else [],
            policies={"mount": policy} if policy is not None else None,
            opts=ResourceOptions(parent=self),
        )
        self._cluster.addon(
            addon,
            after=[role, self._cluster.identities, *self._nodes.running],
            identity=(service_account, role.arn),
            parent=self,
        )
