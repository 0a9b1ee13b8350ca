"""The architecture as a picture: the components of a plan, drawn in the order in which they wait for each other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import mean

from rayeks.plan.bill import Bill
from rayeks.plan.model import STACK_TYPE, Plan
from rayeks.report import words

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 148, 54, 26, 44, 8
LANE, LANES = 7, 3
"""Pixels between arrows that go around boxes, and how many there is room for at each side of the sheet."""


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


def layers(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """Component → how many others it waits for in a row; of a ring, one link is not looked at.

    What waits for nothing stands right above the first that needs it.
    """
    found: dict[str, int] = {}

    def place(urn: str, above: frozenset[str]) -> int:
        if urn not in found:
            inside = sorted(other for other in graph[urn] if other not in above)
            found[urn] = max((place(other, above | {other}) + 1 for other in inside), default=0)
        return found[urn]

    for urn in sorted(graph):
        place(urn, frozenset({urn}))
    for urn in graph:
        if not graph[urn]:
            users = [found[other] for other in graph if urn in graph[other]]
            found[urn] = max(0, min(users, default=0) - 1)
    return found


def picture(plan: Plan, bill: Bill | None, *, across: int) -> Picture:
    """The plan's components in rows of at most `across`, each below all that it waits for."""
    owner = owners(plan)
    graph = needs(plan, owner)
    rows = _rows(plan, graph, across)
    sheet = 2 * (MARGIN + LANE * LANES) + across * WIDTH + (across - 1) * GAP_X
    money = _spent(bill, owner)
    boxes = {
        urn: Box(urn, _name(plan, urn), _detail(plan, urn, money), x, MARGIN + row * (HEIGHT + GAP_Y))
        for row, members in enumerate(rows)
        for urn, x in zip(members, _columns(len(members), sheet), strict=True)
    }
    links = [(boxes[other], boxes[urn]) for urn in boxes for other in sorted(_direct(urn, graph))]
    links = [(above, below) for above, below in links if above.y < below.y]
    long = [link for link in links if link[1].y - link[0].y > HEIGHT + GAP_Y]
    arrows = [_arrow(above, below) for above, below in links if (above, below) not in long]
    arrows += [_around(above, below, sheet, number) for number, (above, below) in enumerate(long)]
    height = 2 * MARGIN + max(len(rows), 1) * HEIGHT + max(len(rows) - 1, 0) * GAP_Y
    return Picture(sheet, height, tuple(boxes.values()), tuple(arrows))


def _rows(plan: Plan, graph: Mapping[str, set[str]], across: int) -> list[list[str]]:
    """The components by row; each stands below the middle of what it waits for, so that few arrows cross."""
    layer = layers(graph)
    rows: list[list[str]] = []
    place: dict[str, float] = {}

    def order(urn: str) -> tuple[float, str]:
        return mean([place[other] for other in graph[urn] if other in place] or [0.5]), _name(plan, urn)

    for depth in range(max(layer.values(), default=-1) + 1):
        members = sorted((urn for urn in layer if layer[urn] == depth), key=order)
        place |= {urn: (at + 0.5) / len(members) for at, urn in enumerate(members)}
        rows += [members[at : at + across] for at in range(0, len(members), across)]
    return rows


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


def _around(above: Box, below: Box, sheet: int, number: int) -> Arrow:
    """A long arrow: through the gap below its first row, down a lane beside the boxes, through the gap above its last.

    `number` tells it from the other long arrows, which keep apart by it.
    """
    x1, y1, x2, y2 = above.x + WIDTH // 2, above.y + HEIGHT, below.x + WIDTH // 2, below.y
    shift = LANE * (1 + number // 2 % LANES)
    lane = MARGIN + shift if x1 + x2 < sheet else sheet - MARGIN - shift
    down, up = y1 + GAP_Y // 2 - shift // 2, y2 - GAP_Y // 2 - shift // 2
    points = [(x1, y1), (x1, down), (lane, down), (lane, up), (x2, up), (x2, y2)]
    return Arrow(_rounded(points), above.urn, below.urn)


def _rounded(points: Sequence[tuple[int, int]], radius: int = 6) -> str:
    """A path of straight lines between points, its corners rounded."""

    def toward(start: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
        dx, dy = end[0] - start[0], end[1] - start[1]
        step = min(radius, max(abs(dx), abs(dy)) // 2)
        return start[0] + step * ((dx > 0) - (dx < 0)), start[1] + step * ((dy > 0) - (dy < 0))

    parts = ["M{} {}".format(*points[0])]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        parts.append("L{} {}Q{} {} {} {}".format(*toward(corner, before), *corner, *toward(corner, after)))
    return "".join([*parts, "L{} {}".format(*points[-1])])


def _name(plan: Plan, urn: str) -> str:
    return words.kind(plan.by_urn[urn].type)


def _detail(plan: Plan, urn: str, money: Mapping[str, Decimal]) -> str:
    count = words.counted(plan.below(urn), "resource")
    return f"{count} · {words.money(money[urn], digits=0)}" if money.get(urn, 0) >= 1 else count


def _spent(bill: Bill | None, owner: Mapping[str, str]) -> dict[str, Decimal]:
    """Component → what its lines of the bill come to; a line of several components counts for the first."""
    found: dict[str, Decimal] = {}
    for line in bill.floor if bill else ():
        mine = owner.get(line.urns[0]) if line.urns else None
        if mine and line.amount is not None:
            found[mine] = found.get(mine, Decimal(0)) + line.amount
    return found
