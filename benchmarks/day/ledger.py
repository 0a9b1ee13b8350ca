"""What the day cost and how long people waited: pure, from the lives of machines and the waits of pods."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.day.trace import STEP

START_S = {False: 53, True: 89}
"""Seconds from a NodeClaim to a node that takes pods, without and with a GPU: what data-on-eks measured on EKS
(NodeClaim 13 s, Ready at 40 s more, the GPU registered 36 s later); images come on top for everybody alike."""


@dataclass
class Machine:
    """A node of the day; times are minutes of the day. `ended` is when it stopped costing."""

    name: str
    claim: str
    pool: str
    instance_type: str
    capacity: str
    zone: str
    usd_per_hour: float
    gpus: int
    born: float
    changed: float
    """When a pod last came or went."""
    stood: bool = False
    """Whether it was there before the day, as one of so many that are always there."""
    ended: float | None = None
    released: float | None = None
    """Since when Karpenter may consolidate it, by its pool's own time."""

    def usd(self, until: float) -> float:
        """What it cost up to a minute of the day."""
        return self.usd_per_hour * self.hours(until)

    def hours(self, until: float) -> float:
        """How long it was paid for."""
        return max(0.0, min(self.ended if self.ended is not None else until, until) - self.born) / 60


@dataclass
class Wait:
    """A Ray pod that was asked for at a minute of the day, and the seconds until it had a machine that takes pods."""

    pod: str
    item: str
    role: str
    asked: float
    seconds: float | None = None


@dataclass(frozen=True)
class Result:
    """A contender's day."""

    contender: str
    title: str
    seed: int
    hours: int
    usd: float
    spot_usd: float
    machine_hours: float
    machines: int
    most_machines: int
    gpu_share: float
    """GPU hours that pods asked for, of those that were paid."""
    pods: int
    p50_s: float
    p99_s: float
    longest_s: float
    never: int
    """Pods that never had a machine."""
    moved: int
    """Pods that began again because Karpenter consolidated the machine under them."""
    interrupted: int
    """Spot machines that EC2 took back."""
    minutes: float
    """That the run took."""
    memory_mib: int
    at_once: Mapping[str, float] = field(default_factory=dict)
    """Role → the share of its pods that found room on a machine that was there."""
    notes: tuple[str, ...] = ()
    rate: tuple[tuple[float, float], ...] = field(default=())
    """(minute of the day, $ an hour from then on)."""

    def to_json(self) -> dict[str, Any]:
        """The document that `docs` keep."""
        return asdict(self)


def rate(machines: Iterable[Machine], until: float) -> tuple[tuple[float, float], ...]:
    """$ an hour at each minute where it changes."""
    changes: dict[float, float] = {0.0: 0.0}
    for machine in machines:
        end = until if machine.ended is None else min(machine.ended, until)
        for at, usd in ((machine.born, machine.usd_per_hour), (end, -machine.usd_per_hour)):
            changes[at] = changes.get(at, 0.0) + usd
    found, now = [], 0.0
    for at in sorted(changes):
        now += changes[at]
        found.append((round(at, 1), round(now, 4)))
    return tuple(found)


def most(machines: Sequence[Machine], until: float) -> int:
    """The most machines at once."""
    return max(
        (
            sum(m.born <= at < (m.ended if m.ended is not None else until) for m in machines)
            for at in {m.born for m in machines}
        ),
        default=0,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the values does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, int(len(ordered) * share + 0.999999) - 1))] if ordered else 0.0


def waited(asked: float, now: float, machine: Machine) -> float:
    """Seconds that a pod waited which got its machine in the step `now`: since it was asked for, and for a machine that
    was not there before, until that takes pods."""
    fresh = machine.born >= asked and not machine.stood
    return (now - asked) * 60 + (START_S[machine.gpus > 0] if fresh else 0)


def at_once(waits: Iterable[Wait]) -> dict[str, float]:
    """Role → the share of its pods that waited for nothing."""
    by_role: dict[str, list[bool]] = {}
    for wait in waits:
        by_role.setdefault(wait.role, []).append(wait.seconds == 0)
    return {role: sum(found) / len(found) for role, found in sorted(by_role.items())}


def ending(machine: Machine, after: Mapping[str, float]) -> float:
    """When an empty machine goes, by its pool's own time (minutes) after the last pod left."""
    return machine.changed + after[machine.pool]


def minutes(duration: str) -> float:
    """A duration of Kubernetes in minutes: `600s`, `15m`, `1h`; inf for `Never`."""
    if duration == "Never":
        return float("inf")
    return float(duration[:-1]) * {"s": 1 / 60, "m": 1, "h": 60}[duration[-1]]


def step_after(minute: float) -> float:
    """The first step that is later."""
    return (minute // STEP + 1) * STEP
