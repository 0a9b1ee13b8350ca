"""Ray's own autoscaler on this machine: worker groups that begin with nobody come and go as KubeRay's pods would.

`plan` and `config` are pure. `LocalNodes` is loaded by the autoscaler, in its process beside the head.
"""

import json
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import (
    NODE_KIND_HEAD,
    NODE_KIND_WORKER,
    STATUS_UP_TO_DATE,
    TAG_RAY_NODE_KIND,
    TAG_RAY_NODE_NAME,
    TAG_RAY_NODE_STATUS,
    TAG_RAY_USER_NODE_TYPE,
)

from rayeks.launching import nodes
from rayeks.launching.shape import Kind, Node

HEAD = "headgroup"
HISTORY = "nodes.jsonl"
"""In the launch's folder: a line when a node is asked for and one when it is gone, with the time of day."""

HEAD_ENV = {"RAY_CLOUD_INSTANCE_ID": HEAD, "RAY_NODE_TYPE_NAME": HEAD, "RAY_enable_autoscaler_v2": "1"}
"""What makes the head one of the autoscaler's own nodes; KubeRay sets the like on its pods."""

UPDATE_S = {"AUTOSCALER_UPDATE_INTERVAL_S": "1"}


def config(kinds: tuple[Kind, ...], cluster: nodes.Cluster) -> dict[str, Any]:
    """The autoscaler's configuration: a node type for each worker group."""
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
            "module": f"{LocalNodes.__module__}.{LocalNodes.__name__}",
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "cluster": {
                "address": cluster.address,
                "dashboard": cluster.dashboard,
                "token": cluster.token,
                "folder": str(cluster.folder),
                "env": dict(cluster.env),
            },
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


class LocalNodes(NodeProvider):
    """Nodes as `ray start --block` processes of this machine, in the terms of Ray's autoscaler."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        described: dict[str, Any] = dict(provider_config["cluster"])
        self._cluster = nodes.Cluster(folder=Path(described.pop("folder")), **described)
        self._kinds = {group: Node(**node) for group, node in provider_config["nodes"].items()}
        self._lock = threading.Lock()
        self._tags = {HEAD: _tags(HEAD, HEAD, NODE_KIND_HEAD)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        with self._lock:
            return [
                node for node, tags in self._tags.items() if self._runs(node) and tag_filters.items() <= tags.items()
            ]

    def is_running(self, node_id: str) -> bool:
        return self._runs(node_id)

    def is_terminated(self, node_id: str) -> bool:
        return not self._runs(node_id)

    def node_tags(self, node_id: str) -> dict[str, str]:
        return self._tags[node_id]

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        self._tags[node_id] |= tags

    def external_ip(self, node_id: str) -> str:
        return node_id

    def internal_ip(self, node_id: str) -> str:
        return node_id

    def create_node_with_resources_and_labels(
        self,
        node_config: dict[str, Any],
        tags: dict[str, str],
        count: int,
        resources: dict[str, float],
        labels: dict[str, str],
    ) -> None:
        group = tags[TAG_RAY_USER_NODE_TYPE]
        for _ in range(count):
            with self._lock:
                node = f"{group}-{len(self._tags)}"
                own = {"RAY_CLOUD_INSTANCE_ID": node, "RAY_NODE_TYPE_NAME": group}
                self._note(node, group, "requested")
                process = self._cluster.add(self._kinds[group], own).process
                self._tags[node] = _tags(node, group, NODE_KIND_WORKER) | tags
                self._processes[node] = process
            threading.Thread(target=self._until_gone, args=(node, group, process), daemon=True).start()

    def terminate_node(self, node_id: str) -> None:
        process = self._processes[node_id]
        if process.poll() is None:
            nodes.end(process)

    def _runs(self, node: str) -> bool:
        return node == HEAD or (node in self._processes and self._processes[node].poll() is None)

    def _until_gone(self, node: str, group: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._note(node, group, "gone")

    def _note(self, node: str, group: str, event: str) -> None:
        line = json.dumps({"at": time.time(), "node": node, "group": group, "event": event})
        with (self._cluster.folder / HISTORY).open("a") as history:
            history.write(line + "\n")

    @staticmethod
    def bootstrap_config(cluster_config: dict[str, Any]) -> dict[str, Any]:
        """Nothing to make beforehand."""
        return cluster_config


def _tags(node: str, group: str, kind: str) -> dict[str, str]:
    return {
        TAG_RAY_NODE_KIND: kind,
        TAG_RAY_USER_NODE_TYPE: group,
        TAG_RAY_NODE_NAME: node,
        TAG_RAY_NODE_STATUS: STATUS_UP_TO_DATE,
    }
