"""What people ask of a platform in a day: Ray clusters that come, grow, shrink and go, from a seed or from a file."""

import json
import math
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rayeks.errors import UserError

DAY = 24 * 60
STEP = 10
"""Minutes: the day goes in steps, and whatever happens within one happens at its end."""

Kind = Literal["train", "serve", "etl", "notebook"]
Minute = Annotated[int, Field(ge=0)]


class Item(BaseModel):
    """One Ray cluster: a head, and workers whose number changes at the minutes of `workers`, counted from its start.

    A `gang` works for `minutes` from when all its workers stand; everybody else from when the cluster was asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    kind: Kind
    start: Minute
    minutes: Annotated[int, Field(ge=1, le=2 * DAY)]
    gpu: bool
    """Whether its workers are of a GPU each, or of CPU alone: see `workloads.sizes`."""
    workers: Annotated[tuple[tuple[Minute, Annotated[int, Field(ge=0, le=1000)]], ...], Field(min_length=1)]
    gang: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [at for at, _ in self.workers]
        if times[0] != 0 or any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError(
                f"workers change at {times}: the first change is at 0, and each is later than the one before"
            )
        if times[-1] >= self.minutes:
            raise ValueError(f"workers change at {times[-1]}, after the end at {self.minutes}")
        if self.gang and len(self.workers) > 1:
            raise ValueError("a gang keeps its workers from the start to the end")
        return self

    def wanted(self, since_start: float) -> int:
        """Workers so many minutes after its start."""
        return max((pair for pair in self.workers if pair[0] <= since_start), default=(0, 0))[1]


def generated(seed: int, hours: int = 24) -> tuple[Item, ...]:
    """The day of a team of some thirty people, cut after `hours`: the same seed is the same day.

    Three services that follow the sun, with bursts; a dozen gangs; a nightly ETL; notebooks that idle most of the time.
    """
    chance = random.Random(seed)
    items = [*_services(chance), *_gangs(chance), *_etl(chance), *_notebooks(chance)]
    end = hours * 60
    return tuple(sorted((_cut(item, end) for item in items if item.start < end), key=lambda one: (one.start, one.name)))


def read(path: Path) -> tuple[Item, ...]:
    """A trace of one JSON object a line. UserError names every wrong line and what is wrong with it."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise UserError(
            f"cannot read the trace {path}: {error.strerror}", "name a file that `day --save` wrote"
        ) from error
    items: dict[str, Item] = {}
    faults = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = Item.model_validate(json.loads(line))
        except ValidationError as error:
            faults += [f"line {number}, {_where(each['loc'])}: {each['msg']}" for each in error.errors()]
        except ValueError as error:
            faults.append(f"line {number} is not JSON: {error}")
        else:
            if item.name in items:
                faults.append(f"line {number}, name: {item.name!r} is the name of an earlier line too")
            items[item.name] = item
    if not items and not faults:
        faults.append("no line has a cluster")
    if faults:
        fix = "mend these lines; a good one is " + _line(generated(1, 2)[0])
        raise UserError(f"the trace {path} has errors:\n  " + "\n  ".join(faults), fix)
    return tuple(sorted(items.values(), key=lambda item: (item.start, item.name)))


def write(path: Path, items: Iterable[Item]) -> None:
    """Write a trace as `read` reads it."""
    path.write_text("".join(_line(item) + "\n" for item in items))


def peak(items: Sequence[Item]) -> dict[str, int]:
    """The most heads, CPU workers and GPU workers at once, if nobody waits; each has its own hour of the day."""
    most = {"head": 0, "cpu": 0, "gpu": 0}
    for at in sorted({stepped(item.start + each) for item in items for each, _ in item.workers}):
        here = [item for item in items if stepped(item.start) <= at < stepped(item.start + item.minutes)]
        now = {"head": len(here), "cpu": 0, "gpu": 0}
        for item in here:
            now["gpu" if item.gpu else "cpu"] += item.wanted(at - item.start)
        most = {role: max(count, now[role]) for role, count in most.items()}
    return most


def stepped(minute: float) -> int:
    """The step at which something of that minute happens."""
    return math.ceil(minute / STEP) * STEP


def _services(chance: random.Random) -> Iterable[Item]:
    """Replicas by the hour: least at 4, most at 16, and two bursts of half an hour."""
    for name, most in (("chat", 8), ("search", 5), ("vision", 3)):
        level = {}
        for quarter in range(0, DAY, 30):
            sun = (1 + math.cos((quarter / 60 - 16) / 24 * 2 * math.pi)) / 2
            level[quarter] = max(1, round(most * (0.15 + 0.85 * sun) + chance.uniform(-0.5, 0.5)))
        for burst in chance.sample(range(9 * 60, 21 * 60, 30), 2):
            level[burst] += max(1, most // 2)
        steps = [(at, count) for at, count in level.items() if at == 0 or count != level[at - 30]]
        yield Item(name=f"serve-{name}", kind="serve", start=0, minutes=DAY, gpu=True, workers=tuple(steps))


def _gangs(chance: random.Random) -> Iterable[Item]:
    """Trainings: most are begun in working hours, the long ones in the evening."""
    for index in range(12):
        late = index >= 9
        start = chance.randrange(18 * 60, 22 * 60) if late else chance.randrange(8 * 60, 18 * 60)
        minutes = chance.randrange(120, 300) if late else chance.randrange(30, 150)
        size = chance.choice((2, 3, 4, 4, 5, 6))
        yield Item(
            name=f"train-{index}", kind="train", start=start, minutes=minutes, gpu=True, workers=((0, size),), gang=True
        )


def _etl(chance: random.Random) -> Iterable[Item]:
    """The night's jobs between one and five, and a few by day."""
    for index in range(12):
        night = index < 8
        start = chance.randrange(60, 270) if night else chance.randrange(9 * 60, 17 * 60)
        size = chance.randrange(8, 21) if night else chance.randrange(3, 9)
        minutes = chance.randrange(25, 95)
        yield Item(name=f"etl-{index}", kind="etl", start=start, minutes=minutes, gpu=False, workers=((0, size),))


def _notebooks(chance: random.Random) -> Iterable[Item]:
    """A head all the time; workers for an hour here and there, of a GPU for some."""
    for index in range(14):
        start = chance.randrange(8 * 60, 13 * 60)
        minutes = chance.randrange(2 * 60, 9 * 60)
        changes = [(0, 0)]
        at = chance.randrange(10, 60)
        while at + 40 < minutes:
            changes += [(at, chance.choice((1, 1, 2))), (at + 30, 0)]
            at += 30 + chance.randrange(60, 180)
        yield Item(
            name=f"notebook-{index}",
            kind="notebook",
            start=start,
            minutes=minutes,
            gpu=index % 4 == 0,
            workers=tuple(changes),
        )


def _cut(item: Item, end: int) -> Item:
    """The item, ended where the trace ends."""
    minutes = min(item.minutes, end - item.start)
    return item.model_copy(update={"minutes": minutes, "workers": tuple(w for w in item.workers if w[0] < minutes)})


def _line(item: Item) -> str:
    return item.model_dump_json(exclude_defaults=True)


def _where(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path)) or "the whole"
