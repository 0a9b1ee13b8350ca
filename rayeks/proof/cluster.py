"""What a proof reads from the API server: pods and why they wait, machines and what they cost, classes and nodes."""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra import contract, prices
from local.providers.kubernetes.client import ApiError, ApiServer
from local.providers.kubernetes.kubeconfig import load
from rayeks.proof.model import Machine, Pod, amounts, requests

Object = dict[str, Any]

LAUNCH_LABEL = "rayeks/proof"
"""On everything that a proof launches: which of its launches it belongs to."""

CAPACITY = "karpenter.sh/capacity-type"
TYPE = "node.kubernetes.io/instance-type"
ZONE = "topology.kubernetes.io/zone"
NODEPOOL = "karpenter.sh/nodepool"
MANAGER = "rayeks-proof"


class Cluster:
    """The API server of a proof, asked as the administrator."""

    def __init__(self, kubeconfig: Path, region: str) -> None:
        self.api = ApiServer(load(str(kubeconfig)), threading.Event())
        self._region = region

    def apply(self, obj: Object) -> None:
        """Server-side apply. ApiError where admission refuses it."""
        self.api.apply(self.api.kind(obj["apiVersion"], obj["kind"]), obj, MANAGER, force=True)

    def delete(self, obj: Object) -> None:
        """Delete an object; one that is gone already is no error."""
        metadata = obj["metadata"]
        kind = self.api.kind(obj["apiVersion"], obj["kind"])
        self.api.delete(kind, metadata.get("namespace"), metadata["name"], "Background")

    def listed(self, path: str, selector: str = "") -> list[Object]:
        """The objects below a path."""
        query = {"labelSelector": selector} if selector else None
        return self.api.request("GET", path, query=query).get("items") or []

    def pods(self) -> list[Pod]:
        """Every pod that a proof launched or that a Ray object of the stack brings, each with why it is not Ready."""
        found = self.listed("/api/v1/pods", LAUNCH_LABEL)
        found += self.listed("/api/v1/pods", f"ray.io/is-ray-node=yes,!{LAUNCH_LABEL}")
        waiting = any(not _ready(item) for item in found)
        events = self._refusals() if waiting else {}
        return [_pod(item, events) for item in found if "deletionTimestamp" not in item["metadata"]]

    def machines(self) -> list[Machine]:
        """Every node of a pool."""
        return [self._machine(item) for item in self.listed("/api/v1/nodes", NODEPOOL)]

    def leaving(self) -> list[Machine]:
        """The machines that nothing of the stack's own stands on: those that Karpenter is to take away."""
        held = {
            item["spec"].get("nodeName")
            for item in self.listed("/api/v1/pods", f"!{LAUNCH_LABEL}")
            if all(owner["kind"] != "DaemonSet" for owner in item["metadata"].get("ownerReferences", ()))
        }
        return [machine for machine in self.machines() if machine.name not in held]

    def unjoined(self) -> list[str]:
        """The machines that Karpenter asked for and that have not joined the cluster, in words."""
        return [
            f"machine {item['metadata']['name']} of {item['metadata']['labels'].get(NODEPOOL, '?')} "
            f"({_state(item, 'Launched')}) has not joined the cluster: {_state(item, 'Registered')}"
            for item in self.listed("/apis/karpenter.sh/v1/nodeclaims")
            if "deletionTimestamp" not in item["metadata"] and _status(item, "Registered") != "True"
        ]

    def conditions(self, group: str, plural: str) -> dict[str, dict[str, Object]]:
        """Name → condition type → condition, of a custom resource without namespaces."""
        return {
            item["metadata"]["name"]: {each["type"]: each for each in item.get("status", {}).get("conditions", ())}
            for item in self.listed(f"/apis/{group}/{plural}")
        }

    def _machine(self, item: Object) -> Machine:
        labels = item["metadata"]["labels"]
        kind, zone, capacity = labels.get(TYPE, "?"), labels.get(ZONE, "?"), labels.get(CAPACITY, "?")
        found = prices.spot(kind, self._region, zone) if capacity == "spot" else prices.on_demand(kind, self._region)
        return Machine(
            name=item["metadata"]["name"],
            pool=labels.get(NODEPOOL) or labels.get(contract.POOL_LABEL, "?"),
            instance_type=kind,
            zone=zone,
            capacity=capacity,
            usd_per_hour=found.usd if found else None,
            allocatable=amounts(item.get("status", {}).get("allocatable", {})),
        )

    def _refusals(self) -> dict[str, str]:
        """Pod uid → Karpenter's own words for why it launches nothing for it, the latest."""
        events = self.listed("/api/v1/events")
        events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
        return {
            event["involvedObject"].get("uid", ""): event.get("message", "")
            for event in events
            if event["reason"] == "FailedScheduling" and "karpenter" in str(event.get("source") or event)
        }


def _condition(item: Object, kind: str) -> Object:
    found: Iterable[Object] = item.get("status", {}).get("conditions", ())
    return next((each for each in found if each["type"] == kind), {})


def _status(item: Object, kind: str) -> str:
    return _condition(item, kind).get("status", "Unknown")


def _state(item: Object, kind: str) -> str:
    """A condition in words."""
    found = _condition(item, kind)
    if found.get("status") == "True":
        return kind.lower()
    return found.get("message") or f"{kind} is {found.get('status', 'Unknown')}"


def refused(obj: Object, error: ApiError) -> str:
    """Why the API server did not take an object."""
    metadata = obj["metadata"]
    return f"{obj['kind']} {metadata.get('namespace', '')}/{metadata['name']} is refused: {error.message}"


def _pod(item: Object, events: Mapping[str, str]) -> Pod:
    metadata = item["metadata"]
    ready = _ready(item)
    return Pod(
        name=f"{metadata['namespace']}/{metadata['name']}",
        owner=_owner(metadata["labels"]),
        node=item["spec"].get("nodeName"),
        ready=ready,
        requests=requests(item["spec"]),
        reason="" if ready else events.get(metadata["uid"], "") or _scheduler(item),
    )


def _owner(labels: Mapping[str, str]) -> str:
    """The launch of a proof that a pod belongs to, or what the stack itself deploys."""
    return labels.get(LAUNCH_LABEL) or f"deployed {labels.get('ray.io/originated-from-cr-name', 'cluster')}"


def _ready(item: Object) -> bool:
    return _status(item, "Ready") == "True"


def _scheduler(item: Object) -> str:
    """The scheduler's words on a pod that it could not place."""
    if _status(item, "PodScheduled") == "False":
        return _condition(item, "PodScheduled").get("message", "")
    return f"phase {item.get('status', {}).get('phase', 'unknown')}"
