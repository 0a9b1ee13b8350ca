"""The architecture as a picture: the components of a plan, drawn in the order in which they wait for each other."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import mean

from rayeks.plan.bill import Bill
from rayeks.plan.model import STACK_TYPE, Plan
from rayeks.report import words

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 148, 54, 26, 44, 8


@dataclass(frozen=True)
class Box:
    """One component on the picture, in pixels from the upper left corner."""

    urn: str
    title: str
    detail: str
    x: int
    y: int


@dataclass(frozen=True)
class Arrow:
    """What a component waits for: an SVG path from the lower edge of one box to the upper edge of another."""

    path: str
    source: str
    target: str


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows, and the size of the sheet that they are on."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def owners(plan: Plan) -> dict[str, str]:
    """Resource → the component right below the stack that it belongs to, itself included."""
    stack = next((one.urn for one in plan.of_type(STACK_TYPE)), None)
    top = {one.urn for one in plan.resources if one.parent == stack and not one.custom and one.type != STACK_TYPE}
    found: dict[str, str] = {}
    for resource in plan.resources:
        urn: str | None = resource.urn
        while urn and urn not in top:
            urn = plan.by_urn[urn].parent if urn in plan.by_urn else None
        if urn:
            found[resource.urn] = urn
    return found


def needs(plan: Plan, owner: Mapping[str, str]) -> dict[str, set[str]]:
    """Component → the components that it waits for.

    Where two wait for parts of each other (the cluster's DNS for nodes, nodes for the cluster), the one counts that
    does so more often.
    """
    found: Counter[tuple[str, str]] = Counter()
    for resource in plan.resources:
        mine = owner.get(resource.urn)
        others = (owner.get(urn) for urn in resource.waits_for)
        found.update((mine, other) for other in others if mine and other and other != mine)
    graph: dict[str, set[str]] = {urn: set() for urn in dict.fromkeys(owner.values())}
    for (mine, other), count in found.items():
        if (count, mine) > (found[other, mine], other):
            graph[mine].add(other)
    return graph


def layers(graph: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Component → how many others it waits for in a row; of a ring, one link is not looked at."""
    found: dict[str, int] = {}

    def place(urn: str, above: frozenset[str]) -> int:
        if urn not in found:
            inside = sorted(other for other in graph[urn] if other not in above)
            found[urn] = max((place(other, above | {other}) + 1 for other in inside), default=0)
        return found[urn]

    for urn in sorted(graph):
        place(urn, frozenset({urn}))
    return found


def picture(plan: Plan, bill: Bill | None, *, across: int) -> Picture:
    """The plan's components in rows of at most `across`, each below all that it waits for."""
    owner = owners(plan)
    graph = needs(plan, owner)
    layer = layers(graph)
    rows: list[list[str]] = []
    place: dict[str, float] = {}
    for depth in range(max(layer.values(), default=-1) + 1):
        # Each stands below the middle of what it waits for, so that few arrows cross.
        members = sorted(
            (urn for urn in layer if layer[urn] == depth),
            key=lambda urn: (mean([place[other] for other in graph[urn] if other in place] or [0.5]), _name(plan, urn)),
        )
        place |= {urn: (at + 0.5) / len(members) for at, urn in enumerate(members)}
        rows += [members[at : at + across] for at in range(0, len(members), across)]
    sheet = 2 * MARGIN + across * WIDTH + (across - 1) * GAP_X
    money = _spent(bill, owner)
    boxes = {
        urn: Box(urn, _name(plan, urn), _detail(plan, urn, money), x, MARGIN + row * (HEIGHT + GAP_Y))
        for row, members in enumerate(rows)
        for urn, x in zip(members, _columns(len(members), sheet), strict=True)
    }
    arrows = tuple(
        _arrow(boxes[other], boxes[urn])
        for urn in boxes
        for other in sorted(_direct(urn, graph))
        if boxes[other].y < boxes[urn].y
    )
    height = 2 * MARGIN + max(len(rows), 1) * HEIGHT + max(len(rows) - 1, 0) * GAP_Y
    return Picture(sheet, height, tuple(boxes.values()), arrows)


def _columns(count: int, sheet: int) -> list[int]:
    """The left edges of boxes that stand evenly in the middle of a row."""
    used = count * WIDTH + (count - 1) * GAP_X
    return [(sheet - used) // 2 + at * (WIDTH + GAP_X) for at in range(count)]


def _direct(urn: str, graph: Mapping[str, set[str]]) -> set[str]:
    """What a component waits for, less what it waits for through another one anyway."""

    def reached(start: str, seen: set[str]) -> set[str]:
        for other in graph[start] - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    through = {far for near in graph[urn] for far in reached(near, {near}) - {near}}
    return graph[urn] - through or graph[urn]


def _arrow(above: Box, below: Box) -> Arrow:
    x1, y1, x2, y2 = above.x + WIDTH // 2, above.y + HEIGHT, below.x + WIDTH // 2, below.y
    bend = min(GAP_Y, (y2 - y1) // 2)
    return Arrow(f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}", above.urn, below.urn)


def _name(plan: Plan, urn: str) -> str:
    return words.kind(plan.by_urn[urn].type)


def _detail(plan: Plan, urn: str, money: Mapping[str, Decimal]) -> str:
    count = words.counted(plan.below(urn), "resource")
    return f"{count} · {words.money(money[urn], digits=0)}" if money.get(urn) else count


def _spent(bill: Bill | None, owner: Mapping[str, str]) -> dict[str, Decimal]:
    """Component → what its lines of the bill come to; a line of several components counts for the first."""
    found: dict[str, Decimal] = {}
    for line in bill.floor if bill else ():
        mine = owner.get(line.urns[0]) if line.urns else None
        if mine and line.amount is not None:
            found[mine] = found.get(mine, Decimal(0)) + line.amount
    return found
