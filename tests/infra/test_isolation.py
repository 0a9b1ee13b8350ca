"""The walls of tenants and of the platform, evaluated over the pairs of pods that must and must not talk.

`talks` is Kubernetes' own rule, as its documentation states it: a pod that a policy selects for a direction refuses
everything of that direction which no policy allows, and a connection needs both ends to allow it.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import pytest

from infra import isolation

POLICIES = isolation.policies(isolation.aws(vpc_cidr="10.0.0.0/16", data_ports={"warehouse": 5432}))
TENANTS = ("ray-research", "ray-ads")
PLATFORM = {name: isolation.platform_policies(name) for name in isolation.PLATFORM}
HEAD, WORKER = {"ray.io/node-type": "head"}, {"ray.io/node-type": "worker"}


@dataclass(frozen=True)
class Pod:
    namespace: str
    labels: dict[str, str] = field(default_factory=dict)
    address: str = "10.0.1.1"


@dataclass(frozen=True)
class Outside:
    address: str


def selects(selector: dict, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        value = labels.get(expression["key"])
        if expression["operator"] == "Exists":
            found = value is not None
        else:
            assert expression["operator"] == "In"
            found = value in expression["values"]
        if not found:
            return False
    return True


def peer_allows(peer: dict, owner: Pod, other: Pod | Outside) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(other.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(cidr) for cidr in block.get("except", [])
        )
    if isinstance(other, Outside):
        return False
    if "namespaceSelector" in peer:
        labels = {"kubernetes.io/metadata.name": other.namespace}
        labels |= {"rayeks/cost-center": "any"} if other.namespace in TENANTS else {}
        return selects(peer["namespaceSelector"], labels)
    return other.namespace == owner.namespace and selects(peer["podSelector"], other.labels)


def allows(direction: str, owner: Pod | Outside, other: Pod | Outside, protocol: str, port: int) -> bool:
    if isinstance(owner, Outside):
        return True
    policies = POLICIES if owner.namespace in TENANTS else PLATFORM.get(owner.namespace, {})
    selecting = [
        spec
        for spec in policies.values()
        if direction in spec["policyTypes"] and selects(spec["podSelector"], owner.labels)
    ]
    if not selecting:
        return True
    for spec in selecting:
        for rule in spec.get(direction.lower(), []):
            ports = rule.get("ports")
            on_port = ports is None or {"protocol": protocol, "port": port} in ports
            peers = rule.get("from" if direction == "Ingress" else "to")
            if on_port and (peers is None or any(peer_allows(peer, owner, other) for peer in peers)):
                return True
    return False


def talks(source: Pod | Outside, target: Pod | Outside, port: int, protocol: str = "TCP") -> bool:
    return allows("Egress", source, target, protocol, port) and allows("Ingress", target, source, protocol, port)


RESEARCH_HEAD = Pod("ray-research", HEAD, "10.0.1.1")
RESEARCH_WORKER = Pod("ray-research", WORKER, "10.0.1.2")
ADS_HEAD = Pod("ray-ads", HEAD, "10.0.2.1")
ADS_WORKER = Pod("ray-ads", WORKER, "10.0.2.2")
DNS, OPERATOR = Pod("kube-system", {"k8s-app": "kube-dns"}, "10.0.3.1"), Pod("kuberay", {}, "10.0.3.2")
MONITOR, INGRESS, STRANGER = Pod("monitoring"), Pod("ingress"), Pod("default", {}, "10.0.9.9")
S3, METADATA, IDENTITY = Outside("52.218.0.1"), Outside("169.254.169.254"), Outside("169.254.170.23")
WAREHOUSE = Outside("10.0.77.7")
KUEUE, AGENT, ROOM = Pod("kueue-system"), Pod("node-agents"), Pod("headroom")
GRAFANA, COLLECTOR, CONTROL_PLANE = Pod("monitoring"), Pod("monitoring"), Outside("10.0.200.1")

MUST = [
    (RESEARCH_WORKER, RESEARCH_HEAD, 6379, "TCP", "a worker joins its head"),
    (RESEARCH_HEAD, RESEARCH_WORKER, 34567, "TCP", "Ray's processes use random ports"),
    (RESEARCH_WORKER, DNS, 53, "UDP", "names resolve"),
    (RESEARCH_WORKER, DNS, 53, "TCP", "long answers come over TCP"),
    (RESEARCH_WORKER, S3, 443, "TCP", "checkpoints are written"),
    (RESEARCH_WORKER, IDENTITY, 80, "TCP", "Pod Identity gives credentials"),
    (RESEARCH_WORKER, WAREHOUSE, 5432, "TCP", "a data source is read"),
    (OPERATOR, RESEARCH_HEAD, 8265, "TCP", "KubeRay submits jobs"),
    (MONITOR, RESEARCH_WORKER, 8080, "TCP", "metrics are collected"),
    (INGRESS, RESEARCH_HEAD, 8265, "TCP", "users see the dashboard"),
    (INGRESS, RESEARCH_WORKER, 8000, "TCP", "requests reach Serve's proxies"),
    (RESEARCH_WORKER, COLLECTOR, 4317, "TCP", "a job's traces reach the collector"),
    (CONTROL_PLANE, KUEUE, 9443, "TCP", "the API server asks Kueue's webhooks"),
    (CONTROL_PLANE, KUEUE, 8082, "TCP", "the API server asks who waits"),
    (MONITOR, KUEUE, 8443, "TCP", "Kueue's metrics are collected"),
    (MONITOR, OPERATOR, 8080, "TCP", "KubeRay's metrics are collected"),
    (MONITOR, AGENT, 9400, "TCP", "GPU metrics are collected"),
    (MONITOR, AGENT, 2020, "TCP", "the log shipper's metrics are collected"),
    (INGRESS, GRAFANA, 3000, "TCP", "people see Grafana"),
    (MONITOR, GRAFANA, 9090, "TCP", "Grafana asks Prometheus"),
    (OPERATOR, CONTROL_PLANE, 443, "TCP", "an operator reads and writes the API"),
    (AGENT, S3, 443, "TCP", "logs leave for the bucket"),
]
MUST_NOT = [
    (RESEARCH_WORKER, ADS_HEAD, 6379, "TCP", "a tenant joins another's cluster"),
    (RESEARCH_HEAD, ADS_WORKER, 443, "TCP", "the way to AWS leads to another tenant"),
    (ADS_HEAD, RESEARCH_HEAD, 8265, "TCP", "a tenant sees another's dashboard"),
    (RESEARCH_WORKER, METADATA, 80, "TCP", "a pod takes the node's credentials"),
    (RESEARCH_WORKER, METADATA, 443, "TCP", "a pod reaches instance metadata"),
    (RESEARCH_WORKER, Outside("198.51.100.1"), 25, "TCP", "a pod sends mail"),
    (RESEARCH_WORKER, Outside("198.51.100.1"), 80, "TCP", "a pod leaves in plain HTTP"),
    (STRANGER, RESEARCH_HEAD, 8265, "TCP", "any pod runs a job by the Jobs API"),
    (STRANGER, RESEARCH_HEAD, 10001, "TCP", "any pod connects as a client"),
    (INGRESS, RESEARCH_WORKER, 8265, "TCP", "users reach a worker's ports"),
    (MONITOR, RESEARCH_HEAD, 8265, "TCP", "the metrics collector runs jobs"),
    (OPERATOR, RESEARCH_WORKER, 6379, "TCP", "the operator joins a cluster"),
    (RESEARCH_WORKER, GRAFANA, 3000, "TCP", "a tenant sees everybody's dashboards"),
    (RESEARCH_WORKER, MONITOR, 9090, "TCP", "a tenant reads everybody's metrics"),
    (RESEARCH_HEAD, MONITOR, 9093, "TCP", "a tenant silences alerts"),
    (RESEARCH_HEAD, KUEUE, 8443, "TCP", "a tenant reads other queues' metrics"),
    (RESEARCH_HEAD, OPERATOR, 8080, "TCP", "a tenant reads the operator's metrics"),
    (STRANGER, GRAFANA, 3000, "TCP", "any pod sees the dashboards"),
    (STRANGER, COLLECTOR, 4317, "TCP", "any pod sends traces"),
    (STRANGER, AGENT, 9400, "TCP", "any pod asks the nodes' daemons"),
    (INGRESS, MONITOR, 9090, "TCP", "people reach Prometheus without Grafana"),
    (INGRESS, KUEUE, 9443, "UDP", "webhooks answer over anything but TCP"),
    (ROOM, S3, 443, "TCP", "a pod that holds room calls out"),
    (STRANGER, ROOM, 80, "TCP", "any pod reaches one that holds room"),
]


@pytest.mark.parametrize(("source", "target", "port", "protocol", "why"), MUST, ids=[why for *_, why in MUST])
def test_a_ray_cluster_can_do_what_it_must(source, target, port, protocol, why):
    assert talks(source, target, port, protocol)


@pytest.mark.parametrize(("source", "target", "port", "protocol", "why"), MUST_NOT, ids=[why for *_, why in MUST_NOT])
def test_nothing_else_passes(source, target, port, protocol, why):
    assert not talks(source, target, port, protocol)


def test_a_tenant_without_databases_reaches_none():
    assert "data" not in isolation.policies(isolation.aws(vpc_cidr="10.0.0.0/16", data_ports={}))
