"""What can be counted in one pass over rows. A measure asks for aggregates; an engine answers all of them at once.

`data/scan/files.py` answers them from Parquet, `data/scan/sql.py` as one SQL query; tests hold the two equal.
One rule for all: NaN is null, and 0.0 is -0.0.
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
    """Smallest non-null value, or None; dates and times as seconds since 1970 (UTC)."""

    column: str


@dataclass(frozen=True, slots=True)
class Largest:
    """Largest non-null value, or None; dates and times as seconds since 1970 (UTC)."""

    column: str


@dataclass(frozen=True, slots=True)
class Newest:
    """Newest date or time as seconds since 1970 (UTC), or None. Only of columns that hold dates or times."""

    column: str


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean of the non-null values, or None."""

    column: str


@dataclass(frozen=True, slots=True)
class Quantile:
    """The `q` quantile of the non-null values, exact, interpolated (type 7 of Hyndman and Fan 1996), or None."""

    column: str
    q: float


@dataclass(frozen=True, slots=True)
class Between:
    """Rows whose `column` lies in [`low`, `high`], both included."""

    column: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class In:
    """Rows whose `column` is one of `values`; dates are spelt "2013-01-31"."""

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
    """One sentence for each column missing, added, or of another type than the row class says."""


@dataclass(frozen=True, slots=True)
class Now:
    """The time of the measurement, as the caller's clock says: seconds since 1970 (UTC)."""


Aggregate = (
    Rows
    | Nulls
    | Distinct
    | Smallest
    | Largest
    | Newest
    | Mean
    | Quantile
    | Between
    | In
    | Matching
    | Found
    | SchemaChanges
    | Now
)
