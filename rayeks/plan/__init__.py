"""The plan of a stack, from Python packages alone: what would be made, in what order, from what."""

from rayeks.plan.model import Plan, Resource
from rayeks.plan.run import plan

__all__ = ["Plan", "Resource", "plan"]
