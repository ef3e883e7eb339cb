"""What can be counted in one pass over rows. A measure asks for aggregates; an engine answers all of them at once.

Each aggregate knows its SQL (DuckDB dialect, transpiled for Spark); `data/scan.py` answers the same from Parquet.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """The number of rows."""


@dataclass(frozen=True, slots=True)
class Nulls:
    """Rows where `column` is null (or NaN)."""

    column: str


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct combinations of `columns`; a null is a value like any other."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Smallest:
    """Smallest non-null value; dates and times as seconds since 1970 (UTC)."""

    column: str


@dataclass(frozen=True, slots=True)
class Largest:
    """Largest non-null value; dates and times as seconds since 1970 (UTC)."""

    column: str


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean of the non-null values."""

    column: str


@dataclass(frozen=True, slots=True)
class Quantile:
    """The `q` quantile of the non-null values, exact, linear interpolation (type 7 of Hyndman and Fan 1996)."""

    column: str
    q: float


@dataclass(frozen=True, slots=True)
class In:
    """Rows whose `column` is one of `values`."""

    column: str
    values: tuple[str | float | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """Rows whose `column`, as a whole, matches the RE2 `pattern`."""

    column: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Found:
    """Rows whose non-null `column` occurs in `other` (`dataset.column`)."""

    column: str
    other: str


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """Columns missing, added, or of another type than the row class says."""


Aggregate = Rows | Nulls | Distinct | Smallest | Largest | Mean | Quantile | In | Matching | Found | SchemaChanges
