"""The bounds of a row class, for a column at a time: the same as msgspec holds for a row that is sent."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core.arrow_arrays import floats, integers, texts
from arkwright.core.rows import Field
from arkwright.data.cells.fault import Fault, where, without

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400_000_000  # microseconds
_BROKEN: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "ge": (pc.less, "is below"),
    "gt": (pc.less_equal, "is not above"),
    "le": (pc.greater, "is above"),
    "lt": (pc.greater_equal, "is not below"),
}
_YEARS = (date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH)  # days


def usable(cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """(n,) typed cells without what nothing can reckon with: NaN is null, infinity and year 10,000 are faults."""
    if pa.types.is_floating(cells.type):
        finite = pc.is_finite(cells)
        if pc.all(finite).as_py() is not False:
            return cells, []
        endless = where(pc.is_inf(cells))
        return without(cells, where(pc.invert(finite))), [Fault(endless, "is infinite")]
    if pa.types.is_temporal(cells.type):
        days = pa.types.is_date(cells.type)
        first, last = _YEARS if days else (_YEARS[0] * _DAY, (_YEARS[1] + 1) * _DAY - 1)
        count = cells.view(pa.int32() if days else pa.int64())
        outside = where(pc.or_(pc.less(count, number(first)), pc.greater(count, number(last))))
        return without(cells, outside), [Fault(outside, "is outside the years 1 to 9999")]
    return cells, []


def number(value: float) -> pa.Scalar:
    """A number for Arrow to compare with."""
    return (floats(np.array([value]), None) if isinstance(value, float) else integers(np.array([value])))[0]


def check(field: Field, cells: pa.Array) -> Iterator[Fault]:
    """What breaks a bound or is not among the allowed values; null breaks nothing here."""
    for name, limit in field.limits:
        if name in _BROKEN:
            broken, says = _BROKEN[name]
            yield Fault(where(broken(cells, number(limit))), f"{says} {_said(limit)}")
        elif name == "pattern":
            yield Fault(_unlike(re.compile(limit), cells), f"does not match {limit!r}")
        else:
            size = pc.utf8_length(cells) if field.type == "str" else pc.binary_length(cells)
            short = name == "min_length"
            says = f"is {'shorter' if short else 'longer'} than {limit}"
            yield Fault(where((pc.less if short else pc.greater)(size, number(limit))), says)
    if field.allowed:
        known = pc.or_(pc.is_null(cells), pc.is_in(cells, _allowed(field, cells.type)))
        listed = ", ".join(map(str, field.allowed[:6])) + (" …" if len(field.allowed) > 6 else "")
        yield Fault(where(pc.invert(known)), f"is not one of {listed}")


def _said(limit: float) -> str:
    """0.0 as 0: of a row class one cannot tell which of them was written, as Python takes both for one type."""
    return str(int(limit)) if isinstance(limit, float) and limit.is_integer() and abs(limit) < 1e15 else str(limit)


def _unlike(pattern: re.Pattern[str], cells: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Python's own `search`, as msgspec does it, once for each distinct text."""
    wrong = [text for text in cells.unique().drop_null().to_pylist() if not pattern.search(text)]
    return where(pc.is_in(cells, texts(wrong).cast(pa.string()))) if wrong else np.empty(0, np.int64)


def _allowed(field: Field, kind: pa.DataType) -> pa.Array:
    if field.type == "str":
        return texts(field.allowed).cast(pa.string())
    if field.type == "int":
        return integers(np.array(field.allowed, np.int64))
    return pa.array(field.allowed, kind)
