"""Whether those whom the cluster lets in are there, the deployer is one of them, and its roles have their boundary."""

from collections.abc import Iterator, Mapping

from rayeks.preflight.account import Account
from rayeks.preflight.checks.rights import AS_A_ROLE, principal
from rayeks.preflight.model import Finding, check, each, failed, passed, warned
from rayeks.preflight.stack import Stack

LOOK: Mapping[str, tuple[str, str]] = {"role": ("get_role", "RoleName"), "user": ("get_user", "UserName")}
"""Kind of principal → IAM's operation that finds one, and what it calls the name."""


@check("access")
def access(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Who is let into the cluster."""
    entries = stack.platform.cluster.access
    named = {f"cluster.access.{name}": entry.principal for name, entry in entries.items()}
    for team, tenant in stack.platform.tenants.items():
        for role, people in tenant.people.by_role().items():
            named |= {f"tenants.{team}.people.{role}s[{index}]": arn for index, arn in enumerate(people)}
    yield from each(named, str, lambda path: _there(path, named[path], stack, aws))
    administrators = {entry.principal for entry in entries.values() if entry.role == "admin"}
    arn = aws.read("sts", "get_caller_identity", region=aws.home)["Arn"]
    who = principal(arn, aws)
    if who is None:
        yield warned(arn, "cannot be told from those who administer the cluster", AS_A_ROLE)
    elif who in administrators:
        yield passed(who, "deploys, and administers the cluster")
    else:
        # Not a failure: whoever looks need not be who deploys.
        fix = f"deploy as one of {', '.join(sorted(administrators))}, or add {who} to cluster.access with role: admin"
        yield warned(who, "does not administer the cluster, so a deployment as this identity stops half-way", fix)


@check("boundary")
def boundary(stack: Stack, aws: Account) -> Iterator[Finding]:
    """The boundary of the stack's roles."""
    name = stack.platform.permissions_boundary
    if name is None:
        yield passed("permissions_boundary", "none is asked for")
    elif aws.find("iam", "get_policy", "NoSuchEntity", PolicyArn=stack.platform.aws.policy(name)):
        yield passed(name, "is a policy of the account")
    else:
        fix = f"rayeks bootstrap {stack.name}, or leave permissions_boundary out of the stack file"
        yield failed(name, "the account has no such policy, and IAM would refuse every role", fix)


def _there(path: str, arn: str, stack: Stack, aws: Account) -> Iterator[Finding]:
    """EKS refuses an entry for a role or user of the cluster's own account that does not exist."""
    *_, account, resource = arn.split(":", 5)
    kind, _, name = resource.partition("/")
    if account != stack.platform.account or kind not in LOOK:
        yield passed(path, f"{arn}, which EKS takes unseen")
        return
    operation, parameter = LOOK[kind]
    found = aws.find("iam", operation, "NoSuchEntity", **{parameter: name.rsplit("/", 1)[-1]})
    if found is None:
        yield failed(path, f"there is no {arn}, and EKS would refuse its entry", _make(arn, stack))
    elif found[kind.capitalize()]["Arn"] != arn:
        yield failed(path, f"{arn} has another path", f"write {found[kind.capitalize()]['Arn']}")
    else:
        yield passed(path, f"{arn} is there")


def _make(arn: str, stack: Stack) -> str:
    if f"role/pulumi-{stack.platform.name}-" in arn:
        return f"rayeks bootstrap {stack.name}"
    return "mend the principal, or leave the entry out"
