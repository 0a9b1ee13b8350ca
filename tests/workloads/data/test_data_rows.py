"""Which rows are well-formed, whatever they hold: every row is kept or set aside, never both and never neither."""

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.data.generate import table
from workloads.data.rows import SCHEMA, missing_columns, sift

PIXEL = st.floats(width=32) | st.floats(0, 16, width=32)
IMAGE = st.none() | st.lists(PIXEL, max_size=3) | st.lists(st.floats(0, 16, width=32), min_size=64, max_size=64)
ROW = st.tuples(st.none() | st.integers(0, 2**40), IMAGE, st.none() | st.integers(0, 9))


def columns(rows: list[tuple]) -> pa.Table:
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=SCHEMA)


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=20))
def test_every_row_is_kept_or_set_aside(rows: list[tuple]) -> None:
    good, bad = sift(columns(rows))
    assert sorted([*good.positions.tolist(), *(entry.position for entry in bad)]) == list(range(len(rows)))
    assert len(good.positions) == len(good.ids) == len(good.images) == len(good.labels)
    for position, image in zip(good.positions, good.images, strict=True):
        row_id, pixels, _ = rows[position]
        assert row_id is not None
        assert image.tolist() == pytest.approx([value / 16 for value in pixels])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((1, None, 3), "no pixels"),
        ((1, [0.0] * 63, 3), "63 pixels, not 64"),
        ((1, [math.nan] + [0.0] * 63, 3), "a pixel is not in 0–16"),
        ((1, [17.0] + [0.0] * 63, 3), "a pixel is not in 0–16"),
        ((1, [-0.5] + [0.0] * 63, 3), "a pixel is not in 0–16"),
        ((None, [0.0] * 64, 3), "no id"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(row: tuple, reason: str) -> None:
    good, (bad,) = sift(columns([(0, [1.0] * 64, 1), row]))
    assert good.ids.tolist() == [0]
    assert (bad.position, bad.id, bad.reason) == (1, row[0], reason)


def test_a_row_without_a_label_is_well_formed() -> None:
    good, bad = sift(columns([(1, [0.0] * 64, None)]).drop_columns("label"))
    assert (good.labels.tolist(), bad) == ([-1], [])


def test_the_slice_of_a_larger_table_is_read_as_it_stands() -> None:
    rows = [(index, [float(index)] * (64 if index % 3 else 5), 0) for index in range(12)]
    good, bad = sift(columns(rows).slice(5, 4))
    assert good.ids.tolist() == [5, 7, 8]
    assert good.images[:, 0].tolist() == pytest.approx([5 / 16, 7 / 16, 8 / 16])
    assert [entry.id for entry in bad] == [6]


def test_generated_rows_are_the_same_for_everyone_and_in_any_share() -> None:
    whole, part = table(0, 20, frozenset({5, 8})), table(5, 10, frozenset({5, 8}))
    assert whole.slice(5, 10).equals(part)
    assert [entry.id for entry in sift(whole)[1]] == [5, 8]


def test_a_schema_that_is_not_of_this_job_is_told_by_its_columns() -> None:
    assert missing_columns(SCHEMA) == []
    other = pa.schema([("id", pa.string()), ("text", pa.string())])
    assert missing_columns(other) == ["column 'id' is string", "no column 'pixels'"]
