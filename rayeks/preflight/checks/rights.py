"""Whether whoever deploys may do all that the plan takes, as far as IAM can foretell."""

from collections.abc import Iterator

from rayeks.preflight.account import Account, Refused
from rayeks.preflight.actions import needs, unlisted
from rayeks.preflight.model import Finding, check, failed, passed, warned
from rayeks.preflight.stack import Stack

AT_ONCE = 100
"""Actions in one simulation."""

AS_A_ROLE = "deploy as a role of the account to have its rights checked"


@check("rights", advisory=True)
def rights(stack: Stack, aws: Account) -> Iterator[Finding]:
    """The deployer's rights."""
    arn = aws.read("sts", "get_caller_identity", region=aws.home)["Arn"]
    if arn.endswith(":root"):
        yield passed("root", "the root user may do anything that the organisation allows")
        return
    who = principal(arn, aws)
    if who is None:
        yield warned(arn, "IAM simulates roles and users only", AS_A_ROLE)
        return
    resources = [(item.type, item.inputs) for item in stack.plan.resources if item.custom]
    for kind in unlisted(item[0] for item in resources):
        yield warned(kind, "nobody has listed what it needs", "add it to NEEDS in rayeks/preflight/actions.py")
    denied: dict[str, list[str]] = {}
    unsure: dict[str, set[str]] = {}
    asked = 0
    for target, actions in sorted(needs(resources, stack.platform.aws, stack.platform.name).items()):
        asked += len(actions)
        try:
            simulated = list(_simulated(who, sorted(actions), target, aws))
        except Refused as refused:
            if refused.code != "NoSuchEntity":
                raise
            yield warned(who, "IAM knows nobody of this name, so its rights cannot be told", AS_A_ROLE)
            return
        for action, decision, missing in simulated:
            if decision != "allowed" and missing and decision != "explicitDeny":
                unsure.setdefault(action, set()).update(missing)
            elif decision != "allowed":
                denied.setdefault(f"{action.split(':')[0]} on {target}", []).append(
                    action.split(":")[1] + (" (explicitly)" if decision == "explicitDeny" else "")
                )
    for target, operations in denied.items():
        yield failed(target, f"denied: {', '.join(operations)}", f"allow these to {who}")
    for action, keys in unsure.items():
        yield warned(action, f"depends on {', '.join(sorted(keys))}", "read the policy's conditions")
    if not denied:
        yield passed(who, f"may do all but {len(unsure)} of {asked} actions" if unsure else f"{asked} actions allowed")


def principal(arn: str, aws: Account) -> str | None:
    """The ARN that IAM simulates: a user's own, or that of the role behind a session. None for anybody else."""
    kind, _, rest = arn.partition(":sts::")
    if not rest:
        return arn if ":user/" in arn or ":role/" in arn else None
    account, _, resource = rest.partition(":")
    if resource.startswith("user/"):
        return f"{kind}:iam::{account}:{resource}"
    if not resource.startswith("assumed-role/"):
        return None
    name = resource.split("/")[1]
    # A role's path is not in its session's ARN, and identity centre's roles have one.
    found = aws.find("iam", "get_role", "NoSuchEntity", "AccessDenied", RoleName=name)
    return found["Role"]["Arn"] if found else f"{kind}:iam::{account}:role/{name}"


def _simulated(who: str, actions: list[str], target: str, aws: Account) -> Iterator[tuple[str, str, list[str]]]:
    """Action, decision and missing context of each."""
    region = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": [aws.region], "ContextKeyType": "string"}
    for start in range(0, len(actions), AT_ONCE):
        answer = aws.read(
            "iam",
            "simulate_principal_policy",
            PolicySourceArn=who,
            ActionNames=actions[start : start + AT_ONCE],
            ResourceArns=[target],
            ContextEntries=[region],
        )
        for result in answer["EvaluationResults"]:
            yield result["EvalActionName"], result["EvalDecision"], result.get("MissingContextValues") or []
