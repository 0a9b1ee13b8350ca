"""A plan with all that can be said of it before AWS is asked: what AWS would refuse, and when the stack is ready."""

import json
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType

from rayeks.errors import UserError
from rayeks.plan.constraints import Finding, check, unchecked
from rayeks.plan.critical_path import CriticalPath, critical_path
from rayeks.plan.model import Plan
from rayeks.plan.render import render, render_findings, render_path


@dataclass(frozen=True)
class Report:
    """A plan and its assessment; `unchecked` are the AWS types that no rule covers."""

    plan: Plan
    findings: tuple[Finding, ...]
    path: CriticalPath
    unchecked: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan's document with `findings`, `unchecked` and `criticalPath` besides."""
        return {
            **self.plan.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
            "unchecked": list(self.unchecked),
            "criticalPath": self.path.to_json(),
        }

    def document(self) -> str:
        """The JSON text of it, the same for every run of the same stack."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    def render(self, *, full: bool = False) -> RenderableType:
        """All of it for a terminal."""
        return Group(render(self.plan, full=full), render_path(self.path), render_findings(self.findings))

    def raise_for_findings(self) -> None:
        """Raises UserError with every value that AWS would refuse, if there is one."""
        if self.findings:
            lines = "\n".join(f"  {number}. {finding}" for number, finding in enumerate(self.findings, start=1))
            raise UserError(f"AWS would refuse the stack {self.plan.stack}; nothing was created:\n{lines}")


def assess(plan: Plan) -> Report:
    """Everything that follows from a plan alone."""
    return Report(plan, tuple(check(plan)), critical_path(plan), tuple(unchecked(plan)))
