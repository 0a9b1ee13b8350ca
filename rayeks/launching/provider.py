"""The worker groups of a launch as Ray's own autoscaler starts and ends them: it loads `LocalNodes` beside the head."""

import json
import subprocess
import threading
import time
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
from rayeks.launching.autoscaling import HEAD, HISTORY
from rayeks.launching.shape import Node


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
