"""Whether the classes of the stack's volumes are there, and can do what is asked of them."""

from collections.abc import Iterator
from typing import Any

from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Ground, check, failed, passed
from rayeks.preflight.stack import PortableStack

DEFAULT = "storageclass.kubernetes.io/is-default-class"
ONE_NODE = {
    "cinder.csi.openstack.org",
    "csi.vsphere.vmware.com/block",
    "disk.csi.azure.com",
    "ebs.csi.aws.com",
    "kubernetes.io/no-provisioner",
    "local.csi.openebs.io",
    "openebs.io/local",
    "pd.csi.storage.gke.io",
    "rancher.io/local-path",
    "rbd.csi.ceph.com",
    "topolvm.io",
}
"""Provisioners whose file systems one node at a time may write to. Source: each driver's own documentation."""


@check("storage-classes", of=Ground.KUBERNETES)
def classes(stack: PortableStack, there: Cluster) -> Iterator[Finding]:
    """Storage classes."""
    found = {each["metadata"]["name"]: each for each in there.items("/apis/storage.k8s.io/v1/storageclasses")}
    storage, seen = stack.platform.storage, stack.platform.observability
    for key, claim in {"storage.shared": storage.shared, "storage.scratch": storage.scratch}.items():
        if claim:
            path = f"{key}.storage_class"
            yield _there(path, claim.storage_class, found) or _shared(path, found[claim.storage_class])
    if seen and (wanted := seen.prometheus.storage_class):
        path = "observability.prometheus.storage_class"
        yield _there(path, wanted, found) or passed(path, f"{wanted}, by {found[wanted]['provisioner']}")
    elif seen:
        yield _default(found)


def _there(path: str, wanted: str, found: dict[str, Any]) -> Finding | None:
    if wanted in found:
        return None
    known = ", ".join(sorted(found)) or "none"
    return failed(path, f"no class {wanted}: its claim would stay Pending", f"there are: {known}")


def _shared(path: str, chosen: dict[str, Any]) -> Finding:
    name, provisioner = chosen["metadata"]["name"], chosen["provisioner"]
    if provisioner in ONE_NODE:
        message = f"{name} is of {provisioner}, whose volumes one node at a time may write to"
        return failed(path, message, "take a class that many may write to: NFS, CephFS, a parallel file system")
    return passed(path, f"{name}, by {provisioner}")


def _default(found: dict[str, Any]) -> Finding:
    marked = [
        name for name, each in found.items() if (each["metadata"].get("annotations") or {}).get(DEFAULT) == "true"
    ]
    if not marked:
        fix = "set observability.prometheus.storage_class; there are: " + (", ".join(sorted(found)) or "none")
        return failed("default class", "there is none, and Prometheus' disk asks for it", fix)
    return passed("default class", f"{', '.join(sorted(marked))}, for Prometheus' disk")
