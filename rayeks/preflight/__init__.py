"""Looks at the target account before `pulumi up`: what would fail, what would be missed, and how to mend it."""

from rayeks.preflight import render
from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, Report, Status
from rayeks.preflight.run import preflight
from rayeks.preflight.stack import Stack
from rayeks.preflight.target import account

__all__ = ["Account", "Finding", "Report", "Stack", "Status", "account", "preflight", "render"]
