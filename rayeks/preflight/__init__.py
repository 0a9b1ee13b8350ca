"""Looks at the target of a stack before `pulumi up`: what would fail, what would be missed, and how to mend it."""

from rayeks.preflight import render
from rayeks.preflight.account import Account
from rayeks.preflight.cluster import Cluster
from rayeks.preflight.model import Finding, Report, Status
from rayeks.preflight.run import preflight
from rayeks.preflight.stack import PortableStack, Stack, read
from rayeks.preflight.target import account, target

__all__ = [
    "Account",
    "Cluster",
    "Finding",
    "PortableStack",
    "Report",
    "Stack",
    "Status",
    "account",
    "preflight",
    "read",
    "render",
    "target",
]
