"""Money is counted, capped and told of before it is gone."""

from collections.abc import Iterator
from typing import Any

from infra.contract import BILL_TAGS
from infra.policies.core import UNKNOWN, WHERE_IT_COUNTS, Finding, Resource, Stack, at, each, items, whole
from infra.policies.kinds import BUCKET, EFS, EKS, LUSTRE, NODE_CLASS, TEMPLATE

BUDGET = "aws:budgets/budget:Budget"
PAID = (BUCKET, EFS, EKS, LUSTRE, "aws:ec2/natGateway:NatGateway", "aws:ec2/capacityReservation:CapacityReservation")


def demanded(environment: str) -> tuple[str, ...]:
    """The tags that the bill is split by; budgets count `environment`."""
    return BILL_TAGS if environment in ("staging", "prod") else BILL_TAGS[:1]


@each(
    *PAID,
    TEMPLATE,
    NODE_CLASS,
    demands="what costs money carries the tags that the bill is split by",
    reason="the budget counts what is tagged `environment`: what is not is in nobody's",
    fix="have environment and cost-center in aws:defaultTags of the stack file",
)
def costs_are_tagged(resource: Resource, environment: str) -> Iterator[str]:
    for what, tags in _tags(resource).items():
        if tags is UNKNOWN:
            continue
        missing = [key for key in demanded(environment) if not tags.get(key)]
        if missing:
            yield f"{what} has no tag {', '.join(missing)}"
        elif tags.get("environment") not in (environment, UNKNOWN):
            yield f"{what} is tagged environment {tags['environment']}, and this is {environment}"


@whole(
    demands="the stack has a monthly budget that tells somebody",
    reason="GPUs that were forgotten on a Friday cost a month's budget by Monday",
    fix="add cost.budgets with the environment's monthly_usd, and cost.subscribers",
    severity=WHERE_IT_COUNTS,
)
def budget_is_present(stack: Stack) -> Iterator[Finding]:
    budgets = list(stack.of_type(BUDGET))
    if not budgets and _pays(stack):
        yield Finding("has no budget")
    for budget in budgets:
        if not items(budget.get("notifications")) and budget.get("notifications") is not UNKNOWN:
            yield Finding("tells nobody", budget)


@whole(
    demands="the stack's file says what a month may cost when nobody works, and the bill's floor stays under it",
    reason="a NAT gateway, a file system or a reservation more is paid for every month, whoever approved it",
    fix="find the line in `rayeks plan`, or raise policies.monthly_ceiling_usd in a change that says so",
    severity=WHERE_IT_COUNTS,
)
def cost_stays_under_the_ceiling(stack: Stack) -> Iterator[Finding]:
    if stack.ceiling_usd is None:
        if _pays(stack):
            yield Finding("has no ceiling")
    elif stack.monthly_usd is not None and stack.monthly_usd > stack.ceiling_usd:
        yield Finding(
            f"costs ${stack.monthly_usd:,.0f} a month when nobody works, over its ceiling of ${stack.ceiling_usd:,.0f}"
        )


def _pays(stack: Stack) -> bool:
    """Whether anything of the stack is in AWS: machines that are there are paid for elsewhere."""
    return any(resource.type.startswith("aws:") for resource in stack.resources)


def _tags(resource: Resource) -> dict[str, Any]:
    """What the resource tags → the tags; itself, or what it launches."""
    if resource.type == NODE_CLASS:
        return {"what it launches": resource.get("spec.tags") or {}}
    if resource.type == TEMPLATE:
        given = {
            at(entry, "resourceType"): at(entry, "tags") or {} for entry in items(resource.get("tagSpecifications"))
        }
        return {f"its {kind}": given.get(kind, {}) for kind in ("instance", "volume")}
    own, every = resource.get("tags") or {}, resource.get("tagsAll") or {}
    return {"it": UNKNOWN if UNKNOWN in (own, every) else {**every, **own}}
