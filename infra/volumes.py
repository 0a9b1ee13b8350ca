"""A team's claims on the stack's file systems and its data: volumes that exist already, bound by name."""

import pulumi
import pulumi_kubernetes
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import PersistentVolume, PersistentVolumeClaim

from infra import contract
from infra.config.tenants import Tenant
from infra.storage import Storage

RAY_UID, RAY_GID = 1000, 100
"""The user `ray` of Ray's images."""

UNAWAITED = {"pulumi.com/skipAwait": "true"}

NOMINAL = "1Gi"
"""Kubernetes wants a size, and counts it against the team's quota; EFS, Lustre and S3 ignore it."""


class Volumes(pulumi.ComponentResource):
    """The claims of one team: `shared` on EFS by an access point, `scratch` on Lustre, `datasets` on S3."""

    def __init__(
        self,
        team: str,
        settings: Tenant,
        *,
        storage: Storage,
        region: str,
        provider: pulumi_kubernetes.Provider,
        opts: ResourceOptions,
    ) -> None:
        super().__init__("rayeks:infra:Volumes", team, None, opts)
        self._provider, self._namespace = provider, contract.namespace(team)
        if storage.files:
            point = storage.files.access_point(
                self._namespace,
                f"/{self._namespace}",
                uid=RAY_UID,
                gid=RAY_GID,
                opts=ResourceOptions(parent=self, depends_on=storage.files.mounted),
            )
            handle = pulumi.Output.concat(storage.files.id, "::", point.id)
            # TLS, and through the access point: whoever mounts it is the team's user in the team's folder.
            self._claim(contract.SHARED_CLAIM, "efs.csi.aws.com", handle, mount_options=["tls"])
        if storage.scratch and settings.scratch:
            self._claim(
                contract.SCRATCH_CLAIM,
                "fsx.csi.aws.com",
                storage.scratch.id,
                attributes={"dnsname": storage.scratch.dns_name, "mountname": storage.scratch.mount_name},
                mount_options=["flock"],
            )
        if contract.DATASETS_CLAIM in storage.buckets:
            self._claim(
                contract.DATASETS_CLAIM,
                "s3.csi.aws.com",
                f"{self._namespace}-{contract.DATASETS_CLAIM}",
                # As the pod that mounts it, by its own role: the driver's reaches every team's part of the bucket.
                attributes={"bucketName": storage.buckets[contract.DATASETS_CLAIM], "authenticationSource": "pod"},
                mount_options=[
                    f"region {region}",
                    f"prefix {self._namespace}/",
                    f"uid {RAY_UID}",
                    f"gid {RAY_GID}",
                    "allow-other",
                ],
            )
        self.register_outputs({})

    def _claim(
        self,
        claim: str,
        driver: str,
        handle: Input[str],
        *,
        attributes: dict[str, Input[str]] | None = None,
        mount_options: list[str],
    ) -> None:
        name = f"{self._namespace}-{claim}"
        options = ResourceOptions(parent=self, provider=self._provider)
        volume = PersistentVolume(
            name,
            metadata={"name": name},
            spec={
                "capacity": {"storage": NOMINAL},
                "access_modes": ["ReadWriteMany"],
                # The file system is the stack's: a deleted claim must never delete it.
                "persistent_volume_reclaim_policy": "Retain",
                "storage_class_name": "",
                "mount_options": mount_options,
                "claim_ref": {"namespace": self._namespace, "name": claim},
                "csi": {"driver": driver, "volume_handle": handle, "volume_attributes": attributes},
            },
            opts=options,
        )
        PersistentVolumeClaim(
            name,
            metadata={
                "name": claim,
                "namespace": self._namespace,
                # Bound by a driver that may come later; pods wait for it, the stack need not.
                "annotations": UNAWAITED,
            },
            spec={
                "access_modes": ["ReadWriteMany"],
                "storage_class_name": "",
                # Said so that a volume of another file system takes its claim along: a bound one cannot be deleted.
                "volume_name": volume.metadata.name,
                "resources": {"requests": {"storage": NOMINAL}},
            },
            opts=ResourceOptions(parent=self, provider=self._provider, depends_on=[volume]),
        )
