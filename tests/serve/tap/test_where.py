"""What people write about a value of a column is typed, and never SQL."""

import pyarrow as pa
import pytest

from arkwright.core.errors import Invalid
from arkwright.serve.tap.where import condition, parse


@pytest.mark.parametrize(
    ("text", "kind", "sql"),
    [
        ("carrier=UA", pa.string(), "CAST(\"carrier\" AS VARCHAR) = 'UA'"),
        ("carrier=O'Hare; DROP TABLE p0", pa.string(), "CAST(\"carrier\" AS VARCHAR) = 'O''Hare; DROP TABLE p0'"),
        ('a"b=x', pa.string(), 'CAST("a""b" AS VARCHAR) = \'x\''),
        ("a=b=c", pa.string(), "CAST(\"a\" AS VARCHAR) = 'b=c'"),
        ("distance>=500", pa.float64(), '"distance" >= 500'),
        ("distance<7.5e2", pa.int64(), '"distance" < 750.0'),
        ("n=9007199254740993", pa.int64(), '"n" = 9007199254740993'),
        ("age=", pa.float64(), '"age" IS NULL'),
        ("late=True", pa.bool_(), "CAST(\"late\" AS VARCHAR) = 'true'"),
        ("at>2026-01-02", pa.timestamp("us"), "\"at\" > TIMESTAMP '2026-01-02 00:00:00'"),
    ],
)
def test_typed(text, kind, sql):
    assert condition(parse(text), kind) == sql


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
        condition(parse(text), kind)


@pytest.mark.parametrize("text", ["", "carrier", "=UA", "x" * 2000 + "=1"])
def test_no_value_of_a_column(text):
    with pytest.raises(Invalid, match="says no value of a column"):
        parse(text)
