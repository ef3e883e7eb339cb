"""Typed Arrow cells (Parquet) into the row class's types: what loses nothing is converted, a column of another kind
is refused as a whole.

pandas writes whole numbers with gaps as floats and dates as times at midnight: both are taken back. NaN is null.
"""

from collections.abc import Callable
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow
from arkwright.core.arrow_arrays import floats, integers
from arkwright.core.errors import Invalid
from arkwright.core.rows import Field
from arkwright.data.cells import text_cells
from arkwright.data.cells.fault import Fault, where, without
from arkwright.data.cells.moments import KEPT, Zone

_NONE = np.empty(0, np.int64)
_MOST = integers(np.array([2**63 - 1])).cast(pa.uint64())[0]
_BEYOND = floats(np.array([2.0**63]), None)[0]


def cast(field: Field, cells: pa.Array, zone: Zone) -> tuple[pa.Array, list[Fault]]:
    """(n,) cells as the field's type, null where they do not fit, and why.

    Raises Invalid when the column's type can never fit, such as texts for a number.
    """
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_null(cells.type):
        return pa.nulls(len(cells), arrow.schema([field.column])[0].type), []
    if _is_text(cells.type) and field.type in ("str", "date", "datetime"):
        return text_cells.cast(field, cells, zone)
    if field.type == "datetime":
        return _datetime(field, cells, zone)
    return _CASTS.get(field.type, _refuse)(field, cells)


def _float(field: Field, cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    kind = cells.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return _refuse(field, cells)
    return cells.cast(pa.float64(), safe=False), []


def _bool(field: Field, cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    return (cells, []) if pa.types.is_boolean(cells.type) else _refuse(field, cells)


def _bytes(field: Field, cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    return (cells.cast(pa.binary()), []) if _is_bytes(cells.type) else _refuse(field, cells)


def _int(field: Field, cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    if pa.types.is_integer(cells.type):
        if cells.type != pa.uint64():
            return cells.cast(pa.int64()), []
        wrong = where(pc.greater(cells, _MOST))
        return without(cells, wrong).cast(pa.int64()), [Fault(wrong, "is too large for 64 bits")]
    if pa.types.is_decimal(cells.type) or pa.types.is_floating(cells.type):
        cells = cells.cast(pa.float64(), safe=False)
        cells = without(cells, where(pc.is_nan(cells)))
        whole = pc.and_(pc.equal(pc.floor(cells), cells), pc.less(pc.abs(cells), _BEYOND))
        wrong = where(pc.invert(whole))
        return without(cells, wrong).cast(pa.int64()), [Fault(wrong, "is not an int")]
    return _refuse(field, cells)


def _date(field: Field, cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    if pa.types.is_date(cells.type):
        return cells.cast(pa.date32()), []
    if not pa.types.is_timestamp(cells.type):
        return _refuse(field, cells)
    days = cells.cast(pa.date32(), safe=False)
    wrong = where(pc.not_equal(days.cast(cells.type), cells))
    return without(days, wrong), [Fault(wrong, "is not a date (it has a time)")]


def _datetime(field: Field, cells: pa.Array, zone: Zone) -> tuple[pa.Array, list[Fault]]:
    if pa.types.is_date(cells.type):
        return zone.settle(cells.cast(pa.date32()).cast(KEPT), zoned=False)
    if not pa.types.is_timestamp(cells.type):
        return _refuse(field, cells)
    unit, wrong = cells.type.unit, _NONE
    if unit in ("s", "ms"):  # beyond the year 290,000 microseconds overflow
        limit = 2**62 // (1_000_000 if unit == "s" else 1_000)
        wrong = where(pc.greater(pc.abs(cells.view(pa.int64())), integers(np.array([limit]))[0]))
        cells = without(cells, wrong)
    zoned = cells.type.tz is not None
    values = cells.cast(pa.timestamp("us", cells.type.tz), safe=False).view(KEPT)
    values, faults = zone.settle(values, zoned=zoned)
    return values, [Fault(wrong, "is beyond every calendar"), *faults]


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _refuse(field: Field, cells: pa.Array) -> NoReturn:
    raise Invalid(f"the column {field.name!r} is {cells.type} in the source, and the row class says {field.type}")


_CASTS: dict[str, Callable[[Field, pa.Array], tuple[pa.Array, list[Fault]]]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "date": _date,
    "bytes": _bytes,
}
