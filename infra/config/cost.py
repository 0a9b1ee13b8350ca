"""Choices of what is paid for: budgets, anomalies, the bill as data."""

from typing import Annotated

from pydantic import Field

from infra.config.base import Name, Slice
from infra.config.storage import Bucket
from infra.config.tenants import TeamName

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=320)]
Usd = Annotated[float, Field(ge=0.01, le=1e9, description="US dollars")]
TagKey = Annotated[str, Field(min_length=1, max_length=128)]


class Budget(Slice):
    """A monthly budget with alerts: of the whole environment, or of one team."""

    monthly_usd: Usd
    team: TeamName | None = None
    alert_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field((80, 100), min_length=1, max_length=4)
    """Alert when spending passes these shares of the budget, and when it is forecast to pass the last."""


class Cost(Slice):
    """Who is told when money is spent."""

    subscribers: tuple[Email, ...] = Field(min_length=1, max_length=10)
    budgets: dict[Name, Budget] = {}
    anomaly_usd: Usd | None = None
    """Report unusual spending of at least so much; leave it out for no anomaly monitor."""
    activate_tags: tuple[TagKey, ...] = ()
    """Cost-allocation tags to activate; only the payer account may, a day after a tag's first use."""
    export: Bucket | None = None
    """The bill as data (CUR 2.0 with split cost allocation), in a bucket of its own; only the payer account may."""
