"""What a profile says, as data: JSON can hold all of it."""

from dataclasses import dataclass, field

Cell = int | float | str | bool  # dates and times in ISO 8601, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequent:
    """A value and in how many rows it stands."""

    value: Cell
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """At most 20 bins of equal width from `low` to `high`, the middle 98 %; what lies outside is in the end bins."""

    low: Cell
    high: Cell
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column. What makes no sense for its type is None or empty. `distinct` does not count nulls."""

    name: str
    type: str
    nulls: int
    distinct: int | None = None
    smallest: Cell | None = None
    largest: Cell | None = None
    mean: Cell | None = None
    deviation: float | None = None  # standard deviation of the sample, n - 1; of dates and times in seconds
    quantiles: dict[str, Cell] = field(default_factory=dict)  # "0.05" -> value
    longest: int | None = None  # characters of the longest text, bytes of the longest bytes
    frequent: tuple[Frequent, ...] = ()
    histogram: Histogram | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A dataset. `sampled`: how many rows distinct, quantiles, frequent and histogram rest on, when not on all."""

    rows: int
    sampled: int | None
    bytes: int
    columns: tuple[ColumnProfile, ...]
