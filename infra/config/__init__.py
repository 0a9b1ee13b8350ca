"""What a stack file says, validated once; `load` is the only reader of Pulumi's configuration."""

import pulumi

from infra.config.platform import InvalidPlatform, Platform, assembled, parse, parse_any
from infra.config.portable import PortablePlatform

__all__ = ["InvalidPlatform", "Platform", "PortablePlatform", "assembled", "load", "parse", "parse_any"]


def load() -> Platform | PortablePlatform:
    """The platform of the stack that Pulumi runs.

    `region`, `account` and `tags` come from the AWS provider's own settings (`aws:region`,
    `aws:allowedAccountIds`, `aws:defaultTags`), so that they are said once. Raises pulumi.RunError, which Pulumi
    prints without a traceback, with every mistake of the stack file.
    """
    aws = pulumi.Config("aws")
    values = assembled(
        pulumi.Config().get_object("platform") or {},
        region=aws.get("region"),
        accounts=aws.get_object("allowedAccountIds"),
        default_tags=aws.get_object("defaultTags"),
    )
    try:
        return parse_any(values)
    except InvalidPlatform as error:
        raise pulumi.RunError(f"Pulumi.{pulumi.get_stack()}.yaml: {error}") from None
