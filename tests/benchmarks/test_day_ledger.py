"""What a day cost, from the lives of machines and the waits of pods; and how it is shown."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks.day import ledger, picture
from benchmarks.day.ledger import Machine, Result, Wait


def machine(born: float, ended: float | None, usd: float = 2.0, gpus: int = 0) -> Machine:
    return Machine("n", "c", "pool", "m7i.xlarge", "spot", "us-west-2a", usd, gpus, born, born, ended=ended)


RESULT = Result(
    contender="ours",
    title="ray-on-eks",
    seed=7,
    hours=24,
    usd=100.0,
    spot_usd=80.0,
    machine_hours=50,
    machines=9,
    most_machines=4,
    gpu_share=0.9,
    pods=20,
    at_once={"head": 1.0, "gpu": 0.5},
    p50_s=53,
    p99_s=89,
    longest_s=89,
    never=0,
    moved=0,
    interrupted=1,
    minutes=5,
    memory_mib=1000,
    rate=((0.0, 2.0), (60.0, 4.0), (1440.0, 0.0)),
)


def test_a_machine_is_paid_from_when_it_was_asked_for_until_it_is_gone():
    assert machine(60, 180).usd(1440) == pytest.approx(4.0)
    assert machine(60, None).usd(1440) == pytest.approx(46.0)
    assert machine(60, 2000).usd(1440) == pytest.approx(46.0)


def test_an_empty_machine_goes_by_the_time_of_its_pool_after_the_last_pod():
    held = machine(0, None)
    held.changed = 100
    assert ledger.ending(held, {"pool": ledger.minutes("5m")}) == 105


@pytest.mark.parametrize(("text", "minutes"), [("600s", 10), ("15m", 15), ("1h", 60), ("Never", float("inf"))])
def test_durations_are_read_as_kubernetes_writes_them(text: str, minutes: float):
    assert ledger.minutes(text) == minutes


def test_a_pod_waits_for_a_machine_that_was_not_there_and_for_nothing_on_one_that_was():
    assert ledger.waited(100, 100, machine(90, None)) == 0
    assert ledger.waited(100, 100, machine(100, None)) == ledger.START_S[False]
    assert ledger.waited(100, 120, machine(120, None, gpus=1)) == 1200 + ledger.START_S[True]
    assert ledger.waited(0, 0, replace(machine(0, None), stood=True)) == 0


def test_the_rate_rises_and_falls_with_the_machines():
    lives = [machine(0, 60), machine(30, 90, usd=1.0)]
    assert ledger.rate(lives, 1440) == ((0.0, 2.0), (30, 3.0), (60, 1.0), (90, 0.0))
    assert ledger.most(lives, 1440) == 2


def test_the_area_under_the_rate_is_the_bill():
    lives = [machine(0, 60), machine(30, None, usd=1.0), machine(700, 900, usd=7.5)]
    steps = ledger.rate(lives, 1440)
    area = sum(usd * (later - at) / 60 for (at, usd), (later, _) in pairwise(steps))
    assert area == pytest.approx(sum(each.usd(1440) for each in lives))


def test_percentiles_are_values_that_were_seen():
    values = [float(each) for each in range(1, 101)]
    assert (ledger.percentile(values, 0.5), ledger.percentile(values, 0.99), ledger.percentile([], 0.5)) == (50, 99, 0)


def test_who_waited_for_nothing_is_counted_by_role():
    waits = [Wait("a", "i", "head", 0, 0.0), Wait("b", "i", "gpu", 0, 89.0), Wait("c", "i", "gpu", 10, 0.0)]
    assert ledger.at_once([*waits, Wait("d", "i", "gpu", 10)]) == {"gpu": pytest.approx(1 / 3), "head": 1.0}


def test_the_table_says_how_much_less_ours_costs():
    other = replace(RESULT, contender="static", title="static", usd=400.0)
    lines = picture.table([other, RESULT]).splitlines()
    assert "| static | 400.00 | 75% less |" in lines[2] and "**ray-on-eks**" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


def test_the_table_replaces_the_one_before_it():
    page = f"a\n{picture.BEGIN}\nold\n{picture.END}\nb"
    assert picture.between(picture.between(page, "new\n"), "newer\n") == f"a\n{picture.BEGIN}\nnewer\n{picture.END}\nb"


def test_the_picture_is_svg_with_a_line_for_each_contender_within_its_frame():
    tree = ET.fromstring(picture.drawn([replace(RESULT, contender="static", title="a < b"), RESULT]))
    names = [each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b: $100" in names and "ray-on-eks: $100" in names
    lines = [each for each in tree.iter("{http://www.w3.org/2000/svg}path") if each.get("fill") == "none"]
    assert len(lines) == 2
