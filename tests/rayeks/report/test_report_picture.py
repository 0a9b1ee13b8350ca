"""The picture of the architecture: each component below what it waits for, and no arrow through a box."""

import re
from itertools import pairwise

import pytest

from rayeks.plan import Plan, Resource
from rayeks.plan.report import Report
from rayeks.report.picture import HEIGHT, WIDTH, Box, layers, needs, owners, picture

STACK = Resource("urn:s", "pulumi:pulumi:Stack", "s", {}, custom=False)


def part(name: str) -> Resource:
    return Resource(f"urn:{name}", f"toy:infra:{name}", name, {}, parent="urn:s", custom=False)


def thing(name: str, parent: str, *dependencies: str) -> Resource:
    return Resource(f"urn:{name}", "toy:x:Thing", name, {}, parent=f"urn:{parent}", dependencies=dependencies)


def test_a_component_needs_those_that_its_resources_wait_for():
    plan = Plan("s", "p", (STACK, part("A"), part("B"), thing("a", "A"), thing("b", "B", "urn:a")), {})
    assert needs(plan, owners(plan)) == {"urn:A": set(), "urn:B": {"urn:A"}}


def test_of_two_that_wait_for_each_other_the_one_that_does_so_more_often_stands_below():
    things = (thing("a", "A"), thing("b1", "B", "urn:a"), thing("b2", "B", "urn:a"), thing("late", "A", "urn:b1"))
    plan = Plan("s", "p", (STACK, part("A"), part("B"), *things), {})
    assert needs(plan, owners(plan)) == {"urn:A": set(), "urn:B": {"urn:A"}}


def test_a_ring_of_components_can_still_be_drawn():
    assert set(layers({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_what_waits_for_nothing_stands_right_above_the_first_that_needs_it():
    assert layers({"base": set(), "mid": {"base"}, "top": {"mid", "late"}, "late": set()})["late"] == 1


@pytest.mark.parametrize("across", [2, 4])
def test_every_component_of_prod_is_drawn_once_below_what_it_waits_for(prod: Report, across: int):
    found = picture(prod.plan, prod.bill, across=across)
    at = {box.urn: box for box in found.boxes}
    assert len(at) == len(found.boxes) == len(set(owners(prod.plan).values()))
    assert all(at[arrow.source].y < at[arrow.target].y for arrow in found.arrows)
    assert all(box.x >= 0 and box.x + WIDTH <= found.width and box.y + HEIGHT <= found.height for box in found.boxes)


@pytest.mark.parametrize("across", [2, 4])
def test_no_arrow_of_prod_runs_through_a_box(prod: Report, across: int):
    found = picture(prod.plan, prod.bill, across=across)
    for arrow in found.arrows:
        corners = [tuple(map(int, pair)) for pair in re.findall(r"(-?\d+) (-?\d+)", arrow.path)]
        for start, end in pairwise(corners):
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
            assert not any(_inside(middle, box) for box in found.boxes), (arrow, middle)


def test_a_component_says_what_it_costs(prod: Report):
    boxes = {box.title: box for box in picture(prod.plan, prod.bill, across=4).boxes}
    assert re.search(r"\d+ resources · \$[\d,]+$", boxes["NodeGroups"].detail)


def _inside(point: tuple[float, float], box: Box) -> bool:
    return box.x < point[0] < box.x + WIDTH and box.y < point[1] < box.y + HEIGHT
