"""What changes between two plans of a stack, in a reviewer's order: lost data, then money, rules and resources."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from infra.policies import Verdict
from rayeks.plan.judged import Judgement
from rayeks.plan.model import Resource
from rayeks.plan.steps import Op, Step
from rayeks.plan.values import reveal

LOST: Mapping[str, str] = {
    "aws:cloudwatch/logGroup:LogGroup": "what it logged",
    "aws:dynamodb/table:Table": "its items",
    "aws:ebs/snapshot:Snapshot": "the snapshot",
    "aws:ebs/volume:Volume": "everything on it",
    "aws:ecr/repository:Repository": "its images",
    "aws:efs/fileSystem:FileSystem": "every file on it",
    "aws:eks/cluster:Cluster": "everything that runs in it, and the volumes that were made in it",
    "aws:fsx/lustreFileSystem:LustreFileSystem": "every file on it that no bucket has",
    "aws:kms/key:Key": "the key to everything that it encrypted",
    "aws:rds/cluster:Cluster": "its data",
    "aws:rds/instance:Instance": "its data",
    "aws:s3/bucket:Bucket": "every object in it",
    "aws:secretsmanager/secret:Secret": "the secret",
    "kubernetes:core/v1:Namespace": "every object in it, jobs and claims included",
    "kubernetes:core/v1:PersistentVolumeClaim": "what its volume holds, where that is not retained,",
}
"""Types that hold what cannot be made again → what is lost with one. A volume by itself is only a pointer."""


@dataclass(frozen=True)
class Loss:
    """A resource that holds data and would be deleted or replaced; `held` is what stands in the way, if anything."""

    step: Step
    lost: str
    held: str | None

    def __str__(self) -> str:
        step = self.step
        verb = "deleted" if step.op is Op.DELETE else "replaced"
        why = f" because {_and(step.replacing)} changes" if step.replacing and not step.dragged_by else ""
        if step.dragged_by:
            why = f" because {_named(step.dragged_by)} has to go first"
        text = f"{label(step.resource)} would be {verb}{why}: {self.lost} would be lost"
        return f"{text}, but {self.held}" if self.held else text

    def to_json(self) -> dict[str, Any]:
        """The loss for machines."""
        return {"urn": self.step.resource.urn, "text": str(self), "lost": self.lost, "held": self.held}


@dataclass(frozen=True)
class Difference:
    """From a base to a head. Costs are US dollars a month, None where a price is not known."""

    steps: tuple[Step, ...]
    base_usd: Decimal | None = None
    head_usd: Decimal | None = None
    broken: tuple[Verdict, ...] = ()
    fixed: tuple[Verdict, ...] = ()

    def of(self, op: Op) -> tuple[Step, ...]:
        """What befalls so, in the order in which the engine would come to it."""
        return tuple(step for step in self.steps if step.op is op)

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """Data that would be lost: what is to be read first."""
        found = (_loss(step) for step in self.steps)
        return tuple(loss for loss in found if loss)

    @property
    def counts(self) -> dict[str, int]:
        """How many resources each thing befalls; those that stay are counted too."""
        return {str(op): count for op, count in Counter(step.op for step in self.steps).items()}

    @property
    def usd(self) -> Decimal | None:
        """How much more a month costs."""
        return None if self.base_usd is None or self.head_usd is None else self.head_usd - self.base_usd

    def to_json(self) -> dict[str, Any]:
        """The difference for machines."""
        return {
            "counts": self.counts,
            "losses": [loss.to_json() for loss in self.losses],
            "monthlyUsd": {name: _text(getattr(self, f"{name}_usd")) for name in ("base", "head")}
            | {"difference": _text(self.usd)},
            "policies": {
                "broken": [verdict.to_json() for verdict in self.broken],
                "fixed": [verdict.to_json() for verdict in self.fixed],
            },
            "steps": [_step(step) for step in self.steps if step.op is not Op.SAME],
        }


def difference(
    steps: Iterable[Step],
    *,
    judged: tuple[Judgement, Judgement] | None = None,
    usd: tuple[Decimal | None, Decimal | None] = (None, None),
) -> Difference:
    """The difference that some steps make; `judged` and `usd` are the base's and the head's.

    Providers are the engine's own affair, and are left out.
    """
    kept = tuple(step for step in steps if step.resource.custom and step.resource.package != "pulumi")
    broken = fixed = ()
    if judged:
        before, after = ([v for v in judgement.verdicts if v.excepted is None] for judgement in judged)
        broken, fixed = _without(after, before), _without(before, after)
    return Difference(kept, usd[0], usd[1], broken, fixed)


def label(resource: Resource) -> str:
    """A resource as a person calls it: `s3.Bucket datasets`."""
    package, module, name = resource.type.split(":", 2)
    return f"{module.split('/')[0]}.{name} {resource.name}" if package == "aws" else f"{name} {resource.name}"


def _loss(step: Step) -> Loss | None:
    if step.op not in (Op.DELETE, Op.REPLACE) or step.resource.type not in LOST:
        return None
    before = step.before or step.resource
    return Loss(step, LOST[before.type], _held(before, step.resource))


def _held(before: Resource, after: Resource) -> str | None:
    """What keeps the data all the same, by the settings that are deployed."""
    inputs = reveal(before.inputs)
    if before.protect and (after is before or after.protect):
        return "it is protected, and Pulumi refuses"
    if before.retain_on_delete:
        return "it stays in the account, and Pulumi forgets it"
    match before.type:
        case "aws:eks/cluster:Cluster" if inputs.get("deletionProtection"):
            return "its deletion protection makes AWS refuse"
        case "aws:s3/bucket:Bucket" if not inputs.get("forceDestroy"):
            return "AWS refuses while there is an object in it"
        case "aws:ecr/repository:Repository" if not inputs.get("forceDelete"):
            return "AWS refuses while there is an image in it"
        case "aws:kms/key:Key":
            days = inputs.get("deletionWindowInDays", 30)
            return f"its deletion can be undone for {days} days"
    return None


def _without(some: Sequence[Verdict], others: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The findings that the others do not have: the same one has the same policy, resource and message."""
    known = {(verdict.policy, verdict.urn, verdict.message) for verdict in others}
    return tuple(verdict for verdict in some if (verdict.policy, verdict.urn, verdict.message) not in known)


def _step(step: Step) -> dict[str, Any]:
    return {
        "op": str(step.op),
        "urn": step.resource.urn,
        "type": step.resource.type,
        "name": step.resource.name,
        "was": step.before.urn if step.before and step.before.urn != step.resource.urn else None,
        "changed": list(step.changed),
        "replacing": list(step.replacing),
        "draggedBy": step.dragged_by,
        "deleteFirst": step.delete_first,
        "rulesKnown": step.known,
    }


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _named(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2].rpartition(":")[2] + " " + urn.rpartition("::")[2]


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:.2f}"
