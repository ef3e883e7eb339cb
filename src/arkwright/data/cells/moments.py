"""Dates with times. A column holds either moments with a zone, kept as UTC, or moments without; it never mixes them.

Both are kept without a zone, which is how every room reads them; the first batch of rows tells which kind it is.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.data.batch import Rows
from arkwright.data.cells.fault import Fault, null, where

KEPT = pa.timestamp("us")
_ZONED = pa.timestamp("us", "UTC")
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[T ][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
_PLAIN = rf"{_DAY}(?:{_TIME})?$"
_WITH_ZONE = rf"{_DAY}{_TIME}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)$"
_NONE = np.empty(0, np.int64)
_NOT = "is not a time like 2013-01-31T12:30:00Z"


class Zone:
    """One column's kind of moments: unknown until the first are seen."""

    def __init__(self) -> None:
        self.known: bool | None = None  # True: with a zone

    def cast(self, spelt: pa.Array) -> tuple[pa.Array, list[Fault]]:
        """(n,) ISO 8601 strings as moments in microseconds, null where they are not, and why."""
        if spelt.null_count == len(spelt):
            return pa.nulls(len(spelt), KEPT), []
        for zoned in (self.known is not False, self.known is False):
            try:
                values = spelt.cast(_ZONED if zoned else KEPT).view(KEPT)
            except pa.ArrowInvalid:
                continue
            return self.settle(values, zoned=zoned)
        return self._sorted_out(spelt)

    def settle(self, values: pa.Array, *, zoned: bool) -> tuple[pa.Array, list[Fault]]:
        """Moments of one kind, which fit or do not fit the column's."""
        if values.null_count == len(values):
            return values, []
        if self.known is None:
            self.known = zoned
        if self.known is zoned:
            return values, []
        return pa.nulls(len(values), KEPT), [self._mixed(where(pc.is_valid(values)))]

    def _sorted_out(self, spelt: pa.Array) -> tuple[pa.Array, list[Fault]]:
        trimmed = pc.utf8_trim_whitespace(spelt)
        trimmed = pc.replace_substring_regex(trimmed, r"(\.[0-9]{6})[0-9]+", r"\1")  # no column holds nanoseconds
        trimmed = pc.replace_substring_regex(trimmed, r"([0-9]) ([+-][0-9:]+)$", r"\1\2")
        zoned, plain = (
            _castable(pc.if_else(pc.match_substring_regex(trimmed, like), trimmed, null(pa.string())), kind)
            for like, kind in ((_WITH_ZONE, _ZONED), (_PLAIN, KEPT))
        )
        if self.known is None and (zoned.null_count < len(spelt) or plain.null_count < len(spelt)):
            self.known = bool(zoned.null_count <= plain.null_count)
        good, other = (zoned, plain) if self.known else (plain, zoned)
        wrong = where(pc.and_(pc.is_valid(spelt), pc.and_(pc.is_null(good), pc.is_null(other))))
        return good, [Fault(wrong, _NOT), self._mixed(where(pc.is_valid(other)))]

    def _mixed(self, rows: Rows) -> Fault:
        return Fault(rows, f"has {'no' if self.known else 'a'} time zone, unlike the others")


def _castable(spelt: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast, null where it does not: whole, else by halving."""
    try:
        return spelt.cast(kind).view(KEPT)
    except pa.ArrowInvalid:
        if len(spelt) == 1:
            return pa.nulls(1, KEPT)
    half = len(spelt) // 2
    return pa.concat_arrays([_castable(spelt[:half], kind), _castable(spelt[half:], kind)])
