"""Who may do what: no role can do more than its work, and none is anybody's."""

from collections.abc import Iterator

from infra.policies.core import Resource, each, items
from infra.policies.documents import allowed

POLICY_TYPES = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/userPolicy:UserPolicy",
)
ADMINISTRATORS = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")


@each(
    *POLICY_TYPES,
    demands="policies name the actions that they allow",
    reason="a wildcard allows what AWS will add next year, and nobody can say what that is",
    fix="list the actions; CloudTrail's last-accessed data says which are used",
)
def policies_name_their_actions(resource: Resource, environment: str) -> Iterator[str]:
    for statement in allowed(resource.get("policy")):
        wild = [action for action in statement.actions if action == "*" or action.endswith(":*")]
        if wild:
            yield f"{statement.sid} allows {', '.join(wild)}"


@each(
    *POLICY_TYPES,
    demands="what changes something is allowed on named resources, or under a condition",
    reason="on every resource means: on other teams' too",
    fix="name the ARNs, or add a condition such as aws:ResourceTag/…; reading may stay on *",
)
def policies_name_their_resources(resource: Resource, environment: str) -> Iterator[str]:
    for statement in allowed(resource.get("policy")):
        if "*" in statement.resources and statement.writes and not statement.conditions:
            yield f"{statement.sid} allows {', '.join(statement.writes)} on every resource"


@each(
    "aws:iam/role:Role",
    demands="every role says by whom it may be assumed",
    reason="a role that everybody may assume is a role of every AWS account; one for an identity provider without a "
    "condition is everybody's whom that provider knows",
    fix="name the service or the ARN; for a web identity add conditions on its audience and its subject",
)
def roles_are_assumed_by_name(resource: Resource, environment: str) -> Iterator[str]:
    for statement in allowed(resource.get("assumeRolePolicy")):
        if any(principal == "*" or principal.endswith(":*") for principal in statement.principals):
            yield f"{statement.sid} lets everybody assume it"
        if any(principal.startswith("Federated:") for principal in statement.principals):
            tests = {key: value for test in statement.conditions.values() for key, value in test.items()}
            subjects = [v for key, value in tests.items() if key.endswith(":sub") for v in items(value)]
            if not subjects or any(subject in ("*", "repo:*") for subject in subjects):
                yield f"{statement.sid} lets every identity of the provider assume it"


@each(
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/role:Role",
    demands="no role is an administrator's",
    reason="whoever takes over a pod or a pipeline with such a role has the account",
    fix="attach a policy of the actions that it needs",
)
def no_role_is_an_administrator(resource: Resource, environment: str) -> Iterator[str]:
    for arn in [*items(resource.get("policyArn")), *items(resource.get("managedPolicyArns"))]:
        name = str(arn).rpartition("/")[2]
        if name in ADMINISTRATORS or name.endswith("FullAccess"):
            yield f"has {name}"


@each(
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    demands="there are no users and no long-lived keys",
    reason="keys leak, and stay valid until somebody notices",
    fix="let people come by IAM Identity Center, pods by Pod Identity, pipelines by OIDC",
)
def nobody_has_a_lasting_key(resource: Resource, environment: str) -> Iterator[str]:
    yield "lasts until somebody removes it"
