"""Karpenter's pools cannot grow without end, and never take a machine away from who needs it."""

from collections.abc import Iterator
from typing import Any

from infra.contract import GPU_RESOURCE, POOL_LABEL, RAY_GPU_TRAIN
from infra.policies.core import UNKNOWN, Resource, at, differs, each, items, members
from infra.policies.kinds import NODE_POOL

VOLUNTARY = ("Drifted", "Underutilized")
"""Karpenter's reasons to take a node that is in use; an empty one may always go."""


@each(
    NODE_POOL,
    demands="every pool has limits: CPU, memory, and GPUs where it has them",
    reason="a job that asks for a thousand workers by mistake would get them",
    fix="set limits in the pool's section of the stack file",
)
def pools_have_limits(resource: Resource, environment: str) -> Iterator[str]:
    limits, taints = resource.get("spec.limits"), items(resource.get("spec.template.spec.taints"))
    gpus = any(at(taint, "key") == GPU_RESOURCE for taint in taints)
    for kind in ("cpu", "memory", *([GPU_RESOURCE] if gpus else [])):
        if limits is not UNKNOWN and kind not in members(limits):
            yield f"has no limit of {kind}"


@each(
    NODE_POOL,
    demands="every pool says how many nodes in use may be disrupted at once",
    reason="Karpenter's default is a tenth for every reason; without a budget for each, a new image takes all heads",
    fix="give spec.disruption.budgets one entry for Drifted and Underutilized, of less than 100 %",
)
def pools_have_disruption_budgets(resource: Resource, environment: str) -> Iterator[str]:
    budgets = resource.get("spec.disruption.budgets")
    if budgets is UNKNOWN:
        return
    for reason in VOLUNTARY:
        found = [str(at(budget, "nodes")) for budget in _about(items(budgets), reason)]
        if not found:
            yield f"has no budget for {reason}"
        elif all(nodes == "100%" for nodes in found):
            yield f"lets every node go at once for {reason}"


@each(
    NODE_POOL,
    demands="pools for training are never consolidated, drained for drift, or expired",
    reason="a training job lives on all of its nodes at once: one that is taken ends the step for every other",
    fix="consolidationPolicy WhenEmpty, a budget of 0 for Drifted and Underutilized, expireAfter Never",
)
def training_is_never_consolidated(resource: Resource, environment: str) -> Iterator[str]:
    if members(resource.get("spec.template.metadata.labels")).get(POOL_LABEL) != RAY_GPU_TRAIN.name:
        return
    if differs(resource.get("spec.disruption.consolidationPolicy"), "WhenEmpty"):
        yield "is consolidated while it trains"
    for reason in VOLUNTARY:
        nodes = [str(at(budget, "nodes")) for budget in _about(items(resource.get("spec.disruption.budgets")), reason)]
        if "0" not in nodes and "0%" not in nodes:
            yield f"lets nodes that train go for {reason}"
    if differs(resource.get("spec.template.spec.expireAfter"), "Never"):
        yield "expires nodes that train"


@each(
    NODE_POOL,
    demands="a node that must go goes at last",
    reason="without a grace period one pod that may not be disrupted holds a node, and a tear-down, for ever",
    fix="set spec.template.spec.terminationGracePeriod",
)
def nodes_go_at_last(resource: Resource, environment: str) -> Iterator[str]:
    if resource.get("spec.template.spec.terminationGracePeriod") is None:
        yield "has no terminationGracePeriod"


def _about(budgets: list[Any], reason: str) -> list[Any]:
    """The budgets that hold for a reason; one that names none holds for all."""
    return [
        budget for budget in budgets if at(budget, "reasons") in (None, []) or reason in items(at(budget, "reasons"))
    ]
