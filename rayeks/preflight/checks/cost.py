"""Whether money that is spent will be seen: tags that bills can be split by, and people who hear of budgets."""

from collections.abc import Iterator

from infra import contract
from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack

NEW = "unknown to billing until a day after its first use"
BUDGET = "aws:budgets/budget:Budget"


@check("cost-tags", advisory=True)
def cost_tags(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Cost-allocation tags."""
    found = aws.read("ce", "list_cost_allocation_tags", region=aws.home)["CostAllocationTags"]
    known = {item["TagKey"]: item["Status"] for item in found}
    cost = stack.platform.cost
    activated = set(cost.activate_tags) if cost else set()
    idle: dict[str, list[str]] = {}
    for key in wanted_tags(stack):
        if known.get(key) == "Active":
            yield passed(key, "is active")
        elif key in activated and key not in known:
            yield failed(
                key,
                "cannot be activated: AWS has not seen the tag yet, and refuses tags that it has not seen",
                "leave it out of cost.activate_tags until a day after the first resources carry it",
            )
        elif key in activated:
            yield passed(key, "is not active yet; the stack activates it")
        else:
            idle.setdefault("not active" if key in known else NEW, []).append(key)
    for state, keys in idle.items():
        yield warned(
            ", ".join(keys),
            f"{state}: bills and budgets cannot be split by it",
            "as the payer account: aws ce update-cost-allocation-tags-status --cost-allocation-tags-status "
            + " ".join(f"TagKey={key},Status=Active" for key in keys),
        )


def wanted_tags(stack: Stack) -> list[str]:
    """The tags to split the bill by: the stack's own, those that it activates, those that its budgets filter by."""
    cost = stack.platform.cost
    found = list(stack.platform.tags)
    if cost:
        found += cost.activate_tags
        found += [contract.TEAM_LABEL if budget.team else "environment" for budget in cost.budgets.values()]
    return list(dict.fromkeys(found))


@check("budgets", advisory=True)
def budgets(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Subscribers of budgets."""
    mute = []
    for resource, inputs in stack.inputs(BUDGET):
        notices = inputs.get("notifications") or []
        heard = [n.get("subscriberSnsTopicArns") or n.get("subscriberEmailAddresses") for n in notices]
        if not heard or not all(heard):
            mute.append(resource.name)
    for name in mute:
        yield failed(name, "alerts nobody", "name people in cost.subscribers")
    cost = stack.platform.cost
    if cost is None:
        yield warned("cost", "the stack has no budget", "add a `cost` section with subscribers and budgets")
        return
    topic = stack.platform.aws.arn("sns", f"{stack.platform.name}-cost")
    answer = aws.find("sns", "list_subscriptions_by_topic", "NotFound", "NotFoundException", TopicArn=topic)
    if answer is None:
        people = ", ".join(cost.subscribers)
        yield passed(
            f"{stack.platform.name}-cost", f"{people}: each must confirm the message that the first `up` sends"
        )
        return
    for item in answer["Subscriptions"]:
        if item.get("SubscriptionArn") in ("PendingConfirmation", "Deleted"):
            yield warned(
                item["Endpoint"], "has not confirmed, and hears of no budget", "follow the link in AWS's message"
            )
        else:
            yield passed(item["Endpoint"], "hears of budgets")
