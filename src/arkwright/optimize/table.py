"""The table that explains the choice between candidates. It is kept as `measured.json` beside the model."""

from dataclasses import dataclass, field

FILE = "measured.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The score in one group of held-out rows; None where it is undefined there."""

    column: str
    group: str
    rows: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One row of the table that explains the choice. Times are milliseconds of one-row calls, raw row to answer."""

    name: str
    score: float | None
    low: float | None
    high: float | None
    agreement: float
    p50_ms: float | None
    p99_ms: float | None
    size_bytes: int
    servable: bool  # the estimator as it was trained is measured, and never served
    inside: bool = False
    groups: tuple[Group, ...] = field(default=())
    note: str = ""
    chosen: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of all candidates, on one machine; `latencies_ms`: of the chosen one, rounds of calls."""

    score: str  # the measure that candidates are compared by
    limit: float  # of agreement
    candidates: tuple[Candidate, ...]
    size_bytes: int
    latencies_ms: tuple[tuple[float, ...], ...]
