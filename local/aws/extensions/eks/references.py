"""The references that EKS follows into other services before it accepts a request: roles, subnets, keys, templates."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.iam.exceptions import NotFoundException

from local.aws.extensions.eks.service import Document, invalid
from local.aws.moto import Call


def role(call: Call, arn: str) -> Any | None:
    """moto's role of that ARN, or None."""
    try:
        return call.backend("iam").get_role_by_arn(arn)
    except NotFoundException:
        return None


def trusts(trust_policy: Any, principal: str) -> bool:
    """Whether an assume-role policy lets that service assume the role."""
    document = json.loads(trust_policy) if isinstance(trust_policy, str) else trust_policy
    return any(
        statement.get("Effect") == "Allow" and principal in _listed((statement.get("Principal") or {}).get("Service"))
        for statement in _listed(document.get("Statement"))
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def cluster_role(call: Call, arn: str) -> None:
    """Refuse a cluster role that EKS could not assume."""
    found = role(call, arn)
    if found is None or not trusts(found.assume_role_policy_document, "eks.amazonaws.com"):
        raise invalid(
            f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
        )


def node_role(call: Call, arn: str) -> None:
    """Refuse a node role that EC2 could not assume."""
    found = role(call, arn)
    if found is None:
        raise invalid(
            f"The role with name {arn.rsplit('/', 1)[-1]} cannot be found. (Service: AmazonIdentityManagement; "
            "Status Code: 404; Error Code: NoSuchEntity)"
        )
    if not trusts(found.assume_role_policy_document, "ec2.amazonaws.com"):
        raise invalid(
            "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships "
            f"of nodeRole {arn}"
        )


def subnets(call: Call, ids: Sequence[str]) -> list[Any]:
    """moto's subnets of those ids."""
    known = {subnet.id: subnet for subnet in call.backend("ec2").describe_subnets()}
    missing = [subnet_id for subnet_id in ids if subnet_id not in known]
    if missing:
        raise invalid(
            f"The subnet ID '{missing[0]}' does not exist (Service: AmazonEC2; Status Code: 400; "
            "Error Code: InvalidSubnetID.NotFound)"
        )
    return [known[subnet_id] for subnet_id in ids]


def security_groups(call: Call, ids: Iterable[str], vpc_id: str) -> None:
    """Refuse security groups that do not exist or lie in another VPC."""
    for group_id in ids:
        group = call.backend("ec2").get_security_group_from_id(group_id)
        if group is None:
            raise invalid(
                f"The security group ID '{group_id}' does not exist (Service: AmazonEC2; Status Code: 400; "
                "Error Code: InvalidGroup.NotFound)"
            )
        if group.vpc_id != vpc_id:
            raise invalid(f"Security group(s) [{group_id}] are not in the same VPC as the subnets: {vpc_id}")


def key(call: Call, arn: str) -> None:
    """Refuse a KMS key that does not exist or is not enabled."""
    kms = call.backend("kms", region=arn.split(":")[3] if arn.startswith("arn:") else None)
    found = kms.keys.get(arn.rsplit("/", 1)[-1])
    if found is None or found.key_state != "Enabled":
        raise invalid(f"The keyArn in encryptionConfig provider: {arn} is invalid, not found or not enabled.")


def launch_template(call: Call, given: Document) -> tuple[Document, Document]:
    """The launch template with id, name and version filled in, and the data of that version."""
    ec2 = call.backend("ec2")
    if bool(given.get("id")) == bool(given.get("name")):
        raise invalid("Either provide Launch Template ID or Launch Template Name in the request.")
    try:
        template = (
            ec2.get_launch_template(given["id"]) if given.get("id") else ec2.get_launch_template_by_name(given["name"])
        )
        version = template.get_version(given.get("version") or "$Default")
    except EC2ClientError as error:
        raise invalid(
            f"Launch template details can't be found: {getattr(error, 'message', error)}. Please check if the "
            "launch template exists."
        ) from None
    resolved = {"id": template.id, "name": template.name, "version": str(version.number)}
    return resolved, dict(version.data)
