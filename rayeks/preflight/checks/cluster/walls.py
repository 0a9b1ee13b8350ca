"""Whether the cluster enforces what keeps teams apart: NetworkPolicies and Pod Security."""

from collections.abc import Iterator

from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, check, failed, passed, unknown
from rayeks.preflight.stack import PortableStack

ENFORCING = {
    "anetd": "GKE's Dataplane V2",
    "antrea-agent": "Antrea",
    "azure-npm": "Azure's policy manager",
    "calico-node": "Calico",
    "canal": "Canal",
    "cilium": "Cilium",
    "kube-ovn-cni": "Kube-OVN",
    "kube-router": "kube-router",
    "ovnkube-node": "OVN-Kubernetes",
    "rke2-canal": "Canal",
    "weave-net": "Weave Net",
}
NOT_ENFORCING = {"kube-flannel": "Flannel", "kube-flannel-ds": "Flannel"}
"""DaemonSet → the network plugin that it is of, by whether it enforces policies. Source: each one's manifests."""
DISTRIBUTIONS = {"+k3s": "K3s", "+rke2": "RKE2"}
"""Part of a node's version → a distribution with a policy controller of its own."""

PROBE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "generateName": "rayeks-preflight-",
        "labels": {"pod-security.kubernetes.io/enforce": "no-such-level"},
    },
}
"""A namespace that the admission of Pod Security refuses for its label, where there is such an admission."""


@check("network-policies", of=Ground.KUBERNETES, advisory=True)
def network_policies(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Whether NetworkPolicies are enforced."""
    daemons = {each["metadata"]["name"] for each in there.items("/apis/apps/v1/daemonsets")}
    nodes = {node["status"]["nodeInfo"]["kubeletVersion"] for node in there.items("/api/v1/nodes")}
    enforced = [f"{ENFORCING[name]} ({name})" for name in sorted(daemons & ENFORCING.keys())]
    enforced += [name for part, name in DISTRIBUTIONS.items() if any(part in version for version in nodes)]
    ignored = sorted(daemons & NOT_ENFORCING.keys())
    if enforced:
        yield passed("network plugin", f"{enforced[0]} enforces them")
    elif ignored:
        message = f"{NOT_ENFORCING[ignored[0]]} ({ignored[0]}) does not: every team could reach every other"
        yield failed("network plugin", message, "add Calico's or another's policy engine to it, or one team a cluster")
    else:
        message = "unknown: no network plugin that is known here; teams are apart only where theirs enforces policies"
        yield unknown("network plugin", message, "see what the network plugin's documentation says of NetworkPolicies")


@check("pod-security", of=Ground.KUBERNETES)
def pod_security(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Whether Pod Security is enforced."""
    refused = there.refusal("/api/v1/namespaces", PROBE)
    if refused is None:
        message = "a namespace of a level that there is not was let in: nobody looks at these labels"
        yield failed("admission", message, "start the API server with its admission plugin PodSecurity")
    elif refused.reason == "Invalid" or "no-such-level" in refused.message:
        yield passed("admission", "refuses a level that there is not, and so looks at them all")
    else:
        raise refused
