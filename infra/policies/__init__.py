"""What every stack must be, as one list that a plan and the real engine judge by."""

from infra.policies import cost, data, encryption, exposure, iam, nodes, pods, pools, tenants, versions
from infra.policies.core import POLICIES, UNKNOWN, Finding, Policy, Resource, Severity, Stack
from infra.policies.judge import Verdict, configured, judge, stale

__all__ = [
    "POLICIES",
    "UNKNOWN",
    "Finding",
    "Policy",
    "Resource",
    "Severity",
    "Stack",
    "Verdict",
    "configured",
    "cost",
    "data",
    "encryption",
    "exposure",
    "iam",
    "judge",
    "nodes",
    "pods",
    "pools",
    "stale",
    "tenants",
    "versions",
]
