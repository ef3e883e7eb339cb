"""Functions of one row: which they are, and how their answers become a table."""

import sys
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypedDict

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from arkwright.core import rowwise
from arkwright.core.errors import Invalid

NOON = datetime(2025, 1, 1, 12)  # noqa: DTZ001 - times are kept in UTC without a zone
TABLE = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int64()),
        "x": [0.5, 1.5, 2.5],
        "word": ["a", None, "c"],
        "at": pa.array([NOON] * 3, pa.timestamp("us")),
        "day": pa.array([date(2025, 1, 2)] * 3, pa.date32()),
        "raw": [b"\x00", b"\xff", None],
    }
)


@dataclass
class Visit:
    n: int | None
    x: float


class Asked(TypedDict):
    n: int | None


class Packed(msgspec.Struct):
    x: float


class Bare:
    pass


class Listed:
    xs: list[int]


def of(hint):
    def features(visits):
        return {}

    features.__annotations__["visits"] = hint
    return features


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (Visit, "row"),
        (Packed, "row"),
        (Asked, "mapping"),
        (Visit | None, "row"),
        ("Visit", "row"),
        ("'Visit'", "row"),
        ("Asked", "mapping"),
        ("pl.DataFrame", None),
        (pa.Table, None),
        (Bare, None),
        (dict, None),
        (int, None),
        (list[Visit], None),
        ("Vist", None),
        ("nowhere.at.all", None),
    ],
    ids=str,
)
def test_the_type_hint_says_whether_it_takes_a_row(hint, kind):
    assert rowwise.kind(of(hint)) == kind


def test_without_a_hint_or_a_parameter_it_takes_none():
    assert rowwise.kind(lambda visits: visits) is None
    assert rowwise.kind(lambda: None) is None


def test_a_class_imported_for_the_type_checker_only_is_found(tmp_path, monkeypatch):
    (tmp_path / "classes_of_a_test.py").write_text("class Visit:\n    x: float\n")
    text = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import classes_of_a_test as c\n    from classes_of_a_test import Visit\n"
        "def one(visits: Visit): ...\ndef other(visits: c.Visit): ...\ndef wrong(visits: c.Vist): ...\n"
    )
    (tmp_path / "functions_of_a_test.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        import functions_of_a_test as mine

        assert [rowwise.kind(f) for f in (mine.one, mine.other, mine.wrong)] == ["row", "row", None]
    finally:
        sys.modules.pop("functions_of_a_test", None)
        sys.modules.pop("classes_of_a_test", None)


def test_a_field_that_no_column_holds_is_refused_by_name():
    with pytest.raises(Invalid, match=r"test_rowwise.py:\d+ in features: Listed.xs is list, which no column holds"):
        rowwise.kind(of(Listed))


def table(body, hint=Visit, given=TABLE):
    """What a function whose body is an expression of `row` makes of the rows."""
    function = eval(f"lambda row: {body}", {"np": np, **globals()})
    function.__annotations__["row"] = hint
    return rowwise.to_table(function, given)


def test_a_row_has_every_column_and_none_where_it_is_missing():
    assert table('{"all": repr((row.n, row.x, row.word, row.at, row.day, row.raw))}')["all"].to_pylist() == [
        repr((n, x, word, NOON, date(2025, 1, 2), raw))
        for n, x, word, raw in ((1, 0.5, "a", b"\x00"), (None, 1.5, None, b"\xff"), (3, 2.5, "c", None))
    ]
    assert table('{"n": type(row) is dict and row["n"]}', Asked, TABLE.select(["n"]).slice(0, 0)).num_columns == 0
    assert table('{"names": " ".join(row)}', Asked)["names"].to_pylist() == ["n x word at day raw"] * 3


@pytest.mark.parametrize(
    ("body", "kind", "values"),
    [
        ("row.n", pa.int64(), [1, None, 3]),
        ("row.n or 0.5", pa.float64(), [1.0, 0.5, 3.0]),
        ("None", pa.float64(), [None] * 3),
        ("row.x > 1", pa.bool_(), [False, True, True]),
        ("row.word", pa.string(), ["a", None, "c"]),
        ("row.at", pa.timestamp("us"), [NOON] * 3),
        ("row.day", pa.date32(), [date(2025, 1, 2)] * 3),
        ("row.raw", pa.binary(), [b"\x00", b"\xff", None]),
        ("np.float32(row.x)", pa.float64(), [0.5, 1.5, 2.5]),
        ("np.int8(row.x) if row.n else 2", pa.int64(), [0, 2, 2]),
        ("np.bool_(True)", pa.bool_(), [True] * 3),
        ("Word.ONE", pa.string(), ["one"] * 3),
    ],
)
def test_a_columns_type_is_that_of_all_its_values(body, kind, values):
    made = table(f'{{"made": {body}}}')
    assert made.schema.field("made").type == kind
    assert made["made"].to_pylist() == values


class Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize("body", ["Visit(row.n, row.x)", "Whole(row.n, row.x)", '{"n": row.n, "x": row.x}'])
def test_a_dict_a_dataclass_and_a_struct_are_the_same(body):
    assert table(body).to_pydict() == {"n": [1, None, 3], "x": [0.5, 1.5, 2.5]}


class Whole(msgspec.Struct):
    n: int | None
    x: float


def test_the_order_of_the_columns_is_that_of_the_first_row():
    assert table('{"a": 1, "b": 2} if row.n == 1 else {"b": 2, "a": 1}').to_pydict() == {"a": [1] * 3, "b": [2] * 3}


def test_many_rows_come_in_parts():
    many = pa.table({"x": range(25_001)})
    assert table('{"x": row.x}', given=many).equals(many)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"a": 1} if row.n else {"b": 1}', "it gave no 'a' for row 2, and row 1 has it; give every row the same keys"),
        ('{"a": 1, **({} if row.x < 2 else {"b": 1})}', "it gave 'b' for row 3, and row 1 has none; give every"),
        ("{}", "it gave nothing for row 1; give a dict"),
        ("{3: 1}", "it gave a key 3 for row 1; keys are texts"),
        ("[1]", "it gave list for a row; give a dict of the model's inputs, or a dataclass (row 1)"),
        ("None", "it gave NoneType for a row"),
        ("Visit", "it gave type for a row"),
        ('{"a": 1 / (row.x - 1.5)}', "ZeroDivisionError: float division by zero (row 2)"),
        ('{"a": row.nn}', "AttributeError: 'Row' object has no attribute 'nn'"),
        ('{"a": [1]}', "it gave 'a' as list for row 1; give int, float, str, bool, date, datetime, bytes or None"),
        ('{"a": 1 if row.n else "x"}', "it gave 'a' as str for row 2, and as int before; give one type"),
        ('{"a": row.x if row.n == 1 else True}', "it gave 'a' as bool for row 2, and as float before; give one type"),
        ('{"a": 10**30}', "the values of 'a' fit in no column"),
        ('{"a": 10**400 if row.n else 0.5}', "the values of 'a' fit in no column"),
        ('{"a": "\\ud800"}', "the values of 'a' fit in no column"),
    ],
)
def test_answers_that_make_no_table_are_told_with_the_row(body, says):
    with pytest.raises(Invalid) as caught:
        table(body)
    assert str(caught.value).startswith("<string>:1 in <lambda>: ")
    assert says in str(caught.value)
