"""Specs to KubeRay manifests (ray.io/v1, KubeRay 1.6.2): pure functions, the same spec always the same object."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from infra import contract
from workloads.spec import (
    DRAIN_S,
    GRACE_S,
    Cluster,
    CronJob,
    Group,
    Head,
    Job,
    Owner,
    Redis,
    Resources,
    Service,
    Workers,
)

API_VERSION = "ray.io/v1"
CONTAINER = {"head": "ray-head", "worker": "ray-worker"}
SHARED_MEMORY = "shared-mem"
TRACING_HOOK, SERVE_SPANS = "workloads.tracing:setup", "workloads.tracing:processors"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
OWN_NAME = [
    {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
    for name, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace"))
]
# Ray's files carry the pod's name, for the pod is gone when somebody reads them; spilled objects are among them.
RAY_FILES = {
    "name": contract.RAY_LOGS,
    "mountPath": contract.RAY_LOGS_PATH,
    "subPathExpr": "$(POD_NAMESPACE)_$(POD_NAME)",
}

Manifest = dict[str, Any]


def ray_job(job: Job) -> Manifest:
    """A RayJob with a cluster of its own; the submitter runs beside the heads, never on a paid worker."""
    labels = cost_labels(job.owner, job.name)
    spec = {
        "entrypoint": job.entrypoint,
        "submissionMode": "K8sJobMode",
        "backoffLimit": job.retries,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": job.ttl_s,
        **_set(preRunningDeadlineSeconds=job.start_deadline_s, activeDeadlineSeconds=job.deadline_s),
        "submitterPodTemplate": _submitter(job.cluster, labels),
        "rayClusterSpec": ray_cluster_spec(job.cluster, labels, disruptable=job.disruptable),
    }
    return _object("RayJob", job.name, job.owner, labels, spec, _growing(job.cluster))


def ray_cluster(name: str, owner: Owner, cluster: Cluster) -> Manifest:
    """A RayCluster that lives until it is deleted."""
    labels = cost_labels(owner, name)
    return _object("RayCluster", name, owner, labels, ray_cluster_spec(cluster, labels), _growing(cluster))


def ray_service(service: Service) -> Manifest:
    """A RayService; a changed cluster is brought up beside the old one and takes over when it is healthy."""
    labels = cost_labels(service.owner, service.name)
    spec = {
        "serveConfigV2": yaml.safe_dump(service.serve_config, sort_keys=False),
        "upgradeStrategy": {"type": service.upgrade},
        "rayClusterDeletionDelaySeconds": service.old_cluster_s,
        # The head runs no replica: traffic goes to the proxies of workers, which outnumber it.
        "excludeHeadPodFromServeSvc": True,
        "rayClusterConfig": ray_cluster_spec(service.cluster, labels, serving=True),
    }
    return _object("RayService", service.name, service.owner, labels, spec, _growing(service.cluster))


def ray_cron_job(cron: CronJob) -> Manifest:
    """A RayCronJob (KubeRay's feature gate `RayCronJob` must be on)."""
    labels = cost_labels(cron.job.owner, cron.name)
    template = ray_job(cron.job)["spec"]
    spec = {"schedule": cron.schedule, "suspend": cron.suspended, "jobTemplate": template}
    return _object("RayCronJob", cron.name, cron.job.owner, labels, spec)


def ray_cluster_spec(
    cluster: Cluster, labels: dict[str, str], *, disruptable: bool = False, serving: bool = False
) -> Manifest:
    """The RayClusterSpec that all four kinds carry; `serving` is whether Serve makes the spans, and not Ray's core."""
    head = cluster.head
    hook = {"tracing-startup-hook": TRACING_HOOK} if cluster.traces and not serving else {}
    ray = _ray_resources(head.resources)
    scaling = {
        "enableInTreeAutoscaling": True,
        # KubeRay infers nothing from the Ray version: without it, idle timeouts of groups are refused.
        "autoscalerOptions": {
            "version": "v2",
            "idleTimeoutSeconds": cluster.idle_timeout_s,
            # Beside the head, in the same folder of Ray's files, which the dashboard reads its log from.
            "env": OWN_NAME,
            "volumeMounts": [RAY_FILES],
        },
    }
    return {
        "rayVersion": cluster.ray_version,
        **({"authOptions": {"mode": "token"}} if cluster.token_auth else {}),
        **({"gcsFaultToleranceOptions": _gcs(cluster.gcs)} if cluster.gcs else {}),
        **(scaling if cluster.autoscaling else {}),
        "headGroupSpec": {
            **ray,
            # The head tells the workers, through the store that it keeps for them.
            "rayStartParams": ray["rayStartParams"] | hook,
            "labels": _ray_labels(head),
            "template": _pod(cluster, head, "head", labels, keep=True),
        },
        "workerGroupSpecs": [_worker_group(cluster, group, labels, keep=not disruptable) for group in cluster.workers],
    }


def _gcs(redis: Redis) -> Manifest:
    secret = {"secretKeyRef": {"name": redis.secret, "key": "password"}}
    return {"redisAddress": redis.address, **({"redisPassword": {"valueFrom": secret}} if redis.secret else {})}


def cost_labels(owner: Owner, job: str) -> dict[str, str]:
    """What bills are split by, on the object and on every pod of it."""
    return {
        contract.TEAM_LABEL: owner.team,
        contract.PROJECT_LABEL: owner.project,
        contract.JOB_LABEL: job,
    }


def _object(
    kind: str,
    name: str,
    owner: Owner,
    labels: dict[str, str],
    spec: Manifest,
    growing: dict[str, str] | None = None,
) -> Manifest:
    queue = {contract.QUEUE_LABEL: owner.queue} if owner.queue else {}
    if owner.queue and owner.priority:
        queue[contract.PRIORITY_LABEL] = owner.priority
    metadata = {"name": name, "namespace": owner.namespace, "labels": labels | queue}
    if growing:
        metadata["annotations"] = growing
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _growing(cluster: Cluster) -> dict[str, str]:
    """The annotation by which Ray's autoscaler resizes pods in place; KubeRay copies it to the RayCluster of a job."""
    groups = {"headgroup": cluster.head} | {group.name: group for group in cluster.workers}
    limits = {
        name: {
            "max-cpu": _cpu(group.resize.max_cpu),
            "max-memory": _gib(group.resize.max_memory_gib),
            "resize-timeout": group.resize.timeout_s,
        }
        for name, group in groups.items()
        if group.resize
    }
    return {"ray.io/ippr": json.dumps({"groups": limits}, sort_keys=True)} if limits else {}


def _worker_group(cluster: Cluster, group: Workers, labels: dict[str, str], *, keep: bool) -> Manifest:
    # Karpenter evicts no pod with do-not-disrupt, not even on a spot notice: such a worker would never hear SIGTERM,
    # and end with its machine. Nothing else moves it: these pools are consolidated when they are empty.
    template = _pod(cluster, group, "worker", labels, keep=keep and not contract.POOLS[group.pool].spot)
    affinity = (_same_zone(labels) if group.one_zone else {}) | (_types(group.prefer) if group.prefer else {})
    if affinity:
        template["spec"]["affinity"] = affinity
    return {
        "groupName": group.name,
        "replicas": group.replicas,
        "minReplicas": group.minimum,
        "maxReplicas": group.maximum,
        "numOfHosts": group.hosts,
        **_set(idleTimeoutSeconds=group.idle_timeout_s),
        **_ray_resources(group.resources),
        "labels": _ray_labels(group),
        "template": template,
    }


def _pod(cluster: Cluster, group: Head | Workers, role: str, labels: dict[str, str], *, keep: bool) -> Manifest:
    worker = role == "worker"
    env = (
        cluster.env
        | group.env
        | _traces(cluster, labels)
        | ({"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(DRAIN_S)} if worker else {})
    )
    mounts = [
        {"name": mount.claim, "mountPath": mount.path, **({"readOnly": True} if mount.read_only else {})}
        for mount in group.mounts
    ]
    volumes = [{"name": mount.claim, "persistentVolumeClaim": {"claimName": mount.claim}} for mount in group.mounts]
    # Ray keeps its objects in /dev/shm, 30 % of memory; a container's default is 64 MB.
    shared = {"medium": "Memory", "sizeLimit": _gib(group.resources.memory_gib * 0.4)}
    container = {
        "name": CONTAINER[role],
        "image": cluster.image,
        "env": [*OWN_NAME, *({"name": name, "value": value} for name, value in sorted(env.items()))],
        "resources": container_resources(group.resources),
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": SHARED_MEMORY, "mountPath": "/dev/shm"}, RAY_FILES, *mounts],
    }
    return {
        "metadata": {"labels": labels, **({"annotations": contract.DO_NOT_DISRUPT} if keep else {})},
        "spec": {
            **contract.POOLS[group.pool].scheduling(),
            "serviceAccountName": group.service_account,
            # The autoscaler beside the head talks to Kubernetes; nothing else needs to. AWS is by Pod Identity.
            "automountServiceAccountToken": cluster.autoscaling and not worker,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE_S,
            "securityContext": {"fsGroup": 1000},
            "containers": [container],
            "volumes": [
                {"name": SHARED_MEMORY, "emptyDir": shared},
                {"name": contract.RAY_LOGS, "emptyDir": {}},
                *volumes,
            ],
        },
    }


def _traces(cluster: Cluster, labels: dict[str, str]) -> dict[str, str]:
    """What tells every process of a cluster where its spans go, and whose they are. The collector samples them."""
    if cluster.traces is None:
        return {}
    mine = {key.replace("/", "."): value for key, value in labels.items()}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": cluster.traces,
        "OTEL_SERVICE_NAME": labels[contract.JOB_LABEL],
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in sorted(mine.items())),
        "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": SERVE_SPANS,
        "RAY_SERVE_TRACING_SAMPLING_RATIO": "1",
    }


def _submitter(cluster: Cluster, labels: dict[str, str]) -> Manifest:
    container = {
        "name": "ray-job-submitter",
        "image": cluster.image,
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": RESTRICTED,
    }
    return {
        "metadata": {"labels": labels, "annotations": contract.DO_NOT_DISRUPT},
        "spec": {
            **contract.POOLS[cluster.head.pool].scheduling(),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "containers": [container],
        },
    }


def _ray_resources(resources: Resources) -> Manifest:
    """What Ray schedules on, where it differs from the container's resources.

    `resources` and `rayStartParams`' num-cpus exclude each other, so one of them says everything.
    """
    said = {} if resources.num_cpus is None else {"CPU": str(resources.num_cpus)}
    if resources.gpu_resource == contract.SHARED_GPU_RESOURCE:
        # KubeRay counts what ends in "gpu", and MIG slices; this it must be told.
        said["GPU"] = str(resources.gpus)
    if resources.custom:
        custom = {name: f"{amount:g}" for name, amount in resources.custom.items()}
        return {"rayStartParams": {}, "resources": said | custom}
    return {"rayStartParams": {f"num-{name.lower()}s": amount for name, amount in said.items()}}


def _ray_labels(group: Group) -> dict[str, str]:
    return contract.POOLS[group.pool].labels() | group.labels


def container_resources(resources: Resources) -> Manifest:
    """A container's requests and limits, in the spelling that the API server keeps."""
    gpus = {resources.gpu_resource: str(resources.gpus)} if resources.gpus else {}
    fixed = {"memory": _gib(resources.memory_gib)} | gpus | resources.devices
    return {"requests": {"cpu": _cpu(resources.cpu)} | fixed, "limits": fixed}


def _same_zone(labels: dict[str, str]) -> Manifest:
    term = {
        "topologyKey": "topology.kubernetes.io/zone",
        "labelSelector": {"matchLabels": {contract.JOB_LABEL: labels[contract.JOB_LABEL]}},
    }
    return {
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
    }


def _types(prefer: Sequence[str]) -> Manifest:
    expression = {"key": contract.INSTANCE_TYPE_LABEL, "operator": "In", "values": list(prefer)}
    term = {"weight": 100, "preference": {"matchExpressions": [expression]}}
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}


def _cpu(cores: float) -> str:
    return f"{cores:g}" if cores == int(cores) else f"{round(cores * 1000)}m"


def _gib(amount: float) -> str:
    return f"{amount:g}Gi" if amount == int(amount) else f"{round(amount * 1024)}Mi"


def _set(**fields: object) -> Manifest:
    return {name: value for name, value in fields.items() if value is not None}
