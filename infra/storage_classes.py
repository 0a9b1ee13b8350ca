"""Storage that claims make: the classes of a stack, and how much of each class a team may hold."""

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.admissionregistration.v1 import (
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicySpecArgsDict,
)
from pulumi_kubernetes.storage.v1 import StorageClass

from infra import contract, iam_storage, lustre
from infra.allocatable import quantity
from infra.cluster import Cluster
from infra.config.storage import ScratchClaims
from infra.config.storage import Storage as StorageSettings
from infra.config.tenants import Tenant
from infra.filesystems import LUSTRE_VERSION
from infra.keys import DataKey
from infra.storage import Storage
from infra.volumes import RAY_GID, RAY_UID

CLAIMED_FOLDERS = "/claims"
"""Where on EFS the folders of claims lie: no team's own, whose names begin with `ray-`."""

GIB = 2**30


def classes(
    name: str,
    settings: StorageSettings,
    *,
    storage: Storage,
    cluster: Cluster,
    key: DataKey,
    tags: dict[str, str],
    parent: pulumi.Resource,
) -> None:
    """Makes the storage classes of the stack; `tags` are its default ones, of which the bill's go onto file systems.

    A class never changes: every tag that a Lustre class names replaces it when it does.
    """
    opts = ResourceOptions(parent=parent, provider=cluster.kubernetes)
    StorageClass(
        contract.EBS_CLASS,
        metadata={
            "name": contract.EBS_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true"},
        # Made in the zone of the pod that asks.
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        opts=opts,
    )
    if storage.files:
        StorageClass(
            contract.EFS_CLASS,
            metadata={"name": contract.EFS_CLASS},
            provisioner="efs.csi.aws.com",
            parameters=folders(storage.files.id),
            mount_options=["tls"],
            opts=opts,
        )
    if settings.scratch_claims and storage.scratch_claims:
        place = storage.scratch_claims
        StorageClass(
            contract.LUSTRE_CLASS,
            metadata={"name": contract.LUSTRE_CLASS},
            provisioner="fsx.csi.aws.com",
            parameters=file_systems(
                settings.scratch_claims,
                subnet=place.subnet,
                group=place.group,
                key_arn=key.arn,
                tags={tag: tags[tag] for tag in contract.BILL_TAGS if tag in tags} | iam_storage.owned(name),
            ),
            mount_options=["flock"],
            # A file system that no pod mounts would be paid all the same.
            volume_binding_mode="WaitForFirstConsumer",
            opts=opts,
        )
        guard = ValidatingAdmissionPolicy(
            "lustre-claims", metadata={"name": "lustre-claims"}, spec=sizes_that_are_sold(), opts=opts
        )
        ValidatingAdmissionPolicyBinding(
            "lustre-claims",
            metadata={"name": "lustre-claims"},
            spec={"policy_name": "lustre-claims", "validation_actions": ["Deny"]},
            opts=ResourceOptions(parent=parent, provider=cluster.kubernetes, depends_on=[guard]),
        )


def folders(file_system: Input[str]) -> dict[str, Input[str]]:
    """Parameters of the class by which each claim gets an access point: a folder that only Ray's user can open.

    Names: aws-efs-csi-driver 3.4. A path has at most 100 characters, so the folder bears the team's name and a UUID,
    never the claim's own.
    """
    return {
        "provisioningMode": "efs-ap",
        "fileSystemId": file_system,
        "basePath": CLAIMED_FOLDERS,
        "subPathPattern": "${.PVC.namespace}",
        "ensureUniqueDirectory": "true",
        "directoryPerms": "0750",
        # One user for all: without these each folder has a user of its own, which no image knows.
        "uid": str(RAY_UID),
        "gid": str(RAY_GID),
    }


def file_systems(
    settings: ScratchClaims, *, subnet: Input[str], group: Input[str], key_arn: Input[str], tags: dict[str, str]
) -> dict[str, Input[str]]:
    """Parameters of the class by which each claim gets an FSx for Lustre file system. Names: aws-fsx-csi-driver 1.9."""
    chosen: dict[str, Input[str]] = {
        "subnetId": subnet,
        "securityGroupIds": group,
        # Without it the driver would make a SCRATCH_1, of Lustre 2.10.
        "deploymentType": settings.deployment,
        "fileSystemTypeVersion": LUSTRE_VERSION,
        "storageType": "SSD",
        "dataCompressionType": "LZ4",
        "extraTags": ",".join(f"{key}={value}" for key, value in sorted(tags.items())),
    }
    if settings.deployment == "PERSISTENT_2":
        # Only these take a key of one's own, and keep a second copy; what is gone with its claim needs no backup.
        chosen |= {
            "perUnitStorageThroughput": str(settings.throughput),
            "metadataConfigurationMode": "AUTOMATIC",
            "kmsKeyId": key_arn,
        }
    return chosen


def hard(tenant: Tenant, storage: StorageSettings) -> dict[str, str]:
    """What of each class the team's ResourceQuota allows; folders by their number, since EFS ignores a claim's size."""
    disks, granted = int(quantity(tenant.quota.storage) // GIB), tenant.scratch_claims_gib
    found = {
        "requests.storage": f"{disks + granted}Gi" if granted else tenant.quota.storage,
        _of(contract.EBS_CLASS, "requests.storage"): tenant.quota.storage,
    }
    if storage.files:
        found[_of(contract.EFS_CLASS, "persistentvolumeclaims")] = str(tenant.file_claims)
    if storage.scratch_claims:
        found[_of(contract.LUSTRE_CLASS, "requests.storage")] = f"{granted}Gi"
    return found


def _of(name: str, resource: str) -> str:
    return f"{name}.storageclass.storage.k8s.io/{resource}"


def sizes_that_are_sold() -> ValidatingAdmissionPolicySpecArgsDict:
    """The spec of an admission policy: the driver rounds a claim up to a size that FSx sells, unseen by the quota."""
    smallest, step = lustre.SMALLEST_GIB, lustre.STEP_GIB
    size = "quantity(object.spec.resources.requests.storage).asInteger()"
    return {
        "match_constraints": {
            "resource_rules": [
                {
                    "api_groups": [""],
                    "api_versions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["persistentvolumeclaims"],
                }
            ]
        },
        "match_conditions": [
            {
                "name": "of-the-class",
                "expression": f"object.spec.?storageClassName.orValue('') == '{contract.LUSTRE_CLASS}'",
            }
        ],
        "validations": [
            {
                "expression": f"{size} == {smallest * GIB} || {size} % {step * GIB} == 0",
                "message": f"FSx for Lustre comes in {smallest}Gi and in multiples of {step}Gi",
            }
        ],
    }
