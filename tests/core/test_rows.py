"""What a row class says, in each of its spellings."""

import typing
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Any, ClassVar, Final, Literal, NotRequired, Optional, Required, TypedDict, Union

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.core.rows import PYTHON, TYPES, Field, fields, from_columns, struct


def row(**hints):
    return type("Row", (), {"__annotations__": hints})


def only(hint):
    (field,) = fields(row(x=hint))
    return field


@pytest.mark.parametrize(("kind", "name"), TYPES.items())
def test_every_type(kind, name):
    assert only(kind) == Field("x", name, nullable=False, annotation=kind)
    assert only(kind | None).nullable
    assert only(kind.__name__).type == name  # written as text
    assert PYTHON[name] is kind


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Optional[int], ("int", True, (), ())),  # noqa: UP045
        (Union[None, str], ("str", True, (), ())),  # noqa: UP007
        (Annotated[int, Meta(ge=0, lt=9)], ("int", False, (("ge", 0), ("lt", 9)), ())),
        (Annotated[int, Meta(ge=0)] | None, ("int", True, (("ge", 0),), ())),
        (Annotated[int | None, Meta(ge=0)], ("int", True, (("ge", 0),), ())),
        (Annotated[Annotated[int, Meta(ge=0)], Meta(le=5)], ("int", False, (("ge", 0), ("le", 5)), ())),
        (
            Annotated[str, Meta(pattern="^a$", max_length=3)],
            ("str", False, (("max_length", 3), ("pattern", "^a$")), ()),
        ),
        (Annotated[float, "a word of mine"], ("float", False, (), ())),
        (Literal["a", "b"], ("str", False, (), ("a", "b"))),
        (Literal[1, 2] | None, ("int", True, (), (1, 2))),
        (Literal["a", None], ("str", True, (), ("a",))),  # noqa: PYI061
        (Literal[True], ("bool", False, (), (True,))),
        (Annotated[Literal["a"], "x"], ("str", False, (), ("a",))),
        (NotRequired[int], ("int", True, (), ())),
        (Required[int | None], ("int", True, (), ())),
        (Final[int], ("int", False, (), ())),
    ],
)
def test_meaning(hint, expected):
    field = only(hint)
    assert (field.type, field.nullable, field.limits, field.allowed) == expected
    struct("Row", (field,))


@pytest.mark.parametrize(
    "hint",
    [int | str, list[int], dict[str, int], None, Any, object, time, complex, [], {}, 5, "int |", "list[", "Nowhere",
     "1/0", Literal[1, True], Literal[1, "a"], typing.NewType("N", int), dict[str, list[int]]],
)  # fmt: skip
def test_no_column_holds_it(hint):
    with pytest.raises(Invalid, match="Row"):
        fields(row(x=hint))


def test_the_message_names_the_field():
    with pytest.raises(Invalid, match=r"Row\.seats is list, which no column holds; use int, float"):
        fields(row(distance=float, seats=list[int]))


def test_a_class_without_fields():
    with pytest.raises(Invalid, match="no annotated fields"):
        fields(row())
    with pytest.raises(Invalid, match="no annotated fields"):
        fields(row(KIND=ClassVar[str]))


def test_the_three_kinds_of_class_say_the_same():
    @dataclass
    class One:
        KIND: ClassVar[str] = "one"
        a: int
        b: float | None = None

    class Two(msgspec.Struct):
        KIND: ClassVar[str] = "two"
        a: int
        b: float | None = None

    class Three(TypedDict):
        a: int
        b: float | None

    assert fields(One) == fields(Two) == fields(Three)
    assert [field.column for field in fields(One)] == [
        Column(name="a", type="int"),
        Column(name="b", type="float", nullable=True),
    ]


def test_a_key_that_may_be_left_out_is_nullable():
    class Base(TypedDict):
        a: int

    class Row(Base, total=False):
        b: int

    assert [(f.name, f.nullable) for f in fields(Row)] == [("a", False), ("b", True)]


def test_inherited_fields_come_first():
    class Base:
        a: int

    class Row(Base):
        b: int

    assert [field.name for field in fields(Row)] == ["a", "b"]


# --- the struct that decodes one row


def flight():
    return struct(
        "Flight",
        fields(row(at=datetime, day=date, carrier=Literal["AA", "UA"], seats=Annotated[int, Meta(ge=1)] | None)),
    )


def test_a_row_decodes():
    found = msgspec.json.decode(b'{"at":"2024-01-31T12:00:00","day":"2024-01-31","carrier":"AA"}', type=flight())
    assert (found.at, found.day, found.carrier, found.seats) == (
        datetime.fromisoformat("2024-01-31T12:00:00"),
        date(2024, 1, 31),
        "AA",
        None,
    )


@pytest.mark.parametrize(
    "change",
    [{"carrier": "XX"}, {"seats": 0}, {"seats": "1"}, {"seats": 1.5}, {"seats": True}, {"at": "noon"}, {"day": 1},
     {"carrier": None}, {"gate": "A1"}],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_refused(change):
    good = {"at": "2024-01-31T12:00:00", "day": "2024-01-31", "carrier": "AA", "seats": 3}
    msgspec.convert(good, flight())
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(good | change), type=flight())
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({key: value for key, value in good.items() if key != "carrier"}, flight())


@pytest.mark.parametrize("name", ["Dep Time", "2nd", "", "a.b", "a-b", "__class__", "__dict__", "__a"])
def test_a_column_whose_name_no_field_can_have(name):
    columns = (Column(name=name, type="int"), Column(name="ok", type="float", nullable=True))
    with pytest.raises(Invalid, match="rename"):
        struct("Row", from_columns(columns))


_names = st.from_regex(r"[a-zé][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name.isidentifier())


_columns = st.builds(Column, name=_names, type=st.sampled_from(sorted(PYTHON)), nullable=st.booleans())


@given(st.lists(_columns, min_size=1, unique_by=lambda column: column.name))
def test_columns_to_fields_and_back(columns):
    made = struct("Row", from_columns(tuple(columns)))
    assert [field.column for field in from_columns(tuple(columns))] == columns
    assert [field.column for field in fields(made)] == columns
