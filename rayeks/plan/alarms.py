"""What breaks, gathered from every part of a report: what is to be read before anything else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rayeks.plan.bill import Bill
from rayeks.plan.capacity import Capacity
from rayeks.plan.constraints import Finding
from rayeks.plan.judged import Judgement
from rayeks.plan.runs import Run

if TYPE_CHECKING:
    from rayeks.plan.base import Comparison

ASK = "`rayeks prices refresh` asks AWS"


class Kind(StrEnum):
    """What an alarm is about, the gravest first."""

    DATA = "data would be lost"
    REFUSED = "AWS would refuse"
    POLICY = "policy"
    CAPACITY = "no machine fits"
    BASE = "no comparison"
    PRICE = "price unknown"


@dataclass(frozen=True)
class Alarm:
    """One thing that breaks. `stops` is whether the plan fails for it; with `strict`, those of `strictly` fail too."""

    kind: Kind
    text: str
    fix: str = ""
    stops: bool = True

    def to_json(self) -> dict[str, Any]:
        """The alarm for machines."""
        return {"kind": str(self.kind), "text": self.text, "fix": self.fix, "stops": self.stops}


def alarms(
    *,
    comparison: "Comparison | None",
    findings: Iterable[Finding],
    policies: Judgement | None,
    capacity: Capacity | None,
    bill: Bill | None,
    runs: Iterable[Run],
) -> Iterator[Alarm]:
    """Everything that breaks, the gravest first."""
    pods = capacity.pods if capacity else ()
    changes = comparison.difference if comparison else None
    for loss in changes.losses if changes else ():
        # A loss is for a reviewer to decide: a stack that is taken away on purpose is no mistake.
        yield Alarm(Kind.DATA, str(loss), stops=False)
    for finding in findings:
        yield Alarm(Kind.REFUSED, str(finding))
    for verdict in policies.stopping if policies else ():
        subject = f"{verdict.resource} " if verdict.resource else "the stack "
        yield Alarm(Kind.POLICY, f"{verdict.policy}: {subject}{verdict.message}", verdict.fix)
    for row in pods:
        if row.pool is None:
            why = row.lacks[0] if row.lacks else "there is no pool"
            yield Alarm(Kind.CAPACITY, f"sample {row.sample}: {row.count} × {row.pod} would stay Pending: {why}")
    if comparison and comparison.problem:
        yield Alarm(Kind.BASE, comparison.problem, stops=False)
    for what in bill.unknown if bill else ():
        yield Alarm(Kind.PRICE, f"{what} has no price: the total is too low by it", ASK, stops=False)
    for run in runs:
        if run.hour is None and not any(row.sample == run.sample and row.lacks for row in pods):
            yield Alarm(Kind.PRICE, f"an hour of sample {run.sample} has no price", ASK, stops=False)
