"""Every pinned version in one place: Kubernetes, add-ons, charts and machine images.

Add-on versions are those published for the Kubernetes version beside them; `aws eks describe-addon-versions
--kubernetes-version 1.35` is the authority.
"""

from datetime import date

from infra.contract import KUBERAY_VERSION

KUBERNETES_DEFAULT = "1.35"
KUBERNETES_SUPPORTED = ("1.34", "1.35", "1.36")
KUBERNETES_REFUSED = "versions before 1.34 have left standard support, which costs $0.60 instead of $0.10 an hour"
STANDARD_SUPPORT_ENDS = {"1.34": date(2026, 12, 2), "1.35": date(2027, 3, 27)}
"""Where AWS has said when. Source: EKS user guide, "Kubernetes release calendar"."""

_ADDONS_COMMON = {
    "vpc-cni": "v1.21.1-eksbuild.7",
    "coredns": "v1.13.2-eksbuild.4",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.2",
    "aws-ebs-csi-driver": "v1.60.0-eksbuild.1",
    "aws-efs-csi-driver": "v3.4.1-eksbuild.1",
    "aws-fsx-csi-driver": "v1.9.0-eksbuild.1",
    "aws-mountpoint-s3-csi-driver": "v2.7.0-eksbuild.1",
    "snapshot-controller": "v8.5.0-eksbuild.1",
    "eks-node-monitoring-agent": "v1.6.1-eksbuild.1",
    "metrics-server": "v0.8.1-eksbuild.2",
}

ADDONS: dict[str, dict[str, str]] = {
    "1.34": _ADDONS_COMMON | {"kube-proxy": "v1.34.6-eksbuild.2"},
    "1.35": _ADDONS_COMMON | {"kube-proxy": "v1.35.3-eksbuild.2"},
    "1.36": _ADDONS_COMMON | {"kube-proxy": "v1.36.0-eksbuild.2"},
}
"""Kubernetes version → add-on name → add-on version."""

KARPENTER = "1.14.1"
KUBERAY = KUBERAY_VERSION
KUEUE = "0.16.1"

PROMETHEUS_CRDS = "31.0.1"
PROMETHEUS_STACK = "88.5.3"
OTEL_COLLECTOR = "0.170.0"
OPENCOST = "2.5.17"
FLUENT_BIT = "0.58.1"

NVIDIA_DEVICE_PLUGIN = "0.20.0"
DCGM_EXPORTER = "4.8.2"
EFA_DEVICE_PLUGIN = "v0.5.30"
GPU_OPERATOR = "v26.3.3"
DRA_DRIVER = "0.4.1"

AL2023_AMI = "v20260610"
"""The AL2023 release of Karpenter's nodes, as in the AMI alias `al2023@v20260610`."""
