"""What EKS offers as of the catalogue's date: versions of Kubernetes, add-ons and machine images, as plain data."""

from dataclasses import dataclass
from typing import Any

# The calendar stands still on purpose: a version's support status must not change under a test.
AS_OF = "2026-11-23"
DEFAULT_VERSION = "1.35"


@dataclass(frozen=True)
class ClusterVersion:
    """One minor version of Kubernetes on EKS; dates as in EKS's version calendar (1.36's are estimates)."""

    minor: str
    patch: str
    platform: str
    released: str
    standard_until: str
    extended_until: str

    @property
    def status(self) -> str:
        """UNSUPPORTED, EXTENDED_SUPPORT or STANDARD_SUPPORT on the catalogue's date."""
        if self.extended_until < AS_OF:
            return "UNSUPPORTED"
        return "STANDARD_SUPPORT" if self.standard_until >= AS_OF else "EXTENDED_SUPPORT"


CLUSTER_VERSIONS = {
    row[0]: ClusterVersion(*row)
    for row in [
        ("1.36", "1.36.0", "eks.6", "2026-06-02", "2027-08-02", "2028-08-02"),
        ("1.35", "1.35.3", "eks.14", "2026-01-27", "2027-03-27", "2028-03-27"),
        ("1.34", "1.34.6", "eks.22", "2025-10-02", "2026-12-02", "2027-12-02"),
        ("1.33", "1.33.10", "eks.32", "2025-05-29", "2026-07-29", "2027-07-29"),
        ("1.32", "1.32.13", "eks.41", "2025-01-23", "2026-03-23", "2027-03-23"),
        ("1.31", "1.31.14", "eks.56", "2024-09-26", "2025-11-26", "2026-11-26"),
        ("1.30", "1.30.14", "eks.64", "2024-05-23", "2025-07-23", "2026-07-23"),
    ]
}

# Seats of API priority and fairness, pods a second, gigabytes of etcd.
SCALING_TIERS = {
    "tier-xl": (1700, 167, 16),
    "tier-2xl": (3400, 283, 16),
    "tier-4xl": (6800, 400, 16),
    "tier-8xl": (13600, 400, 16),
}

RELEASE_DATE = "20261110"
BOTTLEROCKET_VERSION = "1.64.0"
BOTTLEROCKET_RELEASES = {BOTTLEROCKET_VERSION: "9a1c5b4e", "1.63.0": "f0c1d2e3"}
AL2023_RELEASES = [RELEASE_DATE, "20261022", "20260917", "20260610"]


def release_version(ami_type: str, minor: str) -> list[str]:
    """The AMI release versions that EKS takes for this AMI type and Kubernetes version, newest first."""
    if ami_type.startswith("BOTTLEROCKET"):
        return [f"{version}-{commit}" for version, commit in BOTTLEROCKET_RELEASES.items()]
    return [f"{CLUSTER_VERSIONS[minor].patch}-{date}" for date in AL2023_RELEASES]


@dataclass(frozen=True)
class AddonKind:
    """One add-on of the catalogue. `versions` newest first; a dict where they differ by Kubernetes version."""

    name: str
    kind: str
    versions: tuple[str, ...] | dict[str, tuple[str, ...]]
    namespace: str = "kube-system"
    owner: str = "aws"
    publisher: str = "eks"
    # Has a Deployment: without a node its pods stay pending and EKS calls the add-on degraded.
    needs_nodes: bool = True
    identity: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def offered(self, minor: str) -> tuple[str, ...]:
        """The versions for this Kubernetes version, newest first; empty where it has none."""
        if isinstance(self.versions, dict):
            return self.versions.get(minor, ())
        return self.versions if minor in CLUSTER_VERSIONS else ()

    def every(self) -> list[str]:
        """All its versions, newest first."""
        lists = self.versions.values() if isinstance(self.versions, dict) else [self.versions]
        return list(dict.fromkeys(version for versions in lists for version in versions))


def _policies(*names: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:iam::aws:policy/{name}" for name in names)


ADDONS: dict[str, AddonKind] = {
    addon.name: addon
    for addon in [
        AddonKind(
            "vpc-cni",
            "networking",
            ("v1.21.1-eksbuild.7", "v1.21.1-eksbuild.3", "v1.20.5-eksbuild.1", "v1.20.4-eksbuild.2"),
            needs_nodes=False,
            identity=(("aws-node", _policies("AmazonEKS_CNI_Policy")),),
        ),
        AddonKind(
            "coredns",
            "networking",
            {
                "1.36": ("v1.14.1-eksbuild.2", "v1.13.2-eksbuild.4"),
                "1.35": ("v1.13.2-eksbuild.4", "v1.13.2-eksbuild.1", "v1.13.1-eksbuild.1"),
                "1.34": ("v1.13.2-eksbuild.4", "v1.12.4-eksbuild.10", "v1.12.3-eksbuild.1"),
                "1.33": ("v1.12.4-eksbuild.10", "v1.12.2-eksbuild.4"),
                "1.32": ("v1.11.4-eksbuild.28", "v1.11.4-eksbuild.2"),
                "1.31": ("v1.11.4-eksbuild.28", "v1.11.3-eksbuild.1"),
            },
        ),
        AddonKind(
            "kube-proxy",
            "networking",
            {
                "1.36": ("v1.36.0-eksbuild.2",),
                "1.35": ("v1.35.3-eksbuild.2", "v1.35.0-eksbuild.2"),
                "1.34": ("v1.34.6-eksbuild.2", "v1.34.1-eksbuild.2", "v1.34.0-eksbuild.2"),
                "1.33": ("v1.33.10-eksbuild.2", "v1.33.3-eksbuild.4"),
                "1.32": ("v1.32.13-eksbuild.2", "v1.32.6-eksbuild.12"),
                "1.31": ("v1.31.14-eksbuild.2", "v1.31.10-eksbuild.12"),
            },
            needs_nodes=False,
        ),
        AddonKind(
            "eks-pod-identity-agent",
            "security",
            ("v1.3.10-eksbuild.2", "v1.3.9-eksbuild.3", "v1.3.8-eksbuild.2"),
            needs_nodes=False,
        ),
        AddonKind(
            "aws-ebs-csi-driver",
            "storage",
            ("v1.60.0-eksbuild.1", "v1.59.0-eksbuild.1", "v1.54.0-eksbuild.1"),
            identity=(("ebs-csi-controller-sa", _policies("service-role/AmazonEBSCSIDriverPolicy")),),
        ),
        AddonKind(
            "aws-efs-csi-driver",
            "storage",
            ("v3.4.1-eksbuild.1", "v3.1.0-eksbuild.1", "v2.1.15-eksbuild.1"),
            identity=(("efs-csi-controller-sa", _policies("service-role/AmazonEFSCSIDriverPolicy")),),
        ),
        AddonKind(
            "aws-fsx-csi-driver",
            "storage",
            ("v1.9.0-eksbuild.1", "v1.8.0-eksbuild.2", "v1.7.0-eksbuild.1"),
            identity=(("fsx-csi-controller-sa", _policies("AmazonFSxFullAccess")),),
        ),
        AddonKind(
            "aws-mountpoint-s3-csi-driver",
            "storage",
            ("v2.7.0-eksbuild.1", "v2.4.0-eksbuild.1", "v2.1.0-eksbuild.1"),
            identity=(("s3-csi-driver-sa", _policies("AmazonS3FullAccess")),),
        ),
        AddonKind(
            "snapshot-controller",
            "storage",
            ("v8.5.0-eksbuild.1", "v8.4.0-eksbuild.2", "v8.3.0-eksbuild.1"),
        ),
        AddonKind(
            "eks-node-monitoring-agent",
            "observability",
            ("v1.6.1-eksbuild.1", "v1.5.1-eksbuild.1", "v1.4.2-eksbuild.1"),
            needs_nodes=False,
        ),
        AddonKind(
            "amazon-cloudwatch-observability",
            "observability",
            ("v5.2.0-eksbuild.1", "v4.7.0-eksbuild.1"),
            namespace="amazon-cloudwatch",
            identity=(("cloudwatch-agent", _policies("AWSXrayWriteOnlyAccess", "CloudWatchAgentServerPolicy")),),
        ),
        AddonKind(
            "metrics-server",
            "observability",
            ("v0.8.1-eksbuild.2", "v0.8.0-eksbuild.5", "v0.8.0-eksbuild.2"),
            owner="community",
            publisher="eks",
        ),
        AddonKind(
            "kube-state-metrics",
            "observability",
            ("v2.18.0-eksbuild.1", "v2.17.0-eksbuild.1"),
            namespace="kube-state-metrics",
            owner="community",
        ),
        AddonKind(
            "prometheus-node-exporter",
            "observability",
            ("v1.10.2-eksbuild.2", "v1.9.1-eksbuild.5"),
            namespace="prometheus-node-exporter",
            owner="community",
            needs_nodes=False,
        ),
        AddonKind(
            "cert-manager",
            "security",
            ("v1.19.2-eksbuild.1", "v1.18.2-eksbuild.2"),
            namespace="cert-manager",
            owner="community",
        ),
        AddonKind(
            "external-dns",
            "networking",
            ("v0.20.0-eksbuild.2", "v0.19.0-eksbuild.2"),
            namespace="external-dns",
            owner="community",
            identity=(("external-dns", _policies("AmazonRoute53FullAccess")),),
        ),
    ]
}

ACCESS_POLICIES = [
    "AmazonEKSACKPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStorageClusterPolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSComputeClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSEventPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSLoadBalancingClusterPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingClusterPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
    "AmazonAIOpsAssistantPolicy",
    "AmazonSagemakerHyperpodClusterPolicy",
]


def access_policy_arn(name: str, partition: str = "aws") -> str:
    """The ARN of one of EKS's access policies."""
    return f"arn:{partition}:eks::aws:cluster-access-policy/{name}"


def addon_info(addon: AddonKind, minors: list[str]) -> dict[str, Any]:
    """The add-on as DescribeAddonVersions lists it, for these Kubernetes versions; no versions: not offered."""
    versions = []
    for version in addon.every():
        compatible = [
            {
                "clusterVersion": minor,
                "platformVersions": ["*"],
                # EKS's default trails its newest where there is more than one.
                "defaultVersion": version == addon.offered(minor)[min(1, len(addon.offered(minor)) - 1)],
            }
            for minor in minors
            if version in addon.offered(minor)
        ]
        if compatible:
            versions.append(
                {
                    "addonVersion": version,
                    "architecture": ["amd64", "arm64"],
                    "computeTypes": ["ec2", "auto", "hybrid"] if not addon.needs_nodes else ["ec2", "hybrid"],
                    "compatibilities": compatible,
                    "requiresConfiguration": False,
                    "requiresIamPermissions": bool(addon.identity),
                }
            )
    return {
        "addonName": addon.name,
        "type": addon.kind,
        "owner": addon.owner,
        "publisher": addon.publisher,
        "defaultNamespace": addon.namespace,
        "addonVersions": versions,
    }
