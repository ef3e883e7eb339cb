"""Frames: a user function's type hint says whether it wants polars, pandas or Arrow; all travel as Arrow tables."""

import ast
import inspect
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arkwright.core.errors import Invalid, Missing
from arkwright.core.usercode import describe, where

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = ("polars", "pandas", "arrow")
_LIBRARY = {"polars": "polars", "pandas": "pandas", "pyarrow": "arrow"}
_ALIAS = {"pl": "polars", "pd": "pandas", "pa": "arrow", **_LIBRARY}
_LAZY = "LazyFrame"
_EXACT = 2**53  # the largest integer up to which floats hold every one


def kinds(function: Callable[..., Any]) -> dict[str, str]:
    """Parameter -> `polars` | `pandas` | `arrow`, for each parameter whose type hint is a frame or a column of one.

    Other parameters are left out. No frame library is imported. Raises Invalid for a polars LazyFrame.
    """
    target = inspect.unwrap(function)
    raw = dict(getattr(target, "__annotations__", {}))
    raw.pop("return", None)
    found = {}
    for parameter, hint in raw.items():
        resolved = resolve(hint, target)
        kind = _kind(resolved, f"{where(function)}: {parameter}")
        if kind:
            found[parameter] = kind
    return found


def to_frame(table: "pa.Table", kind: str) -> Any:
    """An Arrow table as a frame of `kind`. Raises Missing when the library is not installed."""
    if kind == "arrow":
        return table
    if kind == "polars":
        return _library("polars").from_arrow(table, rechunk=False)
    pandas = _library("pandas")
    frame = table.to_pandas()
    for place, column in enumerate(table.columns):
        if _too_large(column):
            frame.isetitem(place, column.to_pandas(types_mapper={column.type: pandas.Int64Dtype()}.get))
    return frame


def to_series(values: "pa.Array | pa.ChunkedArray", kind: str, name: str) -> Any:
    """One Arrow column as a `polars.Series`, a `pandas.Series` or an Arrow array, called `name`."""
    if kind == "arrow":
        return values
    if kind == "polars":
        return _library("polars").Series(name, values)
    pandas = _library("pandas")
    mapper = {values.type: pandas.Int64Dtype()}.get if _too_large(values) else None
    return values.to_pandas(types_mapper=mapper).rename(name)


def to_arrow(frame: Any, what: str = "the function") -> "pa.Table":
    """A polars, pandas or Arrow frame as an Arrow table with plain types: (rows, columns) unchanged.

    Dictionaries (categoricals) are decoded, the large and view variants of strings and bytes become plain ones and
    a pandas index is dropped, so that equal frames give equal tables. `what` names the giver in messages. Raises
    Invalid when it is no frame, has twin or nameless columns, or holds values that no column can.
    """
    import pyarrow as pa

    kind = _kind(type(frame), what)
    many = hasattr(frame, "columns") or hasattr(frame, "schema")  # a series has neither
    if not many or (kind is None and not hasattr(frame, "__arrow_c_stream__")):
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
    plain = [_as_plain(column, name, what) for name, column in zip(table.column_names, table.columns, strict=True)]
    return pa.table(plain, schema=pa.schema([*zip(table.column_names, (c.type for c in plain), strict=True)]))


def _as_plain(column: "pa.ChunkedArray", name: str, what: str) -> "pa.ChunkedArray":
    import pyarrow as pa

    decoded = _decoded(column)
    try:
        return decoded.cast(_plain(decoded.type))
    except pa.ArrowException as error:
        raise Invalid(f"{what} returned a column {name!r} that cannot be kept: {describe(error)}") from None


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

    is_ = pa.types
    if is_.is_large_string(kind) or is_.is_string_view(kind):
        return pa.string()
    if is_.is_large_binary(kind) or is_.is_binary_view(kind):
        return pa.binary()
    if is_.is_date64(kind):
        return pa.date32()
    if is_.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return kind


def _too_large(values: "pa.Array | pa.ChunkedArray") -> bool:
    """Integers of which some are missing, that pandas would round by making them floats."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.type != pa.int64() or not values.null_count or values.null_count == len(values):
        return False
    ends = pc.min_max(values).as_py()
    return bool(ends["min"] < -_EXACT or ends["max"] > _EXACT)


def _kind(hint: Any, what: str) -> str | None:
    if isinstance(hint, str):  # a name that does not resolve
        root, _, rest = hint.strip("\"'").partition(".")
        kind, name = _ALIAS.get(root), rest
    else:
        kind = _LIBRARY.get(str(getattr(hint, "__module__", "")).partition(".")[0])
        name = getattr(hint, "__name__", "")
    if kind == "polars" and name == _LAZY:
        raise Invalid(f"{what} is a polars LazyFrame; use pl.DataFrame (call .collect())")
    return kind


def resolve(hint: Any, function: Any) -> Any:
    """What a type hint of `function` says, without `None`; for a name imported for the type checker only, its dotted
    name.
    """
    if isinstance(hint, str):
        names = dict(getattr(function, "__globals__", {}))
        try:
            hint = typing.get_type_hints(type("_", (), {"__annotations__": {"hint": hint}}), names)["hint"]
        except Exception:  # noqa: BLE001 - a hint written as text is code, and can raise anything
            root, dot, rest = hint.strip("\"'").partition(".")
            return _imports(function).get(root, root) + dot + rest
    some = [part for part in typing.get_args(hint) if part is not type(None)]
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return some[0] if is_union and len(some) == 1 else hint


def _imports(function: Any) -> dict[str, str]:
    """Name -> what it stands for, of every import in the function's file, also those under TYPE_CHECKING."""
    try:
        tree = ast.parse(Path(function.__code__.co_filename).read_text(encoding="utf-8"))
    except (AttributeError, OSError, ValueError, SyntaxError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def _library(name: str) -> Any:
    try:
        __import__(name)
    except ImportError:
        raise Missing(f"a function asks for {name} frames; install: pip install 'arkwright[{name}]'") from None
    return sys.modules[name]
