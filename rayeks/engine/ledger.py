"""What an engine run did, resource by resource, folded from its events: no display, no clock of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import StepEventMetadata

STACK = "pulumi:pulumi:Stack"
PROVIDERS = "pulumi:providers:"
UNCHANGED = frozenset({"same", "read"})
# What the engine says of providers that lie on PATH, as the local ones do.
NOISE = ("using pulumi-resource-", "resource plugin ")
# A finding of a policy that stops the run; the others are told.
MANDATORY = "mandatory"
# How the engine ends its own list of errors.
VERDICTS = ("update failed", "update canceled", "preview failed")
VERBS = {
    "create": "created",
    "create-replacement": "created as a replacement",
    "update": "updated",
    "delete": "deleted",
    "delete-replaced": "deleted after its replacement",
    "discard": "forgotten",
    "discard-replaced": "forgotten after its replacement",
    "import": "imported",
    "refresh": "read",
    "read": "read",
    "replace": "replaced",
    "same": "unchanged",
}


@dataclass
class Step:
    """One operation on one resource; times are seconds since the run began."""

    urn: str
    type: str
    op: str
    component: str
    custom: bool
    started: float
    ended: float | None = None
    failed: bool = False

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def seconds(self) -> float:
        """How long the operation took; 0 while it runs."""
        return (self.ended or self.started) - self.started

    @property
    def verb(self) -> str:
        """What happened to the resource, for a person to read."""
        return "failed" if self.failed else VERBS.get(self.op, self.op)


@dataclass
class Ledger:
    """Every step of a run in the order in which they began, and what was said meanwhile."""

    steps: list[Step] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    _open: dict[tuple[str, str], Step] = field(default_factory=dict)

    def take(self, event: EngineEvent, now: float) -> Step | None:
        """Note one event at `now` seconds into the run; the step that it ended, if it ended one."""
        self.seconds = now
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata, now)
        elif event.res_outputs_event:
            return self._end(event.res_outputs_event.metadata, now, failed=False)
        elif event.res_op_failed_event:
            return self._end(event.res_op_failed_event.metadata, now, failed=True)
        elif event.policy_event:
            said, text = event.policy_event, plain(event.policy_event.message).strip()
            (self.errors if said.enforcement_level == MANDATORY else self.warnings).append(
                f"{said.policy_name}: {text}"
            )
        elif event.diagnostic_event and not event.diagnostic_event.ephemeral:
            said, urn = event.diagnostic_event, event.diagnostic_event.urn or ""
            text = plain(said.message).strip()
            if urn and STACK not in urn:
                text = f"{_type(urn)} {urn.rsplit('::', 1)[-1]}: {text}"
            if said.severity == "error" and not text.endswith(VERDICTS):
                self.errors.append(text)
            elif said.severity == "warning" and not text.startswith(NOISE):
                self.warnings.append(text)
        return None

    @property
    def running(self) -> list[Step]:
        """The operations in flight."""
        return [step for step in self._open.values() if step.custom]

    @property
    def done(self) -> list[Step]:
        """Finished operations on real resources: no components, no providers, no stack."""
        return [step for step in self.steps if step.ended is not None and step.custom]

    @property
    def changed(self) -> list[Step]:
        """Those of `done` that changed something."""
        return [step for step in self.done if step.op not in UNCHANGED and step.op != "refresh"]

    def counts(self) -> dict[str, int]:
        """How many resources each verb befell; a refresh's own reads count only where nothing else happened."""
        found: dict[str, int] = {}
        for step in self.done:
            if step.op != "refresh":
                found[step.verb] = found.get(step.verb, 0) + 1
        return found

    def _begin(self, step: StepEventMetadata, now: float) -> None:
        state = step.new or step.old
        custom = bool(state and state.custom) and not step.type.startswith(PROVIDERS)
        entry = Step(step.urn, step.type, step.op.value, component(step.urn), custom, now)
        self._open[step.urn, step.op.value] = entry
        self.steps.append(entry)

    def _end(self, step: StepEventMetadata, now: float, *, failed: bool) -> Step | None:
        entry = self._open.pop((step.urn, step.op.value), None)
        # A replacement is told as one logical `replace` besides the two steps that do it.
        if entry is None or step.op is OpType.REPLACE:
            if entry:
                self.steps.remove(entry)
            return None
        entry.ended, entry.failed = now, failed
        return entry if entry.custom else None


@dataclass(frozen=True)
class Component:
    """What befell the resources of one component, and the span of time in which it did."""

    name: str
    counts: dict[str, int]
    started: float
    ended: float


def by_component(steps: Iterable[Step]) -> list[Component]:
    """Finished steps by component, in the order in which the components began; a refresh's reads are not told."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        if step.op != "refresh":
            groups.setdefault(step.component, []).append(step)
    return [
        Component(
            name,
            {verb: sum(step.verb == verb for step in group) for verb in dict.fromkeys(step.verb for step in group)},
            min(step.started for step in group),
            max(step.ended or step.started for step in group),
        )
        for name, group in groups.items()
    ]


def plain(text: str) -> str:
    """A message of the engine without its colour marks, `<{%reset%}>` and the like."""
    before, mark, after = text.partition("<{%")
    return before + plain(after.partition("%}>")[2]) if mark else before


def component(urn: str) -> str:
    """The kind of the outermost component that a resource belongs to; its own kind where there is none.

    A URN names the types of all its parents, outermost first.
    """
    return urn.split("::")[2].split("$")[0].rsplit(":", 1)[-1]


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]
