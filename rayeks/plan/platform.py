"""The validated configuration that a plan was made from."""

import json

from infra.config import InvalidPlatform, Platform, assembled, parse
from rayeks.errors import UserError
from rayeks.plan.model import Plan


def platform(planned: Plan) -> Platform:
    """The configuration that the plan was made from; UserError names every mistake in it."""
    config = planned.config
    values = assembled(
        json.loads(config.get(f"{planned.project}:platform", "{}")),
        region=config.get("aws:region"),
        accounts=json.loads(config.get("aws:allowedAccountIds", "[]")),
        default_tags=json.loads(config.get("aws:defaultTags", "{}")),
    )
    try:
        return parse(values)
    except InvalidPlatform as error:
        raise UserError(f"Pulumi.{planned.stack}.yaml: {error}") from None
