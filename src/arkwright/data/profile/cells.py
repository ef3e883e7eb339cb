"""Numbers as they are kept in a column, as people and JSON read them: dates and times in ISO 8601."""

import math
from datetime import UTC, date, datetime, timedelta

from arkwright.data.profile.types import Cell

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999


def exact(kind: str, value: float, unit: float) -> Cell:
    """A value that stands in the column. `unit`: by how much to divide it to get seconds since 1970, or itself."""
    if kind == "bool":
        return bool(value)
    if kind in ("date", "datetime"):
        return moment(kind, value / unit)
    return number(value)


def between(kind: str, value: float, unit: float) -> Cell:
    """A value that need not stand in the column: a mean, a quantile, an edge of a bin."""
    return moment(kind, value / unit) if kind in ("date", "datetime") else number(float(value))


def number(value: float) -> Cell:
    """JSON has no infinity and no NaN: they become words."""
    return value if math.isfinite(value) else str(value)


def moment(kind: str, seconds: float) -> str:
    """Seconds since 1970 as a date or a time (UTC); as they are where no calendar reaches."""
    if not _FIRST <= seconds <= _LAST:
        return f"{seconds:.0f} s since 1970"
    at = _EPOCH + timedelta(seconds=math.floor(seconds), microseconds=round(seconds % 1 * 1e6))
    if kind == "date":
        return date(at.year, at.month, at.day).isoformat()
    return at.replace(tzinfo=None).isoformat()
