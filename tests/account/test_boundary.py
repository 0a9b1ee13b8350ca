"""Every role of a stack is bounded where its file says so, and the deploy role may then make each of them."""

from pathlib import Path

import pytest
import yaml

from infra.account import deploy
from infra.account_iam import boundary_name
from infra.account_iam import role as pipeline_role
from infra.iam import Aws
from local.aws.policy import decide
from local.home import root
from rayeks.plan import plan

NAME = "ray-dev"
AWS = Aws("123456789012", "us-west-2")


def test_a_boundary_is_on_every_role_and_changes_nothing_else(checkout: Path) -> None:
    file = checkout / "stacks" / "Pulumi.dev.yaml"
    bounded = plan("dev", root=checkout)
    written = file.read_text()
    file.write_text("\n".join(line for line in written.splitlines() if "permissions_boundary:" not in line))
    assert file.read_text() != written
    plain = plan("dev", root=checkout)
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


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_what_a_stack_file_takes_from_the_account_is_what_the_account_makes(stack: str) -> None:
    settings = yaml.safe_load((root() / f"stacks/Pulumi.{stack}.yaml").read_text())["config"]
    account = yaml.safe_load((root() / f"account/Pulumi.{stack}.yaml").read_text())["config"]
    platform = settings["ray-on-eks:platform"]
    assert account["ray-on-eks-account:account"]["stacks"][stack] == platform["name"]
    assert account["aws:allowedAccountIds"] == settings["aws:allowedAccountIds"]
    assert platform["permissions_boundary"] == boundary_name(platform["name"])
    let_in = {entry["principal"]: entry["role"] for entry in platform["cluster"]["access"].values()}
    aws = Aws(settings["aws:allowedAccountIds"][0], settings["aws:region"])
    for purpose, role in {"deploy": "admin", "preview": "view"}.items():
        assert let_in[aws.role(pipeline_role(platform["name"], purpose))] == role
