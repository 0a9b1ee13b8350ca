"""Ray's own autoscaler on this machine: worker groups that begin with nobody come and go as KubeRay's pods would."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rayeks.launching.shape import Kind

PROVIDER = "rayeks.launching.provider.LocalNodes"
HEAD = "headgroup"
HISTORY = "nodes.jsonl"
"""In the launch's folder: a line when a node is asked for and one when it is gone, with the time of day."""

HEAD_ENV = {"RAY_CLOUD_INSTANCE_ID": HEAD, "RAY_NODE_TYPE_NAME": HEAD, "RAY_enable_autoscaler_v2": "1"}
"""What makes the head one of the autoscaler's own nodes; KubeRay sets the like on its pods."""

UPDATE_S = {"AUTOSCALER_UPDATE_INTERVAL_S": "1"}


def config(kinds: tuple[Kind, ...], cluster: Mapping[str, Any]) -> dict[str, Any]:
    """The autoscaler's configuration: a node type for each worker group, and the `nodes.Cluster` that they join."""
    types = {
        kind.node.group: {
            "resources": {"CPU": kind.node.cpus, "GPU": kind.node.gpus, **kind.node.custom},
            "labels": kind.node.labels,
            "node_config": {},
            "min_workers": kind.least,
            "max_workers": kind.most,
            **({} if kind.idle_s is None else {"idle_timeout_s": kind.idle_s}),
        }
        for kind in kinds
    }
    head = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    nothing: dict[str, Any] = {key: {} for key in ("auth", "docker", "file_mounts")}
    lists = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    return {
        "cluster_name": "local",
        "max_workers": sum(kind.most for kind in kinds),
        "provider": {
            "type": "external",
            "module": PROVIDER,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "cluster": dict(cluster),
            "nodes": {kind.node.group: asdict(kind.node) for kind in kinds},
        },
        "available_node_types": {HEAD: head, **types},
        "head_node_type": HEAD,
        "upscaling_speed": 100,
        "idle_timeout_minutes": 1,
        **nothing,
        **{f"{name}_commands": [] for name in lists},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
    }
