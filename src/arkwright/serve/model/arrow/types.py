"""Which Arrow types a column of a row can come in, and how their buffers become numpy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from arkwright.serve.model.arrow.flatbuffer import Malformed, Table
from arkwright.serve.model.slices import slices
from arkwright.serve.model.tensors import Array

Bytes = memoryview
_FLOATS = ("<f2", "<f4", "<f8")
_PER_SECOND = (1, 10**3, 10**6, 10**9)
_DAY_MS = 86_400_000
_OTHERS = {7: "a decimal", 9: "a time of day", 11: "an interval", 18: "a duration", 12: "a list", 13: "a struct"}
_OTHERS |= {14: "a union", 16: "a list", 17: "a map", 21: "a list", 22: "run-end encoded", 25: "a list", 26: "a list"}
_TEXTS = {  # Arrow's number of a type -> (type of a column, layout, bytes of an offset)
    4: ("bytes", "offsets", 4),
    5: ("str", "offsets", 4),
    19: ("bytes", "offsets", 8),
    20: ("str", "offsets", 8),
    23: ("bytes", "view", 0),
    24: ("str", "view", 0),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One Arrow type. `type` is the column's (`int`, `float`, `str` …; `null` where every value is missing).

    `layout` names the buffers: fixed, bits, offsets, width, view, null. `size` is the bytes of an offset, or of a value
    of fixed width. A `date` comes in days since 1970 and a `datetime` in microseconds, `zoned` when that is in UTC and
    not on an unnamed clock; `per` is how many of the sender's units make a second or a day.
    """

    type: str
    layout: str
    dtype: str = ""
    size: int = 0
    per: int = 0
    zoned: bool = False

    @property
    def buffers(self) -> int:
        """How many it has behind the marks for missing values, without those that views point into."""
        return 2 if self.layout == "offsets" else 1

    def nothing(self, rows: int) -> Array:
        """An array for rows that are all missing."""
        return np.zeros(rows, object if self.type in ("str", "bytes") else self.dtype or float)

    def read(self, buffers: Sequence[Bytes], rows: int, missing: Array | None) -> Array:
        """The values, (rows,), of these buffers. Raises Malformed."""
        match self.layout:
            case "bits":
                if len(buffers[0]) * 8 < rows:
                    raise Malformed("a column has fewer values than rows")
                bits: Array = np.unpackbits(np.frombuffer(buffers[0], np.uint8), count=rows, bitorder="little")
                return bits.astype(bool)
            case "fixed":
                return self._fixed(buffers[0], rows, missing)
            case "offsets":
                offsets = _array(buffers[0], f"<i{self.size}", rows + 1 if rows else 0)
                return self._texts(offsets, buffers[1], missing)
            case "width":
                if self.size * rows > len(buffers[0]):
                    raise Malformed("a column has fewer values than rows")
                return self._texts(np.arange(0, (rows + 1) * self.size, self.size), buffers[0], missing)
            case _:
                return self._views(_array(buffers[0], "V16", rows), buffers[1:], missing)

    def _fixed(self, buffer: Bytes, rows: int, missing: Array | None) -> Array:
        values = _array(buffer, self.dtype, rows)
        if self.type not in ("date", "datetime"):
            return values
        if missing is not None:
            values = np.where(missing, 0, values)
        values = values.astype(np.int64)
        if self.type == "date":
            if self.per > 1 and (values % self.per).any():
                raise Malformed("a date holds a part of a day")
            return values // self.per
        if self.per > 10**6:
            return values // (self.per // 10**6)
        factor = 10**6 // self.per
        if factor > 1 and len(values) and int(np.abs(values // 2).max()) > 2**62 // factor:
            raise Malformed("a time is beyond the year 9999")
        return values * factor

    def _texts(self, offsets: Array, data: Bytes, missing: Array | None) -> Array:
        rows = max(len(offsets) - 1, 0)
        found: Array = np.empty(rows, object)
        if not rows:
            return found
        if int(offsets[0]) < 0 or int(offsets[-1]) > len(data) or (np.diff(offsets) < 0).any():
            raise Malformed("the offsets of a text lead out of its buffer")
        for part in slices(rows):
            ends = offsets[part.start : part.stop + 1].tolist()
            first, raw = ends[0], bytes(data[ends[0] : ends[-1]])
            whole: Any = raw
            if self.type == "str" and raw.isascii():
                whole = raw.decode("ascii")  # once for all of them
            some: Array = np.empty(part.stop - part.start, object)
            some[:] = [whole[a - first : b - first] for a, b in pairwise(ends)]
            found[part] = self._decoded(some, None if missing is None else missing[part], part.start)
        return found

    def _views(self, views: Array, buffers: Sequence[Bytes], missing: Array | None) -> Array:
        """Each value in 16 bytes: its length, then itself, or where it is. Values at one place are read once."""
        rows = len(views)
        found: Array = np.empty(rows, object)
        raw, numbers = views.tobytes(), views.view("<i4").reshape(rows, 4)
        known: dict[tuple[int, int, int], bytes] = {}
        left = sum(len(buffer) for buffer in buffers)  # views of overlapping places could ask for any amount
        each = (view for part in slices(rows) for view in numbers[part].tolist())
        for i, (length, _, index, start) in enumerate(each):
            if missing is not None and missing[i]:
                continue
            if 0 <= length <= 12:
                found[i] = raw[16 * i + 4 : 16 * i + 4 + length]
                continue
            place = (index, start, length)
            if place not in known:
                if not 0 <= index < len(buffers) or start < 0 or length < 0 or start + length > len(buffers[index]):
                    raise Malformed("a view leads out of its buffer")
                left -= length
                if left < 0:
                    raise Malformed("its views overlap")
                known[place] = bytes(buffers[index][start : start + length])
            found[i] = known[place]
        return self._decoded(found, missing)

    def _decoded(self, found: Array, missing: Array | None, first: int = 0) -> Array:
        """Texts of bytes; `first` is the row of the first."""
        if self.type == "bytes" or (len(found) and isinstance(found[0], str)):
            return found
        try:
            for i, value in enumerate(found):
                if missing is None or not missing[i]:
                    found[i] = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"the text in row {first + i} is not UTF-8") from None
        return found


NULL = Kind("null", "null")


def kind_of(column: str, number: int, about: Table | None, children: int) -> Kind:  # noqa: C901, PLR0911 - one per type
    """The type of a column by Arrow's number for it. Raises Malformed naming a column whose type no row has."""
    shown = repr(column[:80])
    if children or number in _OTHERS:
        raise Malformed(f"the column {shown} is {_OTHERS.get(number, 'nested')}, which no row holds; make it plain")
    if number == 1:
        return NULL
    if number == 6:
        return Kind("bool", "bits", "?")
    if number in _TEXTS:
        kind, layout, size = _TEXTS[number]
        return Kind(kind, layout, size=size)
    if about is None:
        raise Malformed(f"the type of the column {shown} is missing")
    match number:
        case 2 if (width := about.number(0, "i")) in (8, 16, 32, 64):
            return Kind("int", "fixed", f"<{'i' if about.number(1, '?') else 'u'}{width // 8}")
        case 3 if (precision := about.number(0, "h")) in (0, 1, 2):
            return Kind("float", "fixed", _FLOATS[precision])
        case 8 if (unit := about.number(0, "h", 1)) in (0, 1):
            return Kind("date", "fixed", "<i8" if unit else "<i4", per=_DAY_MS if unit else 1)
        case 10 if (unit := about.number(0, "h")) in (0, 1, 2, 3):
            return Kind("datetime", "fixed", "<i8", per=_PER_SECOND[unit], zoned=bool(about.text(1)))
        case 15 if 0 < (width := about.number(0, "i")) < 2**20:
            return Kind("bytes", "width", size=width)
    raise Malformed(f"the column {shown} is of a type that no row holds")


def _array(buffer: Bytes, dtype: str, count: int) -> Array:
    size = np.dtype(dtype).itemsize * count
    if len(buffer) < size:
        raise Malformed("a column has fewer values than rows")
    return np.frombuffer(buffer[:size], dtype)
