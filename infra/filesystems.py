"""File systems: EFS for homes and shared files, FSx for Lustre for training data, and who may mount them."""

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import ec2, efs, fsx, vpc

from infra.config.storage import Files as FilesSettings
from infra.config.storage import Scratch as ScratchSettings
from infra.config.storage import ScratchClaims as ScratchClaimsSettings
from infra.network import Network

LUSTRE_VERSION = "2.15"
"""What AL2023's Lustre client speaks."""

LUSTRE_PORTS = ((988, 988), (1018, 1023))
"""Ports between Lustre clients and servers. Source: FSx for Lustre user guide, "VPC security groups"."""


class Files(pulumi.ComponentResource):
    """An EFS file system that every zone mounts over TLS."""

    id: Output[str]
    arn: Output[str]
    mounted: list[pulumi.Resource]
    """The mount targets, which an access point's first use needs."""

    def __init__(
        self, name: str, settings: FilesSettings, *, network: Network, key_arn: Output[str], opts: ResourceOptions
    ) -> None:
        super().__init__("rayeks:infra:Files", name, None, opts)
        child = ResourceOptions(parent=self)
        system = efs.FileSystem(
            name,
            creation_token=name,
            encrypted=True,
            kms_key_id=key_arn,
            # AWS's default is bursting, which stalls a small file system after its credits.
            throughput_mode="elastic",
            lifecycle_policies=[
                {"transition_to_ia": f"AFTER_{settings.archive_days}_DAY{'S' if settings.archive_days > 1 else ''}"},
                {"transition_to_primary_storage_class": "AFTER_1_ACCESS"},
            ],
            tags={"Name": name},
            opts=ResourceOptions(parent=self, protect=settings.keep),
        )
        efs.BackupPolicy(
            name,
            file_system_id=system.id,
            backup_policy={"status": "ENABLED" if settings.backups else "DISABLED"},
            opts=child,
        )
        group, _ = _group(name, "efs", "NFS from the VPC", network, [(2049, 2049)], child)
        self.id, self.arn = system.id, system.arn
        self.mounted = [
            efs.MountTarget(
                f"{name}-{zone}",
                file_system_id=system.id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=child,
            )
            for zone, subnet in network.private_subnets.items()
        ]
        self.register_outputs({"id": self.id})

    def access_point(self, name: str, path: str, *, uid: int, gid: int, opts: ResourceOptions) -> efs.AccessPoint:
        """A folder of its own, owned by one user and closed to others; whoever mounts it acts as that user."""
        return efs.AccessPoint(
            name,
            file_system_id=self.id,
            posix_user={"uid": uid, "gid": gid},
            root_directory={
                "path": path,
                "creation_info": {"owner_uid": uid, "owner_gid": gid, "permissions": "0750"},
            },
            tags={"Name": name},
            opts=opts,
        )


class Scratch(pulumi.ComponentResource):
    """An FSx for Lustre file system in one zone, with its links to buckets."""

    id: Output[str]
    dns_name: Output[str]
    mount_name: Output[str]

    def __init__(
        self,
        name: str,
        settings: ScratchSettings,
        *,
        network: Network,
        buckets: dict[str, Output[str]],
        key_arn: Output[str],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("rayeks:infra:Scratch", name, None, opts)
        child = ResourceOptions(parent=self)
        group, open_ports = _group(name, "lustre", "Lustre from the VPC", network, LUSTRE_PORTS, child)
        system = fsx.LustreFileSystem(
            name,
            deployment_type="PERSISTENT_2",
            storage_type="SSD",
            storage_capacity=settings.size_gib,
            per_unit_storage_throughput=settings.throughput,
            file_system_type_version=LUSTRE_VERSION,
            data_compression_type="LZ4",
            efa_enabled=settings.efa or None,
            metadata_configuration={"mode": "AUTOMATIC"},
            kms_key_id=key_arn,
            subnet_ids=network.private_subnets[settings.zone],
            # EFA needs a group that allows everything to itself, both ways.
            security_group_ids=[group.id, *([network.efa_group] if settings.efa else [])],
            # A file system that is linked to a bucket cannot be backed up; the bucket is the backup.
            automatic_backup_retention_days=0 if settings.links else 7,
            skip_final_backup=bool(settings.links) or not settings.keep,
            tags={"Name": name},
            # AWS refuses a file system whose groups do not let Lustre through yet.
            opts=ResourceOptions(parent=self, protect=settings.keep, depends_on=open_ports),
        )
        for index, link in enumerate(settings.links):
            events = ["NEW", "CHANGED", "DELETED"]
            fsx.DataRepositoryAssociation(
                f"{name}-{index}",
                file_system_id=system.id,
                file_system_path=link.path,
                data_repository_path=buckets[link.bucket].apply(lambda b, p=link.prefix: f"s3://{b}/{p}"),
                batch_import_meta_data_on_create=True,
                s3={"auto_import_policy": {"events": events}, "auto_export_policy": {"events": events}},
                tags={"Name": f"{name}-{link.bucket}"},
                opts=child,
            )
        self.id, self.dns_name, self.mount_name = system.id, system.dns_name, system.mount_name
        self.register_outputs({"id": self.id})


class ScratchClaims(pulumi.ComponentResource):
    """Where Lustre file systems that claims make will stand: a subnet, and a group that lets Lustre through."""

    subnet: Input[str]
    group: Output[str]

    def __init__(self, name: str, settings: ScratchClaimsSettings, *, network: Network, opts: ResourceOptions) -> None:
        super().__init__("rayeks:infra:ScratchClaims", name, None, opts)
        child = ResourceOptions(parent=self)
        group, _ = _group(name, "lustre-claims", "Lustre of claims", network, LUSTRE_PORTS, child)
        self.subnet, self.group = network.private_subnets[settings.zone], group.id
        self.register_outputs({})


def _group(
    name: str,
    purpose: str,
    description: str,
    network: Network,
    ports: tuple[tuple[int, int], ...] | list[tuple[int, int]],
    opts: ResourceOptions,
) -> tuple[ec2.SecurityGroup, list[pulumi.Resource]]:
    """A security group that lets the VPC in on the given ports, and the rules that make it do so."""
    group = ec2.SecurityGroup(
        f"{name}-{purpose}",
        name=f"{name}-{purpose}",
        description=description,
        vpc_id=network.vpc_id,
        tags={"Name": f"{name}-{purpose}"},
        opts=opts,
    )
    rules: list[pulumi.Resource] = [
        vpc.SecurityGroupIngressRule(
            f"{name}-{purpose}-{low}",
            security_group_id=group.id,
            description=description,
            cidr_ipv4=network.cidr,
            ip_protocol="tcp",
            from_port=low,
            to_port=high,
            opts=opts,
        )
        for low, high in ports
    ]
    out = vpc.SecurityGroupEgressRule(
        f"{name}-{purpose}",
        security_group_id=group.id,
        description="To the VPC",
        cidr_ipv4=network.cidr,
        ip_protocol="-1",
        opts=opts,
    )
    return group, [*rules, out]
