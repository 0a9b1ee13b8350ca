"""The properties whose change replaces an object, as pulumi-kubernetes knows them: data, not code.

From `forceNew` in provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes (Apache-2.0). Where the API server forbids
a change that is missing here, both providers send it and show the API server's refusal.
"""

from collections.abc import Mapping
from typing import Any

IDENTITY = ("metadata.name", "metadata.namespace")
_WORKLOAD = ("spec.selector",)
_STATEFUL_SET = (
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
)
_JOB = ("spec.completions", "spec.parallelism", "spec.selector", "spec.template")
_BINDING = ("roleRef",)
_VOLUME_SOURCES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_CONTAINER = (
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)
_POD = (
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)

FORCE_NEW: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apps/v1", "DaemonSet"): _WORKLOAD,
    ("apps/v1", "Deployment"): _WORKLOAD,
    ("apps/v1", "StatefulSet"): _STATEFUL_SET,
    ("batch/v1", "Job"): _JOB,
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): _BINDING,
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): _BINDING,
    ("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    ("v1", "PersistentVolume"): tuple(f"spec.{name}" for name in _VOLUME_SOURCES.split()),
    ("v1", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    ("v1", "Pod"): (
        *(f"spec.{name}" for name in _POD.split()),
        *(f"spec.{list_}.*.{name}" for list_ in ("containers", "initContainers") for name in _CONTAINER.split()),
    ),
    ("v1", "ResourceQuota"): ("spec.scopes",),
    ("v1", "Secret"): ("type",),
    ("v1", "Service"): ("spec.clusterIP",),
}
SECRET_CONTENT = ("type", "stringData", "data")
CONFIGMAP_CONTENT = ("binaryData", "data")


def force_new(
    obj: Mapping[str, Any], *, configmap_mutable: bool = False, secret_mutable: bool = False
) -> tuple[str, ...]:
    """The dotted properties of `obj` (`*` is any list item) whose change replaces it.

    The content of a ConfigMap or Secret is among them unless the provider says that they are mutable, because what
    reads them is not restarted by a change; of one with `immutable: true` it always is.
    """
    key = (obj.get("apiVersion", ""), obj.get("kind", ""))
    fixed = obj.get("immutable") is True
    if key == ("v1", "Secret") and (fixed or not secret_mutable):
        return IDENTITY + SECRET_CONTENT
    if key == ("v1", "ConfigMap") and (fixed or not configmap_mutable):
        return IDENTITY + CONFIGMAP_CONTENT
    return IDENTITY + FORCE_NEW.get(key, ())
