"""A user function of one row: its type hint is a row class, and it is called row by row, in training and in serving.

What it is given is the same in both: an object with the raw row's columns as its fields, or a dict when the hint is a
`TypedDict`; what is missing is None, a time is in UTC without a zone. What it gives is a dict, a dataclass or a Struct.
"""

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from arkwright.core import arrow, frames, rows
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.nouns import Column
from arkwright.core.rows import Field
from arkwright.core.usercode import call, where

if TYPE_CHECKING:
    import pyarrow as pa

_TYPES = (bool, int, float, str, datetime, date, bytes)  # what is a subclass of another comes before it
_BATCH = 10_000


def kind(function: Callable[..., Any]) -> str | None:
    """`row` when the first parameter's type hint is a row class, `mapping` when it is a TypedDict; else None.

    Raises Invalid for a class with annotated fields of which one is nothing that a column holds.
    """
    hinted = row_class(function)
    return None if hinted is None else "mapping" if typing.is_typeddict(hinted) else "row"


def row_class(function: Callable[..., Any]) -> type | None:
    """The row class that the first parameter is hinted as, or None. Raises Invalid as `kind` does."""
    if frames.kinds(function):
        return None
    target = inspect.unwrap(function)
    first = next(iter(inspect.signature(target).parameters), None)
    hint = frames.resolve(getattr(target, "__annotations__", {}).get(first), target)
    if isinstance(hint, str):
        hint = _imported(hint)
    if not isinstance(hint, type) or not any(vars(base).get("__annotations__") for base in hint.__mro__):
        return None
    try:
        rows.fields(hint)
    except Invalid as error:
        raise Invalid(f"{where(function)}: {error}") from None
    return hint


def _imported(name: str) -> Any:
    """What a dotted name stands for that was imported for the type checker only."""
    module, _, name = name.rpartition(".")
    try:
        return getattr(sys.modules.get(module) or import_module(module), name, None)
    except Exception:  # noqa: BLE001 - a module that is never imported otherwise can raise anything
        return None


def check(function: Callable[..., Any], columns: Sequence[Column], dataset: str, target: str) -> None:
    """Raises Invalid naming every field of the hinted row class, if there is one, that the dataset's rows do not have:
    each must be a column of the same type, and not the target.
    """
    hinted = row_class(function)
    if hinted is None:
        return
    types = {column.name: column.type for column in columns if column.name != target}
    found = []
    for field in rows.fields(hinted):
        said = f"{hinted.__name__}.{field.name}"
        if field.name == target:
            found.append(f"{said} is the target, which is not there when the model answers; leave it out of the class")
        elif field.name not in types:
            found.append(f"{said} is no column of {dataset}{did_you_mean(field.name, types)}")
        elif types[field.name] != field.type and (types[field.name], field.type) != ("int", "float"):
            found.append(f"{said} is hinted as {field.type}, and the column of {dataset} is {types[field.name]}")
    if found:
        raise Invalid(f"{where(function)}: {'; '.join(found)}")


def caller(function: Callable[..., Any], fields: Sequence[Field], kind: str) -> Callable[[Any], Mapping[str, Any]]:
    """`function` of one row, a struct of `fields`. What it raises itself comes back as Invalid with file and line."""
    times = tuple(field.name for field in fields if field.type == "datetime")
    as_mapping = kind == "mapping"

    def one(row: Any) -> Mapping[str, Any]:
        for name in times:
            value = getattr(row, name)
            if value is not None and value.tzinfo is not None:
                setattr(row, name, rows.in_utc(value))
        return _mapping(call(function, msgspec.structs.asdict(row) if as_mapping else row), function)

    return one


def _mapping(made: Any, function: Callable[..., Any]) -> Mapping[str, Any]:
    if isinstance(made, Mapping):
        return made
    if isinstance(made, msgspec.Struct):
        return msgspec.structs.asdict(made)
    if dataclasses.is_dataclass(made) and not isinstance(made, type):
        return {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    what = type(made).__name__
    raise Invalid(f"{where(function)}: it gave {what} for a row; give a dict of the model's inputs, or a dataclass")


def to_table(function: Callable[..., Any], table: "pa.Table") -> "pa.Table":
    """`function` called once for each row of `table`, its answers gathered: one column for each key.

    A column's type is that of all its values together: int and float make float, nothing but None makes float. Raises
    Invalid with file, line, the row's number and the key for rows that give other keys or types than those before.
    """
    import pyarrow as pa

    hinted = kind(function)
    assert hinted
    fields = rows.from_columns(arrow.columns(table.schema))
    row, one = rows.struct("Row", fields), caller(function, fields, hinted)
    made: list[Mapping[str, Any]] = []
    for batch in table.to_batches(_BATCH):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            try:
                made.append(one(row(**dict(zip(table.column_names, values, strict=True)))))
            except Invalid as error:
                raise Invalid(f"{error} (row {len(made) + 1:,})") from error.__cause__
    if not made:
        return pa.table({})
    names = _names(made, where(function))
    return pa.table({name: _column([m[name] for m in made], name, where(function)) for name in names})


def _names(made: Sequence[Mapping[str, Any]], place: str) -> tuple[str, ...]:
    first = made[0]
    if not first:
        raise Invalid(f"{place}: it gave nothing for row 1; give a dict of the model's inputs")
    for name in first:
        if not isinstance(name, str) or not name:
            raise Invalid(f"{place}: it gave a key {name!r} for row 1; keys are texts")
    for number, other in enumerate(made, 1):
        if other.keys() != first.keys():
            lacking = [name for name in first if name not in other]
            more = [name for name in other if name not in first]
            what = f"gave no {lacking[0]!r}" if lacking else f"gave {more[0]!r}"
            versus = "row 1 has it" if lacking else "row 1 has none"
            raise Invalid(f"{place}: it {what} for row {number:,}, and {versus}; give every row the same keys")
    return tuple(first)


def _column(values: list[Any], name: str, place: str) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    if any(issubclass(kind, np.generic) for kind in set(map(type, values))):
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
    known = {kind: _type(kind) for kind in set(map(type, values))}
    found = set(known.values()) - {type(None)}
    if None in found or (len(found) > 1 and found != {int, float}):
        raise Invalid(f"{place}: {_odd(values, name, known)}")
    one: Any = float if found != {int} and found <= {int, float} else found.pop()
    try:
        if one is float:
            values = [None if value is None else float(value) for value in values]
        return pa.array(values, type=arrow.schema([Column(name=name, type=rows.TYPES[one])]).field(0).type)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise Invalid(f"{place}: the values of {name!r} fit in no column: {str(error)[:100]}") from None


def _type(kind: type) -> type | None:
    """The plain type whose subclass `kind` is (an enum of texts is a text); None for anything else."""
    return next((plain for plain in (type(None), *_TYPES) if issubclass(kind, plain)), None)


def _odd(values: Sequence[Any], name: str, known: Mapping[type, type | None]) -> str:
    """Which value of a column is the first that does not go with those before."""
    before: type | None = None
    for number, value in enumerate(values, 1):
        plain, own = known[type(value)], type(value).__name__
        if plain is None:
            return f"it gave {name!r} as {own} for row {number:,}; give {', '.join(rows.TYPES.values())} or None"
        if plain is type(None):
            continue
        if before not in (None, plain) and {before, plain} != {int, float}:
            assert before
            return f"it gave {name!r} as {own} for row {number:,}, and as {before.__name__} before; give one type"
        before = plain
    raise AssertionError("only for values that do not go together")
