"""The validated configuration that a plan was made from."""

import json

from infra.config import InvalidPlatform, Platform, PortablePlatform, assembled, parse_any
from rayeks.errors import UserError
from rayeks.plan.model import Plan


def platform(planned: Plan) -> Platform:
    """The configuration of a stack on AWS; UserError names every mistake in it, or that it is not on AWS."""
    found = settings(planned)
    if isinstance(found, PortablePlatform):
        raise UserError(
            f"the stack {planned.stack} is on a Kubernetes that is there already, and this is about AWS",
            f"rayeks plan {planned.stack}",
        )
    return found


def settings(planned: Plan) -> Platform | PortablePlatform:
    """The configuration that the plan was made from; UserError names every mistake in it."""
    config = planned.config
    values = assembled(
        json.loads(config.get(f"{planned.project}:platform", "{}")),
        region=config.get("aws:region"),
        accounts=json.loads(config.get("aws:allowedAccountIds", "[]")),
        default_tags=json.loads(config.get("aws:defaultTags", "{}")),
    )
    try:
        return parse_any(values)
    except InvalidPlatform as error:
        raise UserError(f"Pulumi.{planned.stack}.yaml: {error}") from None
