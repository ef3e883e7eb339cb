"""Rows that come as Arrow columns: the same checks as for JSON, and straight to the graph where no code is between."""

import operator
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import numpy as np

from arkwright.core import rows as core
from arkwright.core.errors import did_you_mean
from arkwright.core.rows import Field
from arkwright.serve.model.arrow import stream as arrow_stream
from arkwright.serve.model.arrow.flatbuffer import Malformed
from arkwright.serve.model.arrow.stream import Column, Stream
from arkwright.serve.model.arrow.types import NULL
from arkwright.serve.model.features import Prepare
from arkwright.serve.model.graph import Port
from arkwright.serve.model.slices import filled, slices
from arkwright.serve.model.tensors import Array, Tensors, said
from arkwright.serve.wire.messages import Problem

ARROW = b"application/vnd.apache.arrow.stream"
Takes = Sequence[tuple[Port, Sequence[str]]]
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "ge": operator.lt, "gt": operator.le, "le": operator.gt, "lt": operator.ge,
}  # fmt: skip  # which values break the bound
_FITS = {"float": ("float", "int"), "int": ("int",)}  # JSON says 1 for 1.0, too
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # microseconds: the years 1 to 9999
_MOST_COLUMNS = 100_000
_DAY = 86_400_000_000


class ArrowRows:
    """Decodes Arrow streams of one row class. `takes` says which columns each input of the graph is made of, where
    nothing is between them; without it, rows become objects for `prepare`.
    """

    def __init__(self, fields: Sequence[Field], target: str, prepare: Prepare, takes: Takes | None) -> None:
        self._fields = {field.name: field for field in fields}
        self._target = target
        self._struct = core.struct("Row", tuple(fields))
        self._prepare = prepare
        self._takes = takes if takes is not None and self._is_straight(takes) else None

    def open(self, body: bytes) -> Stream:
        """The frame of a stream, with its number of rows. Raises Problem: 400 is no such stream, 422 no such rows."""
        try:
            stream = arrow_stream.read(body, len(self._fields) + 100)
        except Malformed as error:
            raise _no_stream(error) from None
        names = [one.name for one in stream.fields]
        for name in names:
            if names.count(name) > 1:
                raise Problem(422, f"$: the column {name[:80]!r} occurs twice")
            if name not in self._fields:
                near = did_you_mean(name[:80], list(self._fields))
                if name == self._target:
                    near = "; it is what the model predicts, so leave it out"
                raise Problem(422, f"$: unknown column {name[:80]!r}{near}")
        for name, field in self._fields.items():
            if name not in names and not field.nullable:
                raise Problem(422, f"$: the column {name!r} is missing")
        if not stream.rows:
            raise Problem(422, "$: the stream has no rows; send at least one row")
        return stream

    def tensors(self, stream: Stream) -> Tensors:
        """The graph's inputs. Raises Problem naming the row and the column, `$[3].distance: …`."""
        try:
            found = stream.columns()
        except Malformed as error:
            raise _no_stream(error) from None
        columns = {name: _typed(column, self._fields[name]) for name, column in found.items()}
        for name, column in columns.items():
            self._check(name, column, columns)
        if self._takes is None:
            return self._prepare([row for part in slices(stream.rows) for row in self._objects(columns, part)])
        return {port.name: self._tensor(port, names, columns, stream.rows) for port, names in self._takes}

    def _is_straight(self, takes: Takes) -> bool:
        """Whether numpy alone makes the inputs exactly as they are made from objects."""
        every = all(not field.limits or field.type in ("int", "float") for field in self._fields.values())
        return every and all(_is_plain(port, self._fields[name]) for port, names in takes for name in names)

    def _check(self, name: str, column: Column, columns: dict[str, Column]) -> None:
        """One aggregate look at a column; what is wrong is told in the words of the decoder of JSON."""
        field, wrong = self._fields[name], np.zeros(len(column.values), bool)
        present = np.ones(len(wrong), bool) if column.missing is None else ~column.missing
        if not field.nullable:
            wrong |= ~present
        if field.type == "float":
            finite = np.isfinite(column.values)
            self._refuse(name, ~finite & present, "is NaN or Infinity, which is no number; a missing value is null")
        if field.type in ("int", "float"):
            for bound, limit in field.limits:
                if bound in _COMPARE:
                    wrong |= _COMPARE[bound](column.values, limit) & present
        if field.allowed:
            allowed = set(field.allowed)
            wrong |= (
                filled(len(wrong), bool, lambda at: [v not in allowed for v in column.values[at].tolist()]) & present
            )
        if wrong.any():
            at = int(wrong.argmax())
            self._objects(columns, slice(at, at + 1))
            raise Problem(422, f"$[{at}].{name}: is not allowed")  # not reached: the decoder says more

    def _refuse(self, name: str, wrong: Array, why: str) -> None:
        if wrong.any():
            raise Problem(422, f"$[{int(wrong.argmax())}].{name}: {why}")

    def _objects(self, columns: dict[str, Column], part: slice) -> list[Any]:
        lists = [_values(column, part) for column in columns.values()]
        each = zip(*lists, strict=True) if lists else (() for _ in range(part.stop - part.start))
        return [self._object(i, dict(zip(columns, values, strict=True))) for i, values in enumerate(each, part.start)]

    def _object(self, at: int, given: dict[str, Any]) -> Any:
        try:
            return msgspec.convert(given, self._struct, builtin_types=(bytes, date, datetime))
        except msgspec.ValidationError as error:
            raise Problem(422, said(error).replace("$", f"$[{at}]", 1)) from None

    def _tensor(self, port: Port, names: Sequence[str], columns: dict[str, Column], rows: int) -> Array:
        parts = [self._part(port, name, columns.get(name), rows) for name in names]
        if len(port.shape) == 1:
            return parts[0]
        return np.ascontiguousarray(np.stack(parts, axis=1))

    def _part(self, port: Port, name: str, column: Column | None, rows: int) -> Array:
        """One column as the graph takes it; a missing number is NaN."""
        if column is None:
            column = Column(NULL, np.zeros(rows), np.ones(rows, bool))
        values, missing = column.values, column.missing
        if port.kind.python is not float:
            if missing is not None:
                self._refuse(name, missing, "is missing, and the model needs it")
            if port.kind.python is int and values.dtype != np.bool_:
                bounds = np.iinfo(port.kind.dtype)
                beyond = (values < bounds.min) | (values > bounds.max)
                self._refuse(name, beyond, f"does not fit in {port.kind.name}")
            return values.astype(port.kind.dtype)
        with np.errstate(over="ignore"):
            array: Array = values.astype(port.kind.dtype)
        beyond = ~np.isfinite(array)
        if missing is not None:
            beyond &= ~missing
            array[missing] = np.nan
        self._refuse(name, beyond, f"does not fit in {port.kind.name}")
        return array


def lists(body: bytes, fields: Sequence[Field]) -> tuple[int, dict[str, list[Any]]]:
    """The number of rows of a stream, and these of its columns as Python's own objects, None where they are missing; a
    column that is not there is left out. Raises Problem for a stream that no server takes.
    """
    rows, columns = _columns(body, fields)
    return rows, {name: _values(column, slice(0, rows)) for name, column in columns.items()}


def rows_of(body: bytes, fields: Sequence[Field]) -> Iterator[tuple[Any, ...]]:
    """The same row by row, in the order of these fields; None for a column that is not there."""
    rows, columns = _columns(body, fields)
    for part in slices(rows):
        count = part.stop - part.start
        each = (_values(columns[f.name], part) if f.name in columns else [None] * count for f in fields)
        yield from zip(*each, strict=True) if fields else [()] * count


def _columns(body: bytes, fields: Sequence[Field]) -> tuple[int, dict[str, Column]]:
    try:
        stream = arrow_stream.read(body, _MOST_COLUMNS)
        columns = stream.columns()
    except Malformed as error:
        raise _no_stream(error) from None
    return stream.rows, {f.name: _typed(columns[f.name], f) for f in fields if f.name in columns}


def _no_stream(error: Malformed) -> Problem:
    return Problem(400, f"the body is no Arrow stream that is read here: {error}")


def _is_plain(port: Port, field: Field) -> bool:
    match field.type:
        case "float":
            return port.kind.python is float
        case "int":  # alone in 64 bits it is checked to be exact, where objects are made
            return port.kind.python is int or (port.kind.python is float and port.kind.name != "FP64")
        case "bool":
            return port.kind.python is not str
        case "str":
            return port.kind.python is str
        case _:
            return False


def _typed(column: Column, field: Field) -> Column:
    """The column in the type that its field has. Raises Problem (422) for another type."""
    kind, values, missing = column.kind.type, column.values, column.missing
    if kind == "null":
        return Column(column.kind, np.zeros(len(values), object if field.type in ("str", "bytes") else float), missing)
    if kind not in _FITS.get(field.type, (field.type,)):
        raise Problem(422, f"$[0].{field.name}: expected {field.type}, got a column of {kind}")
    if field.type == "float":
        values = values.astype(np.float64)
        if missing is not None:
            values[missing] = 0  # what stands in a missing place may be anything
    elif field.type == "int":
        if values.dtype == np.uint64:
            _refuse_present(field, values > np.uint64(2**63 - 1), missing, "the integer does not fit in 64 bits")
        values = values.astype(np.int64)
    elif field.type in ("date", "datetime"):
        per = _DAY if field.type == "date" else 1
        beyond = (values < _FIRST // per) | (values > _LAST // per)
        _refuse_present(field, beyond, missing, "is not in the years 1 to 9999")
        values = np.where(beyond, 0, values * per).astype("datetime64[us]")
    return Column(column.kind, values, missing)


def _refuse_present(field: Field, wrong: Array, missing: Array | None, why: str) -> None:
    if missing is not None:
        wrong &= ~missing
    if wrong.any():
        raise Problem(422, f"$[{int(wrong.argmax())}].{field.name}: {why}")


def _values(column: Column, part: slice) -> list[Any]:
    """Python's own objects, None where they are missing."""
    values = column.values[part]
    if values.dtype.kind == "M":
        found: list[Any] = values.astype("datetime64[D]" if column.kind.type == "date" else values.dtype).tolist()
        if column.kind.zoned:
            found = [value.replace(tzinfo=UTC) for value in found]
    else:
        found = list(values.tolist())
    if column.missing is not None:
        for i in np.flatnonzero(column.missing[part]).tolist():
            found[i] = None
    return found
