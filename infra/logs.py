"""Logs of every pod, and Ray's own files, from the nodes into a bucket: fluent-bit's settings. Pure functions.

Ray keeps what happened in files under /tmp/ray, which end with the pod. The workloads mount a volume there, under the
pod's own name, and fluent-bit on the node reads it from outside: no pod carries a sidecar, and the history of a cluster
outlives it. Among those files are Ray's own events, of jobs, nodes, actors and by choice tasks, from which
`rayeks history` tells what happened. (The operator that is pinned has no history server.)
"""

from collections.abc import Mapping
from typing import Any

from infra import contract

Values = dict[str, Any]
Bucket = Mapping[str, Any]
"""Settings of the S3 output: `bucket`, `region`, and for another than AWS's S3 `endpoint`."""

RAY_FILES = f"/var/lib/kubelet/pods/*/volumes/kubernetes.io~empty-dir/{contract.RAY_LOGS}/*/session_2*/logs"
ACCOUNT = "fluent-bit"
ACTIONS = ("s3:PutObject", "s3:AbortMultipartUpload")
PORT = 2020


def chart_values(*, to: Bucket, keys: str | None, cluster: str) -> Values:
    """The values of the fluent-bit chart: a daemon on every node, two kinds of input, one bucket.

    `keys` is the Secret of the bucket's keys, where the pods have no identity of their own.
    """
    return {
        "serviceAccount": {"create": True, "name": ACCOUNT},
        "metricsPort": PORT,
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "system-node-critical",
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "config": {
            "inputs": inputs(),
            "filters": filters(),
            "outputs": outputs(to, cluster=cluster),
        },
        **({"envFrom": [{"secretRef": {"name": keys}}]} if keys else {}),
        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "daemonSetVolumes": [
            {"name": "varlog", "hostPath": {"path": "/var/log"}},
            {"name": "kubelet", "hostPath": {"path": "/var/lib/kubelet/pods"}},
            {"name": "position", "hostPath": {"path": "/var/lib/fluent-bit", "type": "DirectoryOrCreate"}},
        ],
        "daemonSetVolumeMounts": [
            {"name": "varlog", "mountPath": "/var/log", "readOnly": True},
            {"name": "kubelet", "mountPath": "/var/lib/kubelet/pods", "readOnly": True},
            {"name": "position", "mountPath": "/var/lib/fluent-bit"},
        ],
    }


def inputs() -> str:
    """Containers' output by file name, and Ray's files by namespace and pod. Where each stood survives a restart.

    A job's last event carries the end of its output, up to 20,000 characters: a line longer than the buffer is skipped.
    """
    return _section(
        "INPUT",
        Name="tail",
        Path="/var/log/containers/*.log",
        Tag="pods.<namespace_name>.<pod_name>.<container_name>",
        Tag_Regex=r"(?<pod_name>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)_(?<namespace_name>[^_]+)_(?<container_name>.+)-",
        **{"multiline.parser": "cri"},
        DB="/var/lib/fluent-bit/containers.db",
        Mem_Buf_Limit="32MB",
        Skip_Long_Lines="On",
    ) + _section(
        "INPUT",
        Name="tail",
        Path=f"{RAY_FILES}/*.log,{RAY_FILES}/*.out,{RAY_FILES}/*.err,{RAY_FILES}/export_events/*.log",
        Tag="ray.<namespace_name>.<pod_name>.<file_name>",
        Tag_Regex=rf"/{contract.RAY_LOGS}/(?<namespace_name>[^/_]+)_(?<pod_name>[^/]+)/session_[^/]+/logs/(?:export_events/)?(?<file_name>[^/]+)$",
        DB="/var/lib/fluent-bit/ray.db",
        Mem_Buf_Limit="32MB",
        Buffer_Max_Size="512k",
        Refresh_Interval=5,
        Skip_Long_Lines="On",
    )


def events(*, tasks: bool) -> dict[str, str]:
    """The environment by which Ray writes its own events into its logs' folder; of every attempt of a task by choice.

    Not RAY_enable_export_api_write, which is all of them. Ray 2.60, ray_config_def.h and ray_constants.py.
    """
    kinds = ["EXPORT_NODE", "EXPORT_ACTOR", "EXPORT_DRIVER_JOB", "EXPORT_SUBMISSION_JOB"]
    return {"RAY_enable_export_api_write_config": ",".join(kinds + (["EXPORT_TASK"] if tasks else []))}


def filters() -> str:
    """Which node a line comes from; everything else is in the name of its object."""
    return _section("FILTER", Name="record_modifier", Match="*", Record="node ${NODE}")


def outputs(to: Bucket, *, cluster: str) -> str:
    """`s3://<bucket>/<cluster>/pods|ray/<namespace>/<pod>/<container or file>/<day>/…`."""
    found = ""
    for kind in ("pods", "ray"):
        found += _section(
            "OUTPUT",
            Name="s3",
            Match=f"{kind}.*",
            **to,
            s3_key_format=f"/{cluster}/{kind}/$TAG[1]/$TAG[2]/$TAG[3]/%Y-%m-%d/%H-%M-%S-$UUID.gz",
            compression="gzip",
            total_file_size="32M",
            # A pod that ends takes its files with it; what was read by then is sent within a minute.
            upload_timeout="1m",
            store_dir="/var/lib/fluent-bit/s3",
            store_dir_limit_size="2G",
            Retry_Limit=5,
        )
    return found


def _section(kind: str, **settings: object) -> str:
    return f"[{kind}]\n" + "".join(f"    {name} {value}\n" for name, value in settings.items()) + "\n"
