"""Whether a promise fits the columns it is about: decided from types alone, before a row is read."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.rows import Field
from arkwright.measures.aggregates import (
    Aggregate,
    Between,
    Distinct,
    Found,
    In,
    Largest,
    Matching,
    Mean,
    Newest,
    Now,
    Quantile,
    Rows,
    SchemaChanges,
    Smallest,
)

_WORDS = {
    "int": "whole numbers",
    "float": "numbers",
    "str": "text",
    "bool": "yes or no",
    "date": "dates",
    "datetime": "dates with times",
    "bytes": "bytes",
}
_NUMERIC = ("int", "float", "bool", "date", "datetime")
_FAMILY = {"int": "number", "float": "number"}


def must_be_askable(
    text: str, needs: Iterable[Aggregate], kind: Callable[[str], str], other_kind: Callable[[str], str]
) -> None:
    """Raise Invalid, naming the promise `text`, where an aggregate does not fit the type of its column.

    `kind`: column -> type (as in `Column.type`); `other_kind`: `dataset.column` -> type.
    """
    for need in needs:
        why = _misfit(need, kind, other_kind)
        if why:
            raise Invalid(f"the promise {text!r} does not fit: {why}")


def columns_of(need: Aggregate) -> tuple[str, ...]:
    """The columns an aggregate reads."""
    if isinstance(need, Rows | SchemaChanges | Now):
        return ()
    return need.columns if isinstance(need, Distinct) else (need.column,)


def literal(kind: str, value: Any) -> Any:
    """A value written in a promise as one of the column's type; dates and times are spelt in ISO 8601, in UTC."""
    if kind == "date":
        return date.fromisoformat(str(value))
    if kind == "datetime":
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return value


def schema_changes(columns: Mapping[str, str], row: tuple[Field, ...] | None) -> tuple[str, ...]:
    """A sentence for each difference between the columns (name -> type) and the row class.

    Raises Invalid when there is no row class.
    """
    if row is None:
        raise Invalid('schema_changes compares the dataset with its row class: add  row = "…"  to its table')
    return differences(columns, {field.name: field.type for field in row})


def differences(columns: Mapping[str, str], said: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each difference between the columns (name -> type) and what was said of them."""
    missing = [f"{name} is missing" for name in said if name not in columns]
    added = [f"{name} was added" for name in columns if name not in said]
    changed = [
        f"{name} is {columns[name]} instead of {kind}"
        for name, kind in said.items()
        if name in columns and columns[name] != kind
    ]
    return (*missing, *added, *changed)


def kind_in(columns: Mapping[str, str], column: str, where: str) -> str:
    """The type of a column; Unknown with a near miss when there is none of that name."""
    if column not in columns:
        raise Unknown(f"{where} has no column {column!r}{did_you_mean(column, columns)}")
    return columns[column]


def _misfit(need: Aggregate, kind: Callable[[str], str], other_kind: Callable[[str], str]) -> str | None:
    kinds = [(column, kind(column)) for column in columns_of(need)]
    column, of = kinds[0] if kinds else ("", "")
    held = f"{column} holds {_WORDS.get(of, of)}"
    match need:
        case Smallest() | Largest() | Mean() | Quantile() | Between() if of not in _NUMERIC:
            return f"{held}, not numbers or dates"
        case Newest() if of not in ("date", "datetime"):
            return f"{held}, not dates or times"
        case Matching() if of != "str":
            return f"{held}, not text"
        case In(values=values):
            bad = [value for value in values if not _is_a(of, value)]
            return f"{held}, and {bad[0]!r} is not one of those" if bad else None
        case Found(other=other):
            theirs = other_kind(other)
            same = _FAMILY.get(of, of) == _FAMILY.get(theirs, theirs)
            return None if same else f"{held}, but {other} holds {_WORDS.get(theirs, theirs)}"
        case _:
            return None


def _is_a(kind: str, value: Any) -> bool:
    if kind in ("int", "float"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bool":
        return isinstance(value, bool)
    if kind not in ("str", "date", "datetime") or not isinstance(value, str):
        return False
    try:
        literal(kind, value)
    except ValueError:
        return False
    return True
