"""What a stack is excused from, by whom and until when, and what a month of it may cost."""

from datetime import date
from typing import Annotated

from pydantic import Field

from infra.config.base import Slice
from infra.config.cost import Usd


class PolicyException(Slice):
    """A finding that somebody answers for, until a day on which it counts again."""

    policy: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    """A name that `rayeks policies` lists."""
    resource: str = Field(min_length=1)
    """The resource's name or URN, with `*` and `?`; `*` alone is every one."""
    reason: str = Field(min_length=10)
    owner: str = Field(min_length=1)
    """Who answers for it, and is asked when it expires."""
    expires: date
    """The last day on which it holds."""


class Policies(Slice):
    """How this stack stands to the policies of infra/policies."""

    monthly_ceiling_usd: Usd | None = None
    """The most that a month may cost when nobody works: the floor of the bill in `rayeks plan`. An engine does not know
    the bill, and demands only that there is a ceiling."""
    exceptions: tuple[PolicyException, ...] = ()
