"""A real Kubernetes API on this machine: etcd, kube-apiserver and kube-controller-manager, without nodes."""

from local.kubernetes.control import Kubernetes, Status, certificates, kubeconfig, reset, start, status, stop

__all__ = ["Kubernetes", "Status", "certificates", "kubeconfig", "reset", "start", "status", "stop"]
