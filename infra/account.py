"""What an AWS account has before its first stack: a place for state, and an identity for the pipelines that deploy."""

import json
from collections.abc import Mapping

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import iam, kms

from infra import account_iam, account_rights
from infra.account_iam import Purpose
from infra.buckets import Bucket
from infra.config.storage import Bucket as Settings
from infra.iam import Aws, Document, account_key

SESSION_S = 7200
"""How long a pipeline may hold a role: the longest update of a stack, twice."""


class State(pulumi.ComponentResource):
    """The bucket of every stack's state, and the key that encrypts it and the secrets in it."""

    bucket: Output[str]

    def __init__(self, settings: Settings, *, aws: Aws, opts: ResourceOptions | None = None) -> None:
        super().__init__("rayeks:account:State", "state", None, opts)
        child = ResourceOptions(parent=self, protect=settings.keep)
        name = account_iam.state_bucket(aws)
        key = kms.Key(
            "pulumi-state",
            description="State of Pulumi and the secrets in it",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=json.dumps(account_key(aws)),
            opts=child,
        )
        kms.Alias("pulumi-state", name=account_iam.KEY_ALIAS, target_key_id=key.key_id, opts=child)
        bucket = Bucket(name, settings, key_arn=key.arn, aws=aws, opts=ResourceOptions(parent=self))
        self.bucket = bucket.name
        self.register_outputs({"bucket": self.bucket})


class GitHub(pulumi.ComponentResource):
    """The account's trust in GitHub's own identity tokens: no key of AWS lies in the repository."""

    def __init__(self, opts: ResourceOptions | None = None) -> None:
        super().__init__("rayeks:account:GitHub", "github", None, opts)
        self.provider = iam.OpenIdConnectProvider(
            "github",
            url=f"https://{account_iam.GITHUB}",
            client_id_lists=[account_iam.AUDIENCE],
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({})


class Pipelines(pulumi.ComponentResource):
    """The two roles that GitHub's jobs hold for one stack, and the boundary around every role that the stack makes."""

    roles: dict[str, Output[str]]

    def __init__(
        self,
        stack: str,
        name: str,
        *,
        repository: str,
        github: GitHub,
        aws: Aws,
        opts: ResourceOptions | None = None,
    ) -> None:
        """`name` is the stack's `platform.name`, with which its own resources' names begin."""
        super().__init__("rayeks:account:Pipelines", stack, None, opts)
        self._repository, self._stack, self._name, self._aws = repository, stack, name, aws
        self._child = ResourceOptions(parent=self)
        self._after = ResourceOptions(parent=self, depends_on=[github.provider])
        self._policy(account_iam.boundary_name(name), account_iam.boundary(aws, name))
        self._read = self._policy(account_iam.role(name, "read"), account_rights.read(aws))
        self.roles = {
            "preview": self._role("preview", preview(aws, stack)),
            "deploy": self._role("deploy", deploy(aws, stack, name)),
        }
        self.register_outputs({"roles": self.roles})

    def _policy(self, name: str, document: Document) -> iam.Policy:
        return iam.Policy(name, name=name, policy=_text(document), opts=self._child)

    def _role(self, purpose: Purpose, policies: Mapping[str, Document]) -> Output[str]:
        name = account_iam.role(self._name, purpose)
        claims = account_iam.subjects(self._repository, self._stack, purpose)
        role = iam.Role(
            name,
            name=name,
            assume_role_policy=json.dumps(account_iam.github_trust(self._aws, claims)),
            max_session_duration=SESSION_S,
            opts=self._after,
        )
        iam.RolePolicyAttachment(f"{name}-read", role=role.name, policy_arn=self._read.arn, opts=self._child)
        for key, document in policies.items():
            iam.RolePolicy(f"{name}-{key}", name=key, role=role.name, policy=_text(document), opts=self._child)
        return role.arn


def preview(aws: Aws, stack: str) -> dict[str, Document]:
    """The inline policies of a stack's preview role, beside the right to read that both have."""
    return {"state": account_iam.state(aws, stack, write=False)}


def deploy(aws: Aws, stack: str, name: str) -> dict[str, Document]:
    """The inline policies of a stack's deploy role, beside the right to read that both have."""
    return {
        "state": account_iam.state(aws, stack, write=True),
        "roles": account_iam.roles(aws, name),
        "guard": account_iam.guard(aws),
        **account_rights.change(aws, name),
    }


def _text(document: Document) -> str:
    # IAM counts characters: 10,240 in all for a role's inline policies, 6,144 for a managed one.
    return json.dumps(document, separators=(",", ":"))
