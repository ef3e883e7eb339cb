"""Texts into typed cells, a column at a time: Arrow casts good columns whole, and only bad ones are looked into."""

import base64
import binascii
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core.arrow_arrays import texts as text_array
from arkwright.core.rows import Field
from arkwright.data.batch import Rows
from arkwright.data.cells.escape import MARK, PATTERN
from arkwright.data.cells.fault import Fault, where, without
from arkwright.data.cells.moments import Zone

_A = {"int": "an int", "float": "a float", "bool": "true or false", "date": "a date like 2013-01-31"}
_KINDS = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "date": pa.date32()}
_PATTERNS = {
    "int": r"^-?[0-9]+$",
    "float": r"^[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity|nan))$",
    "bool": r"^(?i:true|false|0|1)$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
}
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_NONE = np.empty(0, np.int64)


def cast(field: Field, cells: pa.Array, zone: Zone) -> tuple[pa.Array, list[Fault]]:
    """(n,) texts (binary or string) as the field's type, null where they do not fit, and why they do not.

    Numbers, dates and times may have blanks around them. `datetime` is ISO 8601; see `moments`.
    """
    spelt, faults = utf8(cells)
    match field.type:
        case "str":
            return spelt, faults
        case "bytes":
            values, wrong = _bytes(spelt)
            faults.append(Fault(wrong, "is not base64"))
        case "datetime":
            values, more = zone.cast(spelt)
            faults += more
        case _:
            values, wrong = parsed(spelt, _KINDS[field.type], _PATTERNS[field.type])
            faults.append(Fault(wrong, f"is not {_A[field.type]}"))
    return values, faults


def utf8(cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """(n,) strings; null where the bytes are not UTF-8 or hold a NUL, which databases and C programs stumble on."""
    faults = []
    try:
        spelt = cells.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        wrong = np.array([i for i, cell in enumerate(cells.cast(pa.binary()).to_pylist()) if not _decodes(cell)])
        faults.append(Fault(wrong, "is not UTF-8"))
        spelt = without(cells.cast(pa.binary()), wrong).cast(pa.string())
    if holds(spelt, MARK):
        wrong = where(pc.match_substring_regex(spelt, PATTERN))
        faults.append(Fault(wrong, "is not UTF-8"))
        spelt = without(spelt, wrong)
    if holds(spelt, b"\0"):
        wrong = where(pc.match_substring(spelt, "\0"))
        faults.append(Fault(wrong, "holds a NUL byte"))
        spelt = without(spelt, wrong)
    return spelt, faults


def holds(spelt: pa.Array, *needles: bytes) -> bool:
    """Whether one of these bytes may occur in a column; no false negatives."""
    _, ends, data = spelt.buffers()
    if data is None or not len(spelt):
        return False
    first, last = np.frombuffer(ends, np.int32)[[spelt.offset, spelt.offset + len(spelt)]]
    raw = data[int(first) : int(last)].to_pybytes()
    return any(needle in raw for needle in needles)


def parsed(spelt: pa.Array, kind: pa.DataType, pattern: str) -> tuple[pa.Array, Rows]:
    """Strings as `kind`, null where they are not `pattern` or out of range, and the positions of these."""
    hexadecimal = pa.types.is_integer(kind) and holds(spelt, b"x", b"X")  # Arrow would read 0x1F
    try:
        if not hexadecimal:
            return spelt.cast(kind), _NONE
    except pa.ArrowInvalid:
        pass
    trimmed = pc.utf8_trim_whitespace(spelt)
    trimmed = without(trimmed, where(pc.invert(pc.match_substring_regex(trimmed, pattern))))
    try:
        values = trimmed.cast(kind)
    except pa.ArrowInvalid:
        wrong = text_array(_uncastable(trimmed.unique().drop_null(), kind)).cast(pa.string())
        values = without(trimmed, where(pc.is_in(trimmed, wrong))).cast(kind)
    return values, where(pc.and_(pc.is_valid(spelt), pc.is_null(values)))


def _uncastable(distinct: pa.Array, kind: pa.DataType) -> list[str]:
    """The values that do not cast, found by halving."""
    try:
        distinct.cast(kind)
    except pa.ArrowInvalid:
        if len(distinct) == 1:
            return [distinct[0].as_py()]
        half = len(distinct) // 2
        return _uncastable(distinct[:half], kind) + _uncastable(distinct[half:], kind)
    return []


def _bytes(spelt: pa.Array) -> tuple[pa.Array, Rows]:
    values = [_base64(text) for text in spelt.to_pylist()]
    wrong = [i for i, value in enumerate(values) if value is False]
    made = pa.array([None if value is False else value for value in values], pa.binary())
    return made, np.array(wrong, np.int64)


def _base64(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True) if _BASE64.fullmatch(text) else False
    except binascii.Error:
        return False


def _decodes(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
