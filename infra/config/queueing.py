"""Choices of the job queues: how teams share what stands idle, and whose job goes first."""

from typing import Annotated

from pydantic import Field

from infra.config.base import Duration, Name, Slice

Priority = Annotated[int, Field(ge=1, le=1_000_000)]


class Queueing(Slice):
    """Kueue: a queue for each tenant over all pools. A job waits until the whole of it fits."""

    cohort: Name = "ray"
    """The group of queues that lend each other what they leave idle."""
    borrow: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How much of its quota a team may hold beyond it while others leave theirs idle: 1 doubles it, 0 is never."""
    priorities: dict[Name, Priority] = Field({"low": 100, "normal": 1_000, "high": 10_000}, min_length=1)
    """Workload priority classes `ray-<name>`; a job of a higher one goes first, and evicts lower ones of its team."""
    start_timeout: Duration = "30m"
    """A job whose pods are not all ready by then gives its place back, and waits again."""
    fair_sharing: bool = True
    """What is lent goes to the team that holds least for its `share`. Otherwise to the highest priority."""
