"""A plan with all that can be said of it before AWS is asked: what breaks, what it costs, and when it is ready."""

import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from infra.config import PortablePlatform
from rayeks.errors import UserError
from rayeks.plan.alarms import Alarm, Kind, alarms
from rayeks.plan.bill import Bill, bill, total
from rayeks.plan.capacity import Capacity, capacity
from rayeks.plan.constraints import Finding, check, unchecked
from rayeks.plan.critical_path import CriticalPath, critical_path
from rayeks.plan.judged import Judgement, policies
from rayeks.plan.model import Plan
from rayeks.plan.nodes import Nodes, nodes
from rayeks.plan.platform import settings
from rayeks.plan.runs import Run, runs

if TYPE_CHECKING:
    from rayeks.plan.base import Comparison


@dataclass(frozen=True)
class Report:
    """A plan and its assessment; `unchecked` are the AWS types that no rule covers.

    Of a program that is not this platform's there is no `bill`, `capacity` and `policies`, and of a stack that is not
    on AWS `nodes` in the place of the first two; `comparison` is there where a base was asked for. `today` decides how
    old prices are.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    path: CriticalPath
    unchecked: tuple[str, ...]
    today: date
    bill: Bill | None = None
    capacity: Capacity | None = None
    runs: tuple[Run, ...] = ()
    policies: Judgement | None = None
    comparison: "Comparison | None" = None
    nodes: Nodes | None = None

    @cached_property
    def alarms(self) -> tuple[Alarm, ...]:
        """Everything that breaks, the gravest first."""
        found = alarms(
            comparison=self.comparison,
            findings=self.findings,
            policies=self.policies,
            capacity=self.capacity,
            bill=self.bill,
            runs=self.runs,
        )
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """The plan's document with everything that is said of it."""
        parts = {
            "bill": self.bill,
            "capacity": self.capacity,
            "nodes": self.nodes,
            "policies": self.policies,
            "comparison": self.comparison,
        }
        return {
            **self.plan.to_json(),
            "alarms": [alarm.to_json() for alarm in self.alarms],
            "findings": [finding.to_json() for finding in self.findings],
            "unchecked": list(self.unchecked),
            "criticalPath": self.path.to_json(),
            **{name: part.to_json() for name, part in parts.items() if part},
            **({"runs": [run.to_json() for run in self.runs]} if self.bill else {}),
        }

    def document(self) -> str:
        """The JSON text of it, the same for every run of the same stack."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    def raise_for_alarms(self, *, strict: bool = False) -> None:
        """Raises UserError with everything that stops the stack, if there is one; `strict` adds unknown prices."""
        stopping = [alarm for alarm in self.alarms if alarm.stops or (strict and alarm.kind is Kind.PRICE)]
        if stopping:
            lines = [
                f"  {number}. {alarm.kind}: {alarm.text}" + (f" ({alarm.fix})" if alarm.fix else "")
                for number, alarm in enumerate(stopping, start=1)
            ]
            raise UserError(f"the stack {self.plan.stack} breaks; nothing was created:\n" + "\n".join(lines))


def assess(plan: Plan, *, comparison: "Comparison | None" = None, today: date | None = None) -> Report:
    """Everything that follows from a plan, and from its comparison with a base. UserError for a wrong configuration."""
    today = today or date.today()
    path, refused, unruled = critical_path(plan), tuple(check(plan)), tuple(unchecked(plan))
    if f"{plan.project}:platform" not in plan.config:
        return Report(plan, refused, path, unruled, today, comparison=comparison)
    chosen = settings(plan)
    if isinstance(chosen, PortablePlatform):
        judged = policies(plan, today=today)
        held = nodes(chosen)
        return Report(plan, refused, path, unruled, today, policies=judged, comparison=comparison, nodes=held)
    costs, table = bill(plan, chosen, today), capacity(chosen)
    return Report(
        plan,
        refused,
        path,
        unruled,
        today,
        costs,
        table,
        runs(table, chosen, costs.node_hours),
        policies(plan, monthly_usd=float(total(costs.floor)), today=today),
        comparison,
    )
