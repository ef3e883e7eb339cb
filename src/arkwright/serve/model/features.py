"""From raw rows to the graph's inputs: straight, or through the project's own `features` function."""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from arkwright.core import arrow, frames
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.rows import Field, in_utc
from arkwright.core.rowwise import caller
from arkwright.core.signature import Signature
from arkwright.core.usercode import call
from arkwright.serve.model.graph import Graph, Port
from arkwright.serve.model.slices import SLICE, in_slices, slices
from arkwright.serve.model.tensors import Array, Tensors
from arkwright.serve.wire.messages import Problem

Prepare = Callable[[Sequence[Any]], Tensors]
_EXACT = 2**53
_UNITS = {"date": "D", "datetime": "us"}


def straight(signature: Signature, graph: Graph, fields: Sequence[Field]) -> Prepare:
    """Rows whose columns are the graph's own inputs. Raises Invalid for a column that no tensor holds.

    A date is the days since 1970-01-01 and a datetime the microseconds since then, UTC, each in a tensor of its own:
    INT64, or FP64 with NaN where it is missing.
    """
    known = {field.name: field for field in fields}
    place = {field.name: i for i, field in enumerate(fields)}
    takes: list[tuple[Port, tuple[str, ...], tuple[int, ...], str]] = []
    alone = {tensor.name for tensor in signature.inputs if not tensor.columns}  # features are inside the graph
    rounded: list[tuple[str, int]] = []  # whole numbers that come as floats, since they may be missing
    for name, columns in _columns(signature, graph):
        port = graph.inputs[name]
        _check_columns(columns, port, known)
        if name in alone and known[columns[0]].type == "int" and port.kind.name == "FP64":
            rounded.append((columns[0], place[columns[0]]))
        unit = _UNITS.get(known[columns[0]].type, "")
        takes.append((port, columns, tuple(place[column] for column in columns), unit))
    get = msgspec.structs.astuple

    if len(takes) == 1 and takes[0][2] == tuple(range(len(fields))) and len(fields) > 1:
        port, columns, *_ = takes[0]
        if _packs(port, fields):
            return in_slices(_packed(port, columns))
        return in_slices(lambda rows: {port.name: _array(list(map(get, rows)), port, columns)})  # the rows as they are

    def prepare(rows: Sequence[Any]) -> Tensors:
        values = tuple(zip(*map(get, rows), strict=True)) or ((),) * len(place)  # one tuple for each field
        for column, at in rounded:
            _check_exact(column, values[at])
        made = {}
        for port, columns, places, unit in takes:
            if unit:
                made[port.name] = _since_1970(values[places[0]], unit, port, columns)
            elif len(places) == 1:
                made[port.name] = _array(values[places[0]], port, columns)
            else:
                made[port.name] = _array(tuple(zip(*(values[i] for i in places), strict=True)), port, columns)
        return made

    return in_slices(prepare)


def _packs(port: Port, fields: Sequence[Field]) -> bool:
    """Whether all columns are numbers that are always there, for one tensor of floats."""
    plain = all(field.type in ("float", "int", "bool") and not field.nullable for field in fields)
    return plain and port.kind.name in ("FP32", "FP64") and len(port.shape) > 1


def _packed(port: Port, columns: tuple[str, ...]) -> Prepare:
    """What `_array` makes of such rows, in less than half the time: the rounding is the same, row after row."""
    width, get = len(columns), msgspec.structs.astuple
    pack = struct.Struct(f"<{width}{'f' if port.kind.name == 'FP32' else 'd'}").pack

    def prepare(rows: Sequence[Any]) -> Tensors:
        try:
            data = b"".join([pack(*get(row)) for row in rows])
        except (struct.error, OverflowError):  # it is found out and told there
            return {port.name: _array(list(map(get, rows)), port, columns)}
        array: Array = np.frombuffer(data, port.kind.dtype)
        return {port.name: array.reshape(-1, width)}

    return prepare


def _check_columns(columns: Sequence[str], port: Port, known: Mapping[str, Field]) -> None:
    for column in columns:
        if column not in known:
            raise Invalid(f"the model takes {column!r}, which is no column of a row{did_you_mean(column, known)}")
        if not _held(known[column].type, port, tuple(columns)):
            raise Invalid(f"the column {column!r} is a {known[column].type}, which no tensor holds; write features()")


def _check_exact(column: str, values: Sequence[int | None]) -> None:
    """Raises Problem for a whole number that a 64-bit float does not hold: the model would answer for another one."""
    for i, value in enumerate(values):
        if value is not None and not -_EXACT <= value <= _EXACT:
            said = f"{value} is beyond 2^53, where this model cannot tell it from its neighbours"
            raise Problem(422, f"$[{i}].{column}: {said}")


def _held(kind: str, port: Port, columns: tuple[str, ...]) -> bool:
    if kind in _UNITS:
        return len(columns) == 1 and port.kind.name in ("INT64", "FP64")
    return kind != "bytes"


def _since_1970(values: Sequence[Any], unit: str, port: Port, columns: tuple[str, ...]) -> Array:
    """Dates or datetimes of one column as numbers, from any zone in UTC. Raises Problem (422) for a missing one."""
    if unit == "us":
        values = [None if value is None else in_utc(value) for value in values]
    times: Array = np.array(values, dtype=f"datetime64[{unit}]")
    array: Array = times.astype(port.kind.dtype)
    if None in values:
        if port.kind.python is int:
            raise Problem(422, f"$[{values.index(None)}].{columns[0]}: is missing, and the model needs it")
        array[np.isnat(times)] = np.nan
    return array if len(port.shape) == 1 else array.reshape(len(values), -1)


def through_frames(
    signature: Signature, graph: Graph, function: Callable[..., Any], fields: Sequence[Field]
) -> Prepare:
    """`features` takes a whole frame, of the kind its type hint says, and gives one row for each row."""
    import pyarrow as pa

    assert signature.features is not None
    kind = signature.features.takes
    schema = arrow.schema(field.column for field in fields)
    get = msgspec.structs.astuple
    wanted = _columns(signature, graph)

    def some(rows: Sequence[Any]) -> pa.Table:
        values = zip(*map(get, rows), strict=True)
        columns = [pa.array(v, type=field.type) for v, field in zip(values, schema, strict=True)]
        return pa.table(columns, schema=schema)

    def many(rows: Sequence[Any]) -> pa.Table:
        return pa.concat_tables([some(rows[part]) for part in slices(len(rows))]).combine_chunks()

    def prepare(rows: Sequence[Any]) -> Tensors:
        taken = some(rows) if len(rows) <= SLICE else many(rows)
        table = frames.to_arrow(call(function, frames.to_frame(taken, kind)), function.__name__)
        if table.num_rows != len(rows):
            raise Invalid(f"{function.__name__}() made {table.num_rows} rows of {len(rows)}; it must give one for each")
        found = {name: table.column(name) for name in table.column_names}
        return {name: _stack(found, columns, graph.inputs[name]) for name, columns in wanted}

    return prepare


def through_rows(signature: Signature, graph: Graph, function: Callable[..., Any], fields: Sequence[Field]) -> Prepare:
    """`features` takes one row, an object or a dict, and gives a mapping or an object with the inputs."""
    assert signature.features is not None
    one = caller(function, fields, signature.features.takes)
    wanted = [(graph.inputs[name], columns) for name, columns in _columns(signature, graph)]

    def prepare(rows: Sequence[Any]) -> Tensors:
        made: list[Any] = []
        try:
            for row in rows:
                made.append(one(row))  # noqa: PERF401 - how many there are says which row failed
        except Exception as error:  # also where it panics or tries to exit: see `call`
            said = f"{function.__name__}() failed on this row; the server's log says why"
            raise Problem(500, f"$[{len(made)}]: {said}") from error
        return {
            port.name: _array(
                [tuple(_get(m, c, port.kind.python) for c in columns) for m in made], port, columns, made=True
            )
            for port, columns in wanted
        }

    return in_slices(prepare)


def _columns(signature: Signature, graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    """Input -> the columns in it; a tensor without columns is the column of its own name."""
    named = {tensor.name: tensor.columns or (tensor.name,) for tensor in signature.inputs}
    return [(name, named[name]) for name in graph.inputs]


# numpy would make whole numbers of 1.5 and of "1"; in training such a value would have changed the column's type
_GIVEN: dict[type, tuple[type, ...]] = {
    int: (int, np.integer, np.bool_),
    float: (int, float, np.integer, np.floating, np.bool_),
    bool: (bool, np.bool_),
    str: (str,),
}


def _get(made: Mapping[str, Any], column: str, wanted: type) -> Any:
    """One value that `features` gave for a row. Raises Invalid when there is none, or it is of another type."""
    if column not in made:
        raise Invalid(f"features() made no {column!r}, which the model takes{did_you_mean(column, made)}")
    value = made[column]
    if value is not None and not isinstance(value, _GIVEN[wanted]):
        what = type(value).__name__
        raise Invalid(f"features() made {column!r} as {what} for a row, and the model takes {wanted.__name__}")
    return value


def _array(values: Sequence[Any], port: Port, columns: tuple[str, ...], *, made: bool = False) -> Array:
    """Values of one tensor, row by row; a missing number is NaN. Raises Problem (422) for a misfit.

    `made`: they are not the caller's own, but what `features` gave.
    """
    try:
        if port.kind.dtype.itemsize < 8:  # a Python number always fits in 64 bits or raises by itself
            with np.errstate(over="raise"):
                array: Array = np.array(values, dtype=port.kind.dtype)
        else:
            array = np.array(values, dtype=port.kind.dtype)
    except (TypeError, ValueError, OverflowError, FloatingPointError):
        raise _cannot(values, port, columns, made=made) from None
    if port.kind.python is str and any(not isinstance(text, str) for text in array.ravel().tolist()):
        raise _cannot(values, port, columns, made=made)
    return array.reshape(len(values)) if len(port.shape) == 1 else array.reshape(len(values), -1)


def _cannot(values: Sequence[Any], port: Port, columns: tuple[str, ...], *, made: bool) -> Problem:
    """Find which value of which column it was: only on the way to an error, so it may take its time."""
    for i, row in enumerate(values):
        for column, value in zip(columns, row if isinstance(row, tuple) else (row,), strict=True):
            try:
                with np.errstate(over="raise"):
                    np.array([value], dtype=port.kind.dtype)
            except (TypeError, ValueError, OverflowError, FloatingPointError):
                pass
            else:
                if port.kind.python is not str or isinstance(value, str):
                    continue
            if made:
                what = "no value for" if value is None else f"a value that does not fit in {port.kind.name} for"
                return Problem(422, f"$[{i}]: features() made {what} {column!r}, and the model needs it")
            what = "is missing, and the model needs it" if value is None else f"does not fit in {port.kind.name}"
            return Problem(422, f"$[{i}].{column}: {what}")
    return Problem(422, f"the rows do not fit in the model's input {port.name!r}")


def _narrowed(part: Any, port: Port, column: str) -> Array:
    """A column that `features` gave, in the model's type. Raises Problem (422) for a number beyond it."""
    try:
        with np.errstate(over="raise"):
            array: Array = part.astype(port.kind.dtype)
    except FloatingPointError:
        with np.errstate(over="ignore"):
            beyond = np.isinf(part.astype(port.kind.dtype)) & ~np.isinf(part)
        said = f"features() made a value that does not fit in {port.kind.name} for {column!r}"
        raise Problem(422, f"$[{int(np.argmax(beyond))}]: {said}, and the model needs it") from None
    return array


def _stack(found: Mapping[str, Any], columns: tuple[str, ...], port: Port) -> Array:
    """The columns of an Arrow table side by side, (rows, columns), or (rows,) where the graph says so."""
    parts = []
    for column in columns:
        if column not in found:
            raise Invalid(f"features() made no {column!r}, which the model takes{did_you_mean(column, found)}")
        values = found[column]
        if values.null_count and (port.kind.python in (int, bool) or port.kind.python is str):
            at = values.is_null().to_pylist().index(True)
            raise Problem(422, f"$[{at}]: features() found no {column!r}, and the model needs it")
        part = values.to_numpy() if port.kind.python is not str else np.array(values.to_pylist(), dtype=object)
        if port.kind.python is int and part.dtype.kind not in "iub":
            raise Invalid(f"features() made {column!r} as {values.type}, and the model takes {port.kind.name}")
        parts.append(_narrowed(part, port, column))
    if len(port.shape) == 1:
        return parts[0]
    return np.ascontiguousarray(np.stack(parts, axis=1))
