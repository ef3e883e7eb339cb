"""Made-up rows are decoded by the row class itself: it refuses whatever breaks a limit."""

import re
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from arkwright.core import rows
from arkwright.project import madeup, patterns


def made(hint, count=200, seed=0):
    """Values for one field, each held against the type hint by msgspec."""
    row = type("Row", (), {"__annotations__": {"x": hint}})
    fields = rows.fields(row)
    table = madeup.rows(fields, count, seed)
    struct = rows.struct("Row", fields)
    for given_row in table.to_pylist():
        msgspec.convert(given_row, struct)
    return table.column("x").to_pylist()


@pytest.mark.parametrize(
    "hint",
    [
        int,
        float,
        str,
        bool,
        bytes,
        date,
        datetime,
        Literal["a", "Ω"],
        Literal[3, 5],
        Annotated[int, Meta(ge=5)],
        Annotated[int, Meta(gt=5)],
        Annotated[int, Meta(le=-5)],
        Annotated[int, Meta(lt=-5)],
        Annotated[int, Meta(gt=5, lt=7)],
        Annotated[int, Meta(ge=-(2**40), le=-(2**40))],
        Annotated[int, Meta(ge=1000, lt=100_000)],
        Annotated[int, Meta(ge=2**63 - 1)],
        Annotated[int, Meta(le=-(2**63) + 1)],
        Annotated[float, Meta(ge=0)],
        Annotated[float, Meta(gt=0)],
        Annotated[float, Meta(gt=0, lt=1e-300)],
        Annotated[float, Meta(gt=1e300)],
        Annotated[float, Meta(le=-1e300)],
        Annotated[float, Meta(lt=0.5)],
        Annotated[float, Meta(ge=1, le=1)],
        Annotated[float, Meta(ge=-1.7e308, le=1.7e308)],
        Annotated[float, Meta(ge=-90, le=90)],
        Annotated[str, Meta(min_length=7)],
        Annotated[str, Meta(max_length=1)],
        Annotated[str, Meta(min_length=3, max_length=3)],
        Annotated[str, Meta(max_length=0)],
        Annotated[bytes, Meta(min_length=2, max_length=2)],
        Annotated[bytes, Meta(max_length=0)],
        Annotated[str, Meta(pattern=r"^[A-Z]{3}$")],
        Annotated[str, Meta(pattern=r"^N\d{3,5}[A-Z]?$", min_length=5, max_length=5)],
        Annotated[str, Meta(pattern=r"^\S+@[^@\s]+\.(com|example)$")],
        Annotated[str, Meta(pattern="x")],
    ],
)
def test_every_limit_is_kept(hint):
    values = made(hint)
    assert None not in values
    assert made(hint) == values


@pytest.mark.parametrize(
    "hint", [int, Annotated[float, Meta(gt=0)], Annotated[str, Meta(pattern="^a+$")], Literal["a"]]
)
def test_what_may_be_missing_is_missing_now_and_then(hint):
    values = made(hint | None)
    assert 5 < values.count(None) < 40


BOUNDS = st.integers(-(2**62), 2**62)


@given(BOUNDS, st.integers(2, 2**40), st.sampled_from(["ge", "gt"]), st.sampled_from(["le", "lt"]))
def test_integers_between_bounds(low, wide, lower, upper):
    made(Annotated[int, Meta(**{lower: low, upper: low + wide})], 20)


@given(st.floats(-1e300, 1e300), st.floats(1e-3, 1e300), st.sampled_from(["ge", "gt"]), st.sampled_from(["le", "lt"]))
def test_floats_between_bounds(low, wide, lower, upper):
    high = np.nextafter(np.nextafter(max(low + wide, low), np.inf), np.inf).item()
    made(Annotated[float, Meta(**{lower: low, upper: high})], 20)


@given(st.one_of(BOUNDS, st.floats(-1e300, 1e300)), st.sampled_from(["ge", "gt", "le", "lt"]))
def test_one_bound(bound, name):
    made(Annotated[float, Meta(**{name: float(bound)})], 20)
    if isinstance(bound, int):
        made(Annotated[int, Meta(**{name: bound})], 20)


def test_rows_differ_and_another_seed_gives_others():
    assert len(set(made(int))) > 10
    assert len(set(made(float))) > 150
    assert made(float, seed=1) != made(float, seed=2)
    assert set(made(Literal["a", "b", "c"])) == {"a", "b", "c"}
    assert set(made(bool)) == {True, False}


def test_no_rows_have_the_columns_of_the_class():
    row = type("Row", (), {"__annotations__": {"a": int, "b": str | None, "c": datetime}})
    table = madeup.rows(rows.fields(row), 0)
    assert (table.num_rows, table.column_names) == (0, ["a", "b", "c"])
    assert [field.nullable for field in table.schema] == [False, True, False]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-f0-9]{8}-[a-f0-9]{4}$",
        r"^(\w)\1$",
        r"^(?:red|green|blue)$",
        r"^[^abc\d]$",
        r"^\D\W?\S$",
        r"^.{2,4}$",
        r"^a*?b+$",
        r"^(?=x)x\b",
        r"[Ωλ]",
        r"",
        r"^(?P<year>\d{4})-(0[1-9]|1[0-2])$",
        r"^[\w.-]+@\w+$",
        r"^a++b$",
        r"^(?>ab)$",
        r"^[^x]$",
        r"^.[^a]\s$",
    ],
)
def test_texts_match_their_pattern(pattern):
    rng = np.random.default_rng(0)
    for _ in range(20):
        text = patterns.matching(pattern, lambda _: True, rng)
        assert text is not None
        assert re.search(pattern, text)


@pytest.mark.parametrize("pattern", [r"^a$b", r"^(a)?(?(1)b|c)$"])
def test_a_pattern_that_is_hit_by_none_gives_none(pattern):
    assert patterns.matching(pattern, lambda _: True, np.random.default_rng(0)) is None
    row = type("Row", (), {"__annotations__": {"x": Annotated[str, Meta(pattern=pattern)]}})
    assert madeup.rows(rows.fields(row), 3).num_rows == 3
