"""A plan held against the policies: the same list, by the same code, as the policy pack under the real engine."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from infra import policies as infra_policies
from infra.policies import POLICIES, UNKNOWN, Policy, Severity, Stack, Verdict, configured
from rayeks.plan.model import STACK_TYPE, Plan, Resource
from rayeks.plan.values import is_unknown, known, reveal


@dataclass(frozen=True)
class Judgement:
    """What the policies say of a plan, the errors first. `judged` is how many policies apply to its environment."""

    verdicts: tuple[Verdict, ...]
    judged: int

    @property
    def stopping(self) -> tuple[Verdict, ...]:
        """The errors that no exception excuses: with one of them, nothing is deployed."""
        return tuple(verdict for verdict in self.verdicts if verdict.stops)

    @property
    def excepted(self) -> tuple[Verdict, ...]:
        """What somebody answers for."""
        return tuple(verdict for verdict in self.verdicts if verdict.excepted)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings of each severity, and how many excepted ones."""
        return dict(Counter("excepted" if verdict.excepted else str(verdict.severity) for verdict in self.verdicts))

    def to_json(self) -> dict[str, Any]:
        """The judgement for machines."""
        return {
            "judged": self.judged,
            "counts": self.counts,
            "findings": [verdict.to_json() for verdict in self.verdicts],
        }


def policies(
    plan: Plan,
    *,
    monthly_usd: float | None = None,
    today: date | None = None,
    among: Iterable[Policy] = POLICIES,
) -> Judgement:
    """The plan of a stack, judged by what its own configuration says: its environment, exceptions and ceiling.

    `monthly_usd` is the floor of its bill, where that is known; `today` decides which exceptions have expired.
    """
    among, today = tuple(among), today or date.today()
    environment, settings = configured(json.loads(plan.config.get(f"{plan.project}:platform", "{}")))
    stack = Stack(
        environment=environment,
        resources=tuple(view(resource, plan) for resource in plan.resources if not resource.external),
        monthly_usd=monthly_usd,
        ceiling_usd=settings.monthly_ceiling_usd,
    )
    exceptions = settings.exceptions
    found = list(infra_policies.judge(stack, among, exceptions, today))
    found += infra_policies.stale(found, exceptions, among, today)
    weight = list(Severity)
    ordered = sorted(found, key=lambda verdict: (verdict.excepted is not None, weight.index(verdict.severity)))
    return Judgement(tuple(ordered), sum(environment in policy.severity for policy in among))


def view(resource: Resource, plan: Plan) -> infra_policies.Resource:
    """A resource of a plan as policies see it: secrets opened, what only AWS can say unknown.

    The tags that the provider adds by itself are in it, and the stack itself shows its outputs.
    """
    props = dict(plan.outputs if resource.type == STACK_TYPE else resource.inputs)
    if "tagsAll" in resource.outputs:
        props.setdefault("tagsAll", resource.outputs["tagsAll"])
    return infra_policies.Resource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        props=_judged(reveal(props)),
        protect=resource.protect,
        parent=resource.parent,
        dependencies=resource.dependencies,
    )


def _judged(value: Any) -> Any:
    """The value with UNKNOWN where it waits for AWS; a document with an unknown inside can still be read."""
    if isinstance(value, dict):
        return {key: _judged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_judged(item) for item in value]
    if isinstance(value, str) and not known(value):
        return UNKNOWN if is_unknown(value) or not value.lstrip().startswith(("{", "[")) else value
    return value
