"""Frames: a user function's type hint says whether it wants polars, pandas or Arrow; all travel as Arrow tables."""

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from arkwright.core.errors import Invalid, Missing
from arkwright.core.usercode import describe, where

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = ("polars", "pandas", "arrow")
_LIBRARY = {"polars": "polars", "pandas": "pandas", "pyarrow": "arrow"}
_ALIAS = {"pl": "polars", "pd": "pandas", "pa": "arrow", **_LIBRARY}
_LAZY = "LazyFrame"


def kinds(function: Callable[..., Any]) -> dict[str, str]:
    """Parameter -> `polars` | `pandas` | `arrow`, for each parameter whose type hint is a frame or a column of one.

    Other parameters are left out. No frame library is imported. Raises Invalid for a polars LazyFrame.
    """
    target = inspect.unwrap(function)
    raw = dict(getattr(target, "__annotations__", {}))
    raw.pop("return", None)
    found = {}
    for parameter, hint in raw.items():
        kind = _kind(_resolve(hint, getattr(target, "__globals__", {})), f"{where(function)}: {parameter}")
        if kind:
            found[parameter] = kind
    return found


def to_frame(table: "pa.Table", kind: str) -> Any:
    """An Arrow table as a frame of `kind`. Raises Missing when the library is not installed."""
    if kind == "arrow":
        return table
    if kind == "polars":
        return _library("polars").from_arrow(table, rechunk=False)
    _library("pandas")
    return table.to_pandas()


def to_series(values: "pa.Array | pa.ChunkedArray", kind: str, name: str) -> Any:
    """One Arrow column as a `polars.Series`, a `pandas.Series` or an Arrow array, called `name`."""
    if kind == "arrow":
        return values
    if kind == "polars":
        return _library("polars").Series(name, values)
    _library("pandas")
    return values.to_pandas().rename(name)


def to_arrow(frame: Any, what: str = "the function") -> "pa.Table":
    """A polars, pandas or Arrow frame as an Arrow table with plain types: (rows, columns) unchanged.

    Dictionaries (categoricals) are decoded, the large and view variants of strings and bytes become plain ones and
    a pandas index is dropped, so that equal frames give equal tables. `what` names the giver in messages. Raises
    Invalid when it is no frame, has twin or nameless columns, or holds values that no column can.
    """
    import pyarrow as pa

    kind = _kind(type(frame), what)
    if kind is None and not hasattr(frame, "__arrow_c_stream__"):
        raise Invalid(f"{what} must return a frame (polars, pandas or pyarrow), not {type(frame).__name__}")
    try:
        if kind == "pandas":
            _check_names(list(frame.columns), what)
            table = pa.Table.from_pandas(frame, preserve_index=False)
        else:
            if kind == "polars":
                _check_objects(frame, what)
            table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        kept = type(frame).__name__
        raise Invalid(f"{what} returned a {kept} that cannot become a table: {describe(error)}") from None
    _check_names(table.column_names, what)
    plain = [_decoded(column) for column in table.columns]
    try:
        return pa.table(
            [column.cast(_plain(column.type)) for column in plain],
            schema=pa.schema([pa.field(f.name, _plain(c.type)) for f, c in zip(table.schema, plain, strict=True)]),
        )
    except pa.ArrowException as error:
        raise Invalid(f"{what} returned a table that cannot be kept: {describe(error)}") from None


def _check_names(names: list[Any], what: str) -> None:
    for name in names:
        if not isinstance(name, str) or not name:
            raise Invalid(f"{what} returned a column called {name!r}; column names are texts")
        if names.count(name) > 1:
            raise Invalid(f"{what} returned two columns called {name!r}")


def _check_objects(frame: Any, what: str) -> None:
    """Polars would hand over its Object columns as pointers."""
    for name, kind in getattr(frame, "schema", {}).items():
        if str(kind) == "Object":
            raise Invalid(f"{what} returned a column {name!r} of Python objects; make it numbers or texts")


def _decoded(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """A column without its dictionary, by hand: Arrow has no cast from dictionaries of views."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return column
    kind = _plain(column.type.value_type)
    chunks = [chunk.dictionary.cast(kind).take(chunk.indices.cast(pa.int64())) for chunk in column.chunks]
    return pa.chunked_array(chunks, type=kind)


def _plain(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    types = pa.types
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_date64(kind):
        return pa.date32()
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return kind


def _kind(hint: Any, what: str) -> str | None:
    if isinstance(hint, str):  # imported for the type checker only, so that the name does not resolve
        root, _, rest = hint.partition(".")
        kind, name = _ALIAS.get(root.strip("\"'")), rest
    else:
        kind = _LIBRARY.get(str(getattr(hint, "__module__", "")).partition(".")[0])
        name = getattr(hint, "__name__", "")
    if kind == "polars" and name == _LAZY:
        raise Invalid(f"{what} is a polars LazyFrame; use pl.DataFrame (call .collect())")
    return kind


def _resolve(hint: Any, names: Mapping[str, Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return typing.get_type_hints(type("_", (), {"__annotations__": {"hint": hint}}), dict(names))["hint"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return hint


def _library(name: str) -> Any:
    try:
        __import__(name)
    except ImportError:
        raise Missing(f"a function asks for {name} frames; install: pip install 'arkwright[{name}]'") from None
    return sys.modules[name]
