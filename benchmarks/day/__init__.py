"""The cost of a day: one trace of work through the real Karpenter and KubeRay, for our pools and for others'."""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.day import contenders, picture, trace
from benchmarks.day.contenders import Contender
from benchmarks.day.ledger import Result
from benchmarks.day.run import Day
from benchmarks.day.trace import Item
from benchmarks.simulated import QUICK, simulated
from infra import instances
from infra.config import Platform
from infra.requirements import AWS, labels
from local.controllers.catalogue import Entry, catalogue
from local.home import root
from rayeks.errors import UserError
from rayeks.plan import plan
from rayeks.preflight.stack import platform as configured

Say = Callable[[str], None]
STACK = "prod"
"""The stack whose pools are ours."""
SEED, HOURS = 7, 24
RESULTS = Path("docs/cost-of-a-day")
PAGE, PICTURE = Path("docs/cost-of-a-day.md"), Path("docs/cost-of-a-day.svg")
SETTINGS = QUICK | {"feature-gates": "StaticCapacity=true"}
NAMES = ("ours", "static", "groups", "data-on-eks", "ai-on-eks")


def days(names: Sequence[str], *, hours: int, seed: int, items: Sequence[Item] | None, say: Say) -> Generator[Result]:
    """Each contender's day, one after the other on one API server. UserError for a name that is not one."""
    for name in names:
        if name not in NAMES:
            raise UserError(f"there is no contender {name!r}", f"use one of {', '.join(NAMES)}")
    platform = configured(plan(STACK, root=root()))
    items = trace.generated(seed, hours) if items is None else items
    with simulated(machines(platform), say, SETTINGS) as api:
        for name in names:
            contender = made(platform, items)[name]()
            say(f"{contender.title}: {len(items)} clusters in {hours} h")
            day = Day(api, contender, items, platform.region, seed)
            yield day.run(say)
            day.clear()


def made(platform: Platform, items: Sequence[Item]) -> Mapping[str, Callable[[], Contender]]:
    """Name → what makes the contender."""
    return {
        "ours": partial(contenders.ours, platform),
        "static": partial(contenders.static, items, platform),
        "groups": contenders.groups,
        "data-on-eks": contenders.data_on_eks,
        "ai-on-eks": contenders.ai_on_eks,
    }


def machines(platform: Platform) -> list[Entry]:
    """What EC2 sells in the stack's zones of the categories that any contender may use: amd64, no bare metal."""
    names = [name for name in instances.names() if _wanted(labels(name))]
    return catalogue(names, region=platform.region, zones=platform.network.zones)


def publish(result: Result, folder: Path) -> None:
    """Keep a result below `folder`, and draw the table and the picture of all that are kept there."""
    kept = folder / RESULTS
    kept.mkdir(exist_ok=True)
    (kept / f"{result.contender}.json").write_text(json.dumps(result.to_json()) + "\n")
    known = published(folder)
    (folder / PICTURE).write_text(picture.drawn(known))
    page = folder / PAGE
    page.write_text(picture.between(page.read_text(), picture.table(known)))


def published(folder: Path) -> list[Result]:
    """The results that are kept, the cheapest last."""
    found = []
    for file in sorted((folder / RESULTS).glob("*.json")):
        held = json.loads(file.read_text())
        found.append(replace(Result(**held), rate=tuple(map(tuple, held["rate"])), notes=tuple(held["notes"])))
    return sorted(found, key=lambda result: -result.usd)


def _wanted(held: Mapping[str, str]) -> bool:
    return (
        held["kubernetes.io/arch"] == "amd64"
        and held.get(f"{AWS}/instance-category") in ("c", "m", "r", "g")
        and int(held.get(f"{AWS}/instance-generation", "0")) >= 5
        and held[f"{AWS}/instance-hypervisor"] == "nitro"
        and "metal" not in held[f"{AWS}/instance-size"]
    )
