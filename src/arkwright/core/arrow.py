"""Between Arrow schemas and our columns: one table of types for every room."""

from collections.abc import Iterable

import pyarrow as pa

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column

_TO_ARROW = {
    "int": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "bytes": pa.binary(),
}


def columns(schema: pa.Schema) -> tuple[Column, ...]:
    """The columns of an Arrow schema. Raises Invalid naming a column whose type we do not hold, or a repeated name."""
    names = schema.names
    for name in names:
        if names.count(name) > 1:
            raise Invalid(f"the column name {name!r} occurs twice; every column needs its own name")
    return tuple(Column(name=f.name, type=type_name(f.type, f.name), nullable=f.nullable) for f in schema)


def schema(given: Iterable[Column]) -> pa.Schema:
    """The Arrow schema in which such columns are kept."""
    return pa.schema([pa.field(c.name, _TO_ARROW[c.type], nullable=c.nullable) for c in given])


def type_name(kind: pa.DataType, column: str) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    for name, test in _TESTS.items():
        if any(check(kind) for check in test):
            return name
    raise Invalid(f"the column {column!r} is {kind}, which no column holds; make it {', '.join(_TO_ARROW)}")


_TESTS = {
    "bool": (pa.types.is_boolean,),
    "int": (pa.types.is_integer,),
    "float": (pa.types.is_floating, pa.types.is_decimal, pa.types.is_null),
    "str": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    "date": (pa.types.is_date,),
    "datetime": (pa.types.is_timestamp,),
    "bytes": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary),
}
