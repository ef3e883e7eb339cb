"""What people write about a value of a column is typed, and never SQL."""

from collections import Counter

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.core.where import parse, spelt
from arkwright.measures import cells as cut
from arkwright.measures.sketch import of_numbers, of_words
from arkwright.serve.tap.where import check, condition


@pytest.mark.parametrize(
    ("text", "kind", "sql"),
    [
        ("carrier=UA", pa.string(), "CAST(\"carrier\" AS VARCHAR) = 'UA'"),
        ("carrier=O'Hare; DROP TABLE p0", pa.string(), "CAST(\"carrier\" AS VARCHAR) = 'O''Hare; DROP TABLE p0'"),
        ('a"b=x', pa.string(), 'CAST("a""b" AS VARCHAR) = \'x\''),
        ("a=b=c", pa.string(), "CAST(\"a\" AS VARCHAR) = 'b=c'"),
        ("carrier!=UA", pa.string(), "CAST(\"carrier\" AS VARCHAR) != 'UA'"),
        ('carrier=""|gone=1', pa.string(), "CAST(\"carrier\" AS VARCHAR) = '' OR FALSE"),
        ("distance>=500", pa.float64(), '("distance" >= 500 AND NOT isnan("distance"))'),
        ("distance<7.5e2", pa.int64(), "\"distance\" < CAST('750.0' AS DOUBLE)"),
        ("n=9007199254740993", pa.int64(), '"n" = 9007199254740993'),
        ("n=1790000000000000001", pa.int64(), '"n" = 1790000000000000001'),
        ("n=1790000000000000001", pa.uint64(), '"n" = 1790000000000000001'),
        ("age=", pa.float64(), '("age" IS NULL OR isnan("age"))'),
        ("age!=", pa.int64(), 'NOT ("age" IS NULL)'),
        ("late=True", pa.bool_(), "CAST(\"late\" AS VARCHAR) = 'true'"),
        ("at>2026-01-02", pa.timestamp("us"), "\"at\" > TIMESTAMP '2026-01-02 00:00:00'"),
    ],
)
def test_typed(text, kind, sql):
    clause = parse(text)
    assert condition(clause, {clause[0].column: kind}) == sql


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("distance>=far", pa.float64(), "distance holds numbers, not 'far'"),
        ("distance=nan", pa.float64(), "distance holds numbers, not 'nan'"),
        ("distance=1 OR 1=1", pa.float64(), "distance holds numbers"),
        ("carrier>UA", pa.string(), "carrier holds words, which have no order"),
        ("late=1", pa.bool_(), "late is true or false, not '1'"),
        ("distance>=", pa.float64(), "distance>= lacks a value"),
        ("at>yesterday", pa.timestamp("us"), "'yesterday' is no time"),
    ],
)
def test_refused(text, kind, words):
    with pytest.raises(Invalid, match=words):
        check(parse(text), [{"another": pa.string()}, {parse(text)[0].column: kind}])


def test_what_is_a_value_of_one_release_is_none_of_another():
    layouts = [{"spent": pa.float64()}, {"spent": pa.string()}]
    for text, number, words in [
        ("spent=much", "FALSE", "CAST(\"spent\" AS VARCHAR) = 'much'"),
        ("spent!=much", '"spent" IS NOT NULL', "CAST(\"spent\" AS VARCHAR) != 'much'"),
        ("spent>=9", '("spent" >= 9 AND NOT isnan("spent"))', "FALSE"),
    ]:
        check(parse(text), layouts)
        assert [condition(parse(text), kinds) for kinds in layouts] == [number, words]
    with pytest.raises(Invalid, match="spent holds numbers, not 'much'"):
        check(parse("spent>=much"), layouts)


NAMES = st.sampled_from(["age", "a<b", "a=b | c", 'x"y', "a!", " a\n", "größe", "where"])
ODD = ["a", "", "x|y", '"q"', " b", "'", "c\n\x1b", "empty", "=", "ü" * 40]
WORDS = st.lists(st.none() | st.sampled_from(ODD), min_size=1)
NUMBERS = st.lists(st.none() | st.floats() | st.sampled_from([0.30000000000000004, 0.3, -0.0, 1e300]), min_size=1)


@settings(max_examples=40, deadline=None)
@given(NAMES, NUMBERS, st.integers(2, 9))
@example("age", [1.7976931348623157e308], 2)  # the largest number there is
def test_the_cells_of_numbers_have_the_rows_that_were_counted(name, values, bins):
    there = [value for value in values if value is not None]
    before = of_numbers(np.array(there, np.float64), values.count(None))
    told = cut.cells(name, before, bins)
    counts = [*np.bincount(told.of, before.counts, len(told) - 1), before.missing]
    assert listed(name, pa.array(values, pa.float64()), told.where) == counts


@settings(max_examples=40, deadline=None)
@given(NAMES, WORDS, st.integers(2, 9))
def test_the_cells_of_words_have_the_rows_that_were_counted(name, words, bins):
    rows = words * 5
    before = of_words(Counter(word for word in rows if word is not None), rows.count(None))
    more = [*rows, "new", "newer"]
    came = before.empty().words(Counter(word for word in more if word is not None), more.count(None))
    told = cut.cells(name, before, bins)
    counts = [*np.bincount(told.of, came.counts, len(told) - 1), came.missing]
    assert listed(name, pa.array(more, pa.string()), told.where) == counts


def listed(name, column, where):
    """How many rows each of these finds, as it is written and read again."""
    finds = (" AND ".join(f"({condition(parse(spelt(one)), {name: column.type})})" for one in some) for some in where)
    counts = ", ".join(f"count(*) FILTER (WHERE {one})" for one in finds)
    with duckdb.connect() as db:
        db.register("rows", pa.table({name: column}))
        return list(db.execute(f"SELECT {counts} FROM rows").fetchone())
