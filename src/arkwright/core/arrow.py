"""Between Arrow schemas and our columns: one table of types for every room.

A server of graphs alone imports this and never asks for a type, so pyarrow is imported by the first who does.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def _to_arrow() -> "dict[str, pa.DataType]":
    import pyarrow as pa

    return {
        "int": pa.int64(),
        "float": pa.float64(),
        "str": pa.string(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us"),
        "bytes": pa.binary(),
    }


@cache
def _tests() -> "dict[str, tuple[Callable[[pa.DataType], bool], ...]]":
    import pyarrow as pa

    types = pa.types
    return {
        "bool": (types.is_boolean,),
        "int": (types.is_integer,),
        "float": (types.is_floating, types.is_decimal, types.is_null),
        "str": (types.is_string, types.is_large_string, types.is_string_view),
        "date": (types.is_date,),
        "datetime": (types.is_timestamp,),
        "bytes": (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary),
    }


def columns(schema: "pa.Schema") -> tuple[Column, ...]:
    """The columns of an Arrow schema. Raises Invalid naming a column whose type we do not hold, or a repeated name."""
    names = schema.names
    for name in names:
        if names.count(name) > 1:
            raise Invalid(f"the column name {name!r} occurs twice; every column needs its own name")
    return tuple(Column(name=f.name, type=type_name(f.type, f.name), nullable=f.nullable) for f in schema)


def schema(given: Iterable[Column]) -> "pa.Schema":
    """The Arrow schema in which such columns are kept."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, _to_arrow()[c.type], nullable=c.nullable) for c in given])


def type_name(kind: "pa.DataType", column: str) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    for name, test in _tests().items():
        if any(check(kind) for check in test):
            return name
    raise Invalid(f"the column {column!r} is {kind}, which no column holds; make it {', '.join(_to_arrow())}")
