"""NetworkPolicies: nothing passes in a tenant's namespace but what a Ray cluster needs, and little into the platform's.

Pure functions. EKS enforces them in the VPC CNI. Ports are Ray's own; within the namespace Ray's processes use random
ones, so pods of one namespace may talk to each other freely, and to no other namespace's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Policy = Any
"""A NetworkPolicy's spec, spelt as the API server spells it."""
Rule = dict[str, Any]

HEAD = {"ray.io/node-type": "head"}
DASHBOARD, CLIENT, SERVE, AGENT, METRICS = 8265, 10001, 8000, 52365, 8080
"""Ray's ports: dashboard and Jobs API, client, Serve's proxy, dashboard agent, metrics."""

IDENTITY_AGENT = "169.254.170.23/32"
"""Where the EKS Pod Identity agent answers. Instance metadata, beside it, stays out of reach."""

MONITORING, AGENTS = "monitoring", "node-agents"
"""Namespaces of what watches, and of the nodes' daemons."""

OPERATORS = ("kuberay",)
MONITORS = (MONITORING,)
ENTRANCES = ("ingress",)
"""Namespaces of the platform that may come in: KubeRay, the metrics collector, the way in for users."""

IS_TENANT = {"key": "rayeks/cost-center", "operator": "Exists"}
"""What tells a tenant's namespace from the platform's; only the platform may label namespaces."""

OTLP = 4317
"""Where the platform's collector takes traces (OpenTelemetry over gRPC)."""


@dataclass(frozen=True)
class Part:
    """A namespace of the platform: how strict Pod Security is, and who may come in on which ports."""

    pod_security: Literal["restricted", "baseline", "privileged"]
    entrances: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = ()
    """(namespaces, ports), each."""
    anyone: tuple[int, ...] = ()
    """Ports of webhooks: the API server comes from an address of the VPC that no selector names."""
    tenants: tuple[int, ...] = ()
    quiet: bool = False
    """Its pods send nothing either."""


PLATFORM: dict[str, Part] = {
    "kuberay": Part("restricted", entrances=((MONITORS, (METRICS,)),)),
    "kueue-system": Part("restricted", entrances=((MONITORS, (8443,)),), anyone=(9443, 8082)),
    MONITORING: Part("baseline", entrances=((ENTRANCES, (3000,)),), tenants=(OTLP,)),
    # Device plugins, node metrics and log shippers work with the host's files and devices.
    AGENTS: Part("privileged", entrances=((MONITORS, (9100, 9400, 2020)),)),
    "headroom": Part("restricted", quiet=True),
}
"""The platform's namespaces. Their pods may send what they like, but for the quiet."""


def platform_policies(namespace: str) -> dict[str, Policy]:
    """Name → spec of every NetworkPolicy of one of the platform's namespaces."""
    part = PLATFORM[namespace]
    everyone: dict[str, Any] = {"podSelector": {}}
    found = {"default-deny": everyone | {"policyTypes": ["Ingress", *(["Egress"] if part.quiet else [])]}}
    if part.quiet:
        return found
    rules: list[Rule] = [{"from": [{"podSelector": {}}]}]
    rules += [
        {"from": [_namespaces(*names)], "ports": [_port("TCP", port) for port in ports]}
        for names, ports in part.entrances
    ]
    if part.anyone:
        rules.append({"ports": [_port("TCP", port) for port in part.anyone]})
    if part.tenants:
        ports = [_port("TCP", port) for port in part.tenants]
        rules.append({"from": [{"namespaceSelector": {"matchExpressions": [IS_TENANT]}}], "ports": ports})
    return found | {"entrances": everyone | {"policyTypes": ["Ingress"], "ingress": rules}}


def policies(outward: Mapping[str, Policy]) -> dict[str, Policy]:
    """Name → spec of every NetworkPolicy of a tenant's namespace; `outward` lets its pods out of the cluster."""
    everyone: dict[str, Any] = {"podSelector": {}}
    return {
        "default-deny": everyone | {"policyTypes": ["Ingress", "Egress"]},
        "same-namespace": everyone
        | {
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}]}],
            "egress": [{"to": [{"podSelector": {}}]}],
        },
        "dns": everyone | _egress([_namespaces("kube-system")], [("UDP", 53), ("TCP", 53)]),
        **outward,
        "operator": {"podSelector": {}} | _ingress(OPERATORS, [DASHBOARD, AGENT, SERVE]),
        "metrics": everyone | _ingress(MONITORS, [METRICS]),
        "traces": everyone | _egress([_namespaces(*MONITORS)], [("TCP", OTLP)]),
        "users": {"podSelector": {"matchLabels": HEAD}} | _ingress(ENTRANCES, [DASHBOARD, CLIENT]),
        "requests": everyone | _ingress(ENTRANCES, [SERVE]),
    }


def aws(*, vpc_cidr: str, data_ports: Mapping[str, int]) -> dict[str, Policy]:
    """The way out of a tenant's namespace on EKS; `data_ports` are the databases in the VPC that it reads, by name."""
    everyone: dict[str, Any] = {"podSelector": {}}
    found = {
        "aws": everyone
        | {
            "policyTypes": ["Egress"],
            # S3, STS, ECR and the API server, in the VPC by endpoint or outside it.
            "egress": [_outside([443]), {"to": [_block(IDENTITY_AGENT)], "ports": [_port("TCP", 80)]}],
        }
    }
    if data_ports:
        ports = [("TCP", port) for port in sorted(set(data_ports.values()))]
        found["data"] = everyone | _egress([_block(vpc_cidr)], ports)
    return found


def anywhere(ports: Sequence[int]) -> dict[str, Policy]:
    """The way out on another Kubernetes: to the API server, object storage and registries, by their ports."""
    return {"outside": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [_outside(ports)]}}


def _outside(ports: Sequence[int]) -> Rule:
    """Anything by these ports: other pods' namespaces refuse what arrives, and link-local addresses are left out."""
    to = [_block("0.0.0.0/0", without=["169.254.0.0/16"])]
    return {"to": to, "ports": [_port("TCP", port) for port in ports]}


def _ingress(namespaces: Sequence[str], ports: Sequence[int]) -> Policy:
    return {
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [_namespaces(*namespaces)], "ports": [_port("TCP", port) for port in ports]}],
    }


def _egress(to: Sequence[Rule], ports: Sequence[tuple[str, int]]) -> Policy:
    return {
        "policyTypes": ["Egress"],
        "egress": [{"to": list(to), "ports": [_port(protocol, port) for protocol, port in ports]}],
    }


def _namespaces(*names: str) -> Rule:
    expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(names)}
    return {"namespaceSelector": {"matchExpressions": [expression]}}


def _block(cidr: str, without: Sequence[str] = ()) -> Rule:
    return {"ipBlock": {"cidr": cidr} | ({"except": list(without)} if without else {})}


def _port(protocol: str, port: int) -> Rule:
    return {"protocol": protocol, "port": port}
