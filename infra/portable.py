"""The Ray layer on a Kubernetes that is there already: what of the contract its machines and storage call otherwise.

Pure functions. Everything above them is that of EKS: tenants, queues, KubeRay and samples are the same components.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from infra import contract, isolation, queueing
from infra.config.portable import NodePool, PortablePlatform
from infra.pods import Pod
from infra.queueing import Flavour
from infra.samples import Names
from infra.schedulability import GIB, spelt, wanted
from workloads.manifests import CONTAINER, Manifest

S3_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
PULL_KEYS = (".dockerconfigjson",)
PODS_A_NODE = 110
"""The kubelet's own limit."""


def names(platform: PortablePlatform) -> Names:
    """What the stack calls its buckets and images."""
    return Names(
        bucket=platform.storage.buckets.__getitem__,
        image=lambda gpu: platform.images.gpu if gpu else platform.images.cpu,
    )


def parts(platform: PortablePlatform) -> tuple[str, ...]:
    """The resources that are a part of a GPU."""
    return (contract.SHARED_GPU_RESOURCE,) if any(pool.shared for pool in platform.pools.values()) else ()


def flavours(pools: Mapping[str, NodePool]) -> list[Flavour]:
    """The pools as Kueue's flavours: what their nodes hold, found by these nodes' own labels."""
    shared = [contract.SHARED_GPU_RESOURCE] if any(pool.shared for pool in pools.values()) else []
    found = []
    for pool in pools.values():
        limits = {"cpu": pool.limits.cpu, "memory": pool.limits.memory_gib}
        limits[pool.gpu_resource] = pool.each.gpus * pool.nodes
        taints = tuple(contract.Taint(taint.key, taint.value, taint.effect) for taint in pool.taints)
        found.append(
            Flavour(contract.POOLS[pool.kind], queueing.empty(shared) | limits, labels=pool.selector, taints=taints)
        )
    return queueing.ordered(found)


def walls(platform: PortablePlatform) -> dict[str, dict[str, isolation.Policy]]:
    """Team → its NetworkPolicies: out to the API server, to the object storage, and to what answers by HTTPS."""
    ports = {443, platform.cluster.api_port}
    if platform.storage.endpoint:
        url = urlsplit(platform.storage.endpoint)
        ports.add(url.port or (443 if url.scheme == "https" else 80))
    serve = platform.samples.serve
    store = {serve.tenant: {serve.gcs.port}} if serve and serve.gcs else {}
    return {
        team: isolation.policies(isolation.anywhere(sorted(ports | store.get(team, set()))))
        for team in platform.tenants
    }


def secrets(platform: PortablePlatform) -> list[tuple[str, str, tuple[str, ...]]]:
    """(namespace, Secret, its keys), each: what the stack reads and somebody else brings."""
    asked: list[tuple[str, str | None, tuple[str, ...]]] = []
    for team in map(contract.namespace, platform.tenants):
        asked += [(team, platform.storage.secret, S3_KEYS), (team, platform.images.pull_secret, PULL_KEYS)]
    if seen := platform.observability:
        asked += [
            (isolation.AGENTS, seen.logs.secret if seen.logs else None, S3_KEYS),
            (isolation.MONITORING, seen.alerts.webhook_secret, ("url",)),
            (isolation.MONITORING, seen.grafana.admin_secret, ("admin-user", "admin-password")),
        ]
    return [(namespace, secret, keys) for namespace, secret, keys in asked if secret]


def placed(manifest: Manifest, platform: PortablePlatform) -> Manifest:
    """A manifest for the machines that are there: their labels and taints, and the way to the object storage."""
    pools = {pool.kind: pool for pool in platform.pools.values()}
    storage, images = platform.storage, platform.images
    variables = {"AWS_REGION": storage.region} | ({"AWS_ENDPOINT_URL_S3": storage.endpoint} if storage.endpoint else {})
    made = copy.deepcopy(manifest)
    for spec in _pod_specs(made):
        selector = dict(spec.pop("nodeSelector", {}))
        pool = pools.get(selector.pop(contract.POOL_LABEL, ""))
        if pool:
            selector |= pool.selector
            known = spec.get("tolerations", [])
            more = [contract.Taint(taint.key, taint.value, taint.effect).toleration() for taint in pool.taints]
            tolerations = [*known, *(each for each in more if each not in known)]
            spec |= {"tolerations": tolerations} if tolerations else {}
        if selector:
            spec["nodeSelector"] = selector
        if images.pull_secret:
            spec["imagePullSecrets"] = [{"name": images.pull_secret}]
        for container in spec["containers"]:
            if container["name"] in CONTAINER.values():
                container["env"] += [{"name": name, "value": value} for name, value in sorted(variables.items())]
                container["envFrom"] = [{"secretRef": {"name": storage.secret}}]
    return made


def _pod_specs(value: Any) -> Iterator[dict[str, Any]]:
    """Every pod spec inside an object, found by its containers."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for item in value.values():
            yield from _pod_specs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _pod_specs(item)


def per_node(pod: Pod, pool: NodePool) -> int:
    """How many such pods the smallest node of a pool holds."""
    return min(_free(pool).get(name, 0) // amount for name, amount in wanted(pod).items())


def lacking(pod: Pod, pool: NodePool) -> str | None:
    """What keeps a pool's nodes from running all of some equal pods at once; None where nothing does."""
    each = per_node(pod, pool)
    if each == 0:
        free = _free(pool)
        short = (name for name, amount in wanted(pod).items() if free.get(name, 0) < amount)
        parts = (f"{spelt(name, free.get(name, 0))} of {spelt(name, wanted(pod)[name])} {name}" for name in short)
        return f"its nodes have {', '.join(parts)}"
    nodes = math.ceil(pod.count / each)
    return f"{pod.count} pods need {nodes} nodes, and there are {pool.nodes}" if nodes > pool.nodes else None


def _free(pool: NodePool) -> dict[str, int]:
    each = pool.each
    return {
        "cpu": int(each.cpu * 1000),
        "memory": each.memory_gib * GIB,
        pool.gpu_resource: each.gpus,
        "pods": PODS_A_NODE,
    }


def unusable(kubeconfig: str, context: str) -> str | None:
    """Why nothing can be changed through a kubeconfig from this machine: no file, or no such context in it."""
    path = Path(kubeconfig).expanduser()
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        return f"cluster.kubeconfig: {path} cannot be read: {reason}"
    contexts = content.get("contexts") if isinstance(content, dict) else None
    known = [entry.get("name") for entry in contexts or [] if isinstance(entry, dict)]
    if context not in known:
        return f"cluster.context: {path} has no context {context}; it has {', '.join(map(str, known)) or 'none'}"
    return None
