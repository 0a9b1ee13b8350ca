"""Whether the cluster of the kubeconfig is there, lets us in, and is of a version that the stack can stand on."""

import re
from collections.abc import Iterator

from infra.versions import KUBERNETES_SUPPORTED
from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, Unreadable, check, failed, passed, warned
from rayeks.preflight.stack import PortableStack

ENDPOINTS = (
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dkubernetes"
)


@check("cluster", of=Ground.KUBERNETES)
def cluster(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Context and identity."""
    try:
        who = there.who()
    except Unreadable as error:
        yield failed(there.context, error.message, error.fix)
        return
    if who["username"] == "system:anonymous":
        yield failed(there.context, "lets us in as nobody: the context has no user", "give the context a user")
        return
    yield passed(there.context, f"lets us in as {who['username']} ({', '.join(sorted(who.get('groups', [])))})")
    wanted = stack.platform.cluster.api_port
    ports = {port["port"] for piece in there.items(ENDPOINTS) for port in piece.get("ports") or []}
    if wanted in ports:
        yield passed("API servers", f"listen on {wanted}, as cluster.api_port says")
    elif ports:
        listed = ", ".join(map(str, sorted(ports)))
        message = f"listen on {listed}, and the teams' walls would let their heads out to {wanted} alone"
        yield failed("API servers", message, f"set cluster.api_port: {min(ports)}")
    else:
        message = "the Service `kubernetes` has no addresses, so nobody can say on which port they listen"
        yield warned("API servers", message, f"see that it is {wanted}, or set cluster.api_port")


@check("cluster-version", of=Ground.KUBERNETES)
def version(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Version of Kubernetes."""
    found = there.read("/version")["gitVersion"]
    least, most = KUBERNETES_SUPPORTED[0], KUBERNETES_SUPPORTED[-1]
    if _minor(found) < _minor(least):
        message = f"{found} is older than {least}, the first that operators and queues are proven on"
        yield failed("Kubernetes", message, f"upgrade the cluster to {most}")
    elif _minor(found) > _minor(most):
        yield warned(
            "Kubernetes", f"{found} is newer than {most}, the last that was tried", "try it in a cluster of tests"
        )
    else:
        yield passed("Kubernetes", f"{found}, within {least} to {most}")


def _minor(version: str) -> tuple[int, ...]:
    """Major and minor of `1.35`, `v1.35.4+k3s1`."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
