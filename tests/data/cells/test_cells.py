"""Cells against others who read the same: Python for texts, msgspec for bounds and for what a caller may send."""

# ruff: noqa: DTZ001 - times are kept in UTC without a zone

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from arkwright.core import rows
from arkwright.data.cells import limits, object_cells, text_cells
from arkwright.data.cells.moments import Zone


def field(kind: Any) -> rows.Field:
    return rows.fields(type("R", (), {"__annotations__": {"v": kind}}))[0]


def cast(kind: Any, cells: list[str]) -> tuple[list[Any], set[int]]:
    values, faults = text_cells.cast(field(kind), pa.array(cells, pa.string()), Zone())
    return values.to_pylist(), {row for fault in faults for row in fault.rows.tolist()}


def as_python(cells: list[str], parse: Any) -> tuple[list[Any], set[int]]:
    values, wrong = [], set()
    for i, cell in enumerate(cells):
        try:
            values.append(parse(cell))
        except ValueError:
            values.append(None)
            wrong.add(i)
    return values, wrong


def an_int(text: str) -> int:
    if text.strip().startswith("+") or "_" in text or not text.isascii() or not -(2**63) <= int(text) < 2**63:
        raise ValueError(text)
    return int(text)


def a_float(text: str) -> float:
    if "_" in text or not text.isascii() or "nan" in text.lower():
        raise ValueError(text)
    return float(text)


NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.floats(allow_nan=False).map(str),
    st.from_regex(r" ?[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})? ?", fullmatch=True),
    st.text(max_size=3).filter(lambda text: "\0" not in text),
    st.sampled_from(["0x1F", "0X1f", "1_0", "٣", "١٢", "inf", "-Infinity", "1e400", "--1", "1e", ".", "e5", "-"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, max_size=6))
def test_numbers_are_read_as_python_reads_them(cells):
    cells = [cell.encode("utf-8", "replace").decode() for cell in cells]
    assert cast(int, cells) == as_python(cells, an_int)
    assert cast(float, cells) == as_python(cells, a_float)


def moment(*, zone: bool) -> st.SearchStrategy[datetime]:
    zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    return st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones if zone else st.none())


@settings(max_examples=100, deadline=None)
@given(st.lists(moment(zone=True), min_size=1, max_size=5), st.sampled_from([" ", "T"]))
def test_moments_with_a_zone_become_utc(moments, between):
    found, wrong = cast(datetime, [m.isoformat(between) for m in moments])
    assert found == [m.astimezone(UTC).replace(tzinfo=None) for m in moments]
    assert not wrong


@settings(max_examples=100, deadline=None)
@given(st.lists(moment(zone=False), min_size=1, max_size=5))
def test_moments_without_a_zone_stay_as_they_are(moments):
    assert cast(datetime, [m.isoformat() for m in moments]) == (moments, set())


def test_the_kind_of_most_moments_of_the_first_rows_is_the_column_s():
    zone = Zone()
    mixed = pa.array(["2013-01-01T10:00:00", "2013-01-01T10:00:00Z", None, "2013-01-01T11:00:00Z", "x"])
    values, faults = text_cells.cast(field(datetime), mixed, zone)
    assert values.to_pylist() == [None, datetime(2013, 1, 1, 10), None, datetime(2013, 1, 1, 11), None]
    assert {(int(fault.rows[0]), fault.says[:12]) for fault in faults if len(fault.rows)} == {
        (0, "has no time "),
        (4, "is not a tim"),
    }
    later, faults = text_cells.cast(field(datetime), pa.array(["2014-01-01"]), zone)
    assert later.to_pylist() == [None]
    assert faults[0].says == "has no time zone, unlike the others"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.dates(), st.none()), max_size=5))
def test_dates(dates):
    assert cast(date, [None if d is None else d.isoformat() for d in dates]) == (dates, set())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=6), max_size=6))
def test_bytes_that_are_not_utf_8_are_found(cells):
    found, faults = text_cells.utf8(pa.array(cells, pa.binary()))

    def decoded(cell: bytes) -> str | None:
        try:
            text = cell.decode()
        except UnicodeDecodeError:
            return None
        return None if "\0" in text else text

    assert found.to_pylist() == [decoded(cell) for cell in cells]
    wrong = {row for fault in faults for row in fault.rows.tolist()}
    assert wrong == {i for i, cell in enumerate(cells) if decoded(cell) is None}


BOUNDED = [
    (Annotated[int, Meta(ge=2)], st.integers(0, 4)),
    (Annotated[int, Meta(gt=2, lt=5)], st.integers(0, 6)),
    (Annotated[float, Meta(le=0.5)], st.floats(-1, 1)),
    (Annotated[float, Meta(gt=0)], st.sampled_from([-0.0, 0.0, 5e-324, 1.0])),
    (Annotated[str, Meta(min_length=2, max_length=3)], st.text(max_size=5)),
    (Annotated[str, Meta(pattern=r"^\d+(?!x)")], st.sampled_from(["1", "1x", "12x", "x1", "", "٣", "1\n"])),
    (Annotated[str, Meta(pattern=r"b+")], st.sampled_from(["abc", "ac", "B", ""])),
    (Annotated[bytes, Meta(max_length=1)], st.binary(max_size=3)),
    (Literal["a", "é"], st.sampled_from(["a", "é", "b", ""])),
    (Literal[0, 2], st.integers(-1, 3)),
]


@pytest.mark.parametrize(("kind", "values"), BOUNDED)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bounds_are_msgspec_s(kind, values, data):
    given_values = data.draw(st.lists(values, min_size=1, max_size=8))
    one = field(kind)
    arrow = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bytes": pa.binary()}[one.type]
    cells = pa.array([v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in given_values], arrow)
    broken = {row for fault in limits.check(one, cells) for row in fault.rows.tolist()}

    def refused(value: Any) -> bool:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return True
        return False

    assert broken == {i for i, value in enumerate(cells.to_pylist()) if refused(value)}


@pytest.mark.parametrize(("limit", "said"), [(0, "0"), (0.0, "0"), (-2.0, "-2"), (0.5, "0.5"), (1e300, "1e+300")])
def test_a_bound_is_said_alike_however_it_was_written(limit, said):
    """`Annotated` keeps one type for 0 and 0.0: whichever was written first in this process."""
    one = replace(field(float), limits=(("ge", limit),))
    (fault,) = limits.check(one, pa.array([-1.1]))
    assert fault.says == f"is below {said}"


def test_nulls_break_no_bound():
    for kind, _ in BOUNDED:
        one = field(kind | None if not isinstance(kind, str) else kind)
        arrow = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bytes": pa.binary()}[one.type]
        assert all(not len(fault.rows) for fault in limits.check(one, pa.nulls(2, arrow)))


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
)


@pytest.mark.parametrize("kind", [int, float, str, bool])
@settings(max_examples=80, deadline=None)
@given(values=st.lists(JSON, max_size=6))
def test_what_a_caller_may_send_is_what_a_row_may_hold(kind, values):
    """But for a whole float as an int and 0 or 1 as a bool, which files and databases write."""
    values = [v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values]
    _, faults = object_cells.cast(field(kind | None), values, Zone())
    wrong = {row for fault in faults for row in fault.rows.tolist()}
    for i, value in enumerate(values):
        try:
            msgspec.convert(value, kind | None)
            sendable = True
        except msgspec.ValidationError:
            sendable = False
        if kind is int and isinstance(value, int) and not -(2**63) <= value < 2**63:
            sendable = False  # no column holds it
        if kind is str and isinstance(value, str) and "\0" in value:
            sendable = False
        if kind is int and isinstance(value, float) and abs(value) < 2**63:
            sendable = value.is_integer()
        if kind is bool and type(value) is int and value in (0, 1):
            sendable = True
        assert (i not in wrong) == sendable, value
