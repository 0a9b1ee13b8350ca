"""A day's trace: the same seed is the same day, and a file with errors is refused with their lines."""

from pathlib import Path

import pytest

from benchmarks.day import trace
from benchmarks.day.trace import DAY, Item, generated, peak, read, stepped, write
from rayeks.errors import UserError

GOOD = '{"name":"a","kind":"etl","start":10,"minutes":30,"gpu":false,"workers":[[0,3]]}'


def test_the_same_seed_is_the_same_day_and_another_is_another():
    assert generated(7) == generated(7)
    assert generated(7) != generated(8)


def test_a_day_has_every_kind_of_work_and_ends_at_midnight_or_with_its_last_gang():
    items = generated(7)
    assert {item.kind for item in items} == {"train", "serve", "etl", "notebook"}
    assert all(item.start + item.minutes <= DAY for item in items)
    assert len({item.name for item in items}) == len(items)


def test_a_shorter_trace_is_the_beginning_of_the_day():
    whole = {item.name: item for item in generated(7)}
    for item in generated(7, hours=3):
        assert item.start < 180 and item.start + item.minutes <= 180
        assert item.workers == tuple(change for change in whole[item.name].workers if change[0] < item.minutes)


def test_a_trace_that_was_written_reads_as_it_was(tmp_path: Path):
    write(tmp_path / "day.jsonl", generated(7))
    assert read(tmp_path / "day.jsonl") == generated(7)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2 is not JSON"),
        (GOOD.replace('"a"', '"A b"'), "line 2, name: String should match"),
        (GOOD.replace("etl", "sleep"), "line 2, kind: Input should be 'train', 'serve', 'etl' or 'notebook'"),
        (GOOD.replace("[[0,3]]", "[[0,-1]]"), "line 2, workers.0.1: Input should be greater than or equal to 0"),
        (GOOD.replace("[[0,3]]", "[[5,3]]"), "the first change is at 0"),
        (GOOD.replace("[[0,3]]", "[[0,3],[40,1]]"), "after the end at 30"),
        (GOOD.replace('"minutes":30', '"minutes":30,"gang":true').replace("[[0,3]]", "[[0,3],[9,1]]"), "a gang keeps"),
        (GOOD.replace('"start":10', '"starts":10'), "line 2, start: Field required"),
        (GOOD, "line 2, name: 'a' is the name of an earlier line too"),
    ],
)
def test_a_trace_with_errors_is_refused_with_the_line_and_what_is_wrong(tmp_path: Path, line: str, words: str):
    file = tmp_path / "day.jsonl"
    file.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(UserError) as caught:
        read(file)
    assert words in caught.value.message and "a good one is" in (caught.value.fix or "")


def test_every_error_of_a_trace_is_told_at_once(tmp_path: Path):
    file = tmp_path / "day.jsonl"
    file.write_text("{\n" + GOOD.replace("etl", "sleep") + "\n")
    with pytest.raises(UserError, match=r"(?s)line 1.*line 2"):
        read(file)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_trace_and_one_that_is_not_there_are_refused(tmp_path: Path, text: str):
    (tmp_path / "day.jsonl").write_text(text)
    with pytest.raises(UserError, match="no line has a cluster"):
        read(tmp_path / "day.jsonl")
    with pytest.raises(UserError, match="cannot read the trace"):
        read(tmp_path / "another.jsonl")


def test_the_peak_counts_what_stands_at_the_same_time():
    def item(name: str, start: int, count: int) -> Item:
        return Item(name=name, kind="etl", start=start, minutes=60, gpu=False, workers=((0, count),))

    assert peak([item("a", 0, 3), item("b", 30, 4), item("c", 200, 5)]) == {"head": 2, "cpu": 7, "gpu": 0}


def test_what_happens_within_a_step_happens_at_its_end():
    assert [stepped(minute) for minute in (0, 1, 10, 10.5)] == [0, trace.STEP, trace.STEP, 2 * trace.STEP]
