"""Every role of a stack is bounded where its file says so, and the deploy role may then make each of them."""

from pathlib import Path

from infra.account import deploy
from infra.account_iam import boundary_name
from infra.iam import Aws
from local.aws.policy import decide
from rayeks.plan import plan

NAME = "ray-dev"
AWS = Aws("123456789012", "us-west-2")


def test_a_boundary_is_on_every_role_and_changes_nothing_else(checkout: Path) -> None:
    file = checkout / "stacks" / "Pulumi.dev.yaml"
    plain = plan("dev", root=checkout)
    file.write_text(file.read_text().replace("\n    environment: dev\n", _ADDED, 1))
    bounded = plan("dev", root=checkout)
    arn = f"arn:aws:iam::{AWS.account}:policy/{boundary_name(NAME)}"
    roles = list(bounded.of_type("aws:iam/role:Role"))
    assert len(roles) > 5, "those of pulumi_eks and of Karpenter are among them"
    assert {role.inputs.get("permissionsBoundary") for role in roles} == {arn}
    assert {role.inputs.get("permissionsBoundary") for role in plain.of_type("aws:iam/role:Role")} == {None}
    assert [resource.urn for resource in plain.resources] == [resource.urn for resource in bounded.resources]

    policies = deploy(AWS, "dev", NAME)
    for role in roles:
        # The provider makes up a name from Pulumi's own where the program gives none.
        target = AWS.role(role.inputs.get("name") or f"{role.name}-0123456")
        asked = {"iam:PermissionsBoundary": [role.inputs["permissionsBoundary"]]}
        assert decide(policies, "iam:CreateRole", target, asked).result == "allowed", role.name
        assert decide(policies, "iam:CreateRole", target, {}).result != "allowed", role.name


_ADDED = f"\n    environment: dev\n    permissions_boundary: {boundary_name(NAME)}\n"
