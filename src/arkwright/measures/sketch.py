"""A column as counts: small, and added up without the rows. What a window is compared by.

The bins come from the reference (the rows on which a release was judged), so that two sketches in the same bins add up
and compare at once, whatever the values. Numbers: up to 2,048 bins of about as many reference rows each, and a value
that occurs often has a bin of its own. A column with fewer different values than that is counted exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.measures.evaluation import Array

BINS = 2048  # of numbers, about
VALUES = 10_000  # of words; the rarest beyond them are counted together …
OFTEN = 5  # … and so are those in fewer rows: what only somebody says is nobody's business


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """How often the values of one column fell into each bin.

    Numbers have `edges` (k,), ascending: `counts` (k + 1,) of values below the first, from each edge up to the next,
    and above the largest of the reference. Words have `values` (k,): `counts` (k + 1,) of each, and of all others.
    `missing`: empty cells and what is no number, which no bin counts. `low`, `high`: of the finite numbers.
    """

    counts: Array
    missing: int = 0
    edges: Array | None = None
    values: tuple[str, ...] = ()
    low: float = np.inf
    high: float = -np.inf

    @property
    def n(self) -> int:
        """The values that are there."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        return self.n + self.missing

    @property
    def of_numbers(self) -> bool:
        return self.edges is not None

    def empty(self) -> "Sketch":
        """The same bins with nothing in them."""
        return replace(self, counts=np.zeros_like(self.counts), missing=0, low=np.inf, high=-np.inf)

    def __add__(self, other: "Sketch") -> "Sketch":
        """Both together. Raises Invalid unless they have the same bins."""
        if self.values != other.values or not np.array_equal(_edges(self), _edges(other)):
            raise Invalid("two sketches with other bins do not add up")
        return replace(
            self,
            counts=self.counts + other.counts,
            missing=self.missing + other.missing,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )

    def numbers(self, column: Array, missing: int = 0) -> "Sketch":
        """The same with (n,) more numbers; what is NaN is missing, and so are `missing` rows beside them.

        Sorting a block takes less than looking for the bin of each value: 4 ns a value against 60.
        """
        return self.in_order(_ordered(column), missing)

    def in_order(self, ordered: Array, missing: int) -> "Sketch":
        """The same with (n,) more numbers that ascend, NaN last."""
        there = int(np.searchsorted(ordered, np.nan)) if len(ordered) and ordered[-1] != ordered[-1] else len(ordered)
        ends = np.searchsorted(ordered[:there], _edges(self))
        counts = np.diff(ends, prepend=0, append=there)
        finite = _finite(ordered)
        some = len(finite) > 0
        return replace(
            self,
            counts=self.counts + counts,
            missing=self.missing + missing + len(ordered) - there,
            low=min(self.low, float(finite[0])) if some else self.low,
            high=max(self.high, float(finite[-1])) if some else self.high,
        )

    def words(self, found: Mapping[str, int], missing: int = 0) -> "Sketch":
        """The same with more words, each with how often it was there."""
        place = {value: number for number, value in enumerate(self.values)}
        counts = self.counts.copy()
        for value, count in found.items():
            counts[place.get(value, -1)] += count
        return replace(self, counts=counts, missing=self.missing + missing)


def of_numbers(column: Array, missing: int = 0) -> Sketch:
    """The reference's own sketch of (n,) numbers; its edges are those of every window after it."""
    ordered = _ordered(column)
    edges = _chosen(_finite(ordered))
    return Sketch(counts=np.zeros(len(edges) + 1, np.int64), edges=edges).in_order(ordered, missing)


def of_words(found: Mapping[str, int], missing: int = 0) -> Sketch:
    """The reference's own sketch of words, each with how often it was there: the most frequent first, the rare ones
    without their names.
    """
    frequent = sorted((value for value in found if found[value] >= OFTEN), key=lambda value: (-found[value], value))
    values = tuple(frequent[:VALUES])
    start = Sketch(counts=np.zeros(len(values) + 1, np.int64), values=values)
    return start.words(found, missing)


def _ordered(column: Array) -> Array:
    """Ascending; NaN comes last."""
    return np.sort(column).astype(np.float64, copy=False)  # as edges are, or each search casts it anew


def _finite(ordered: Array) -> Array:
    found: Array = ordered[np.searchsorted(ordered, -np.inf, "right") : np.searchsorted(ordered, np.inf)]
    return found


def _chosen(ordered: Array) -> Array:
    """The edges of the bins: every value where they are few, else quantiles; and the step behind the largest."""
    if not len(ordered):
        return np.zeros(0)
    begins = np.append(True, ordered[1:] != ordered[:-1])
    if np.count_nonzero(begins) <= BINS:
        values = ordered[begins]
    else:
        share = len(ordered) / BINS
        values = np.unique(ordered[(np.arange(BINS) * share).astype(np.int64)])
        ends = np.searchsorted(ordered, values, "right")
        often = ends[ends - np.searchsorted(ordered, values) >= share]  # alone in its bin: an edge behind it, too
        values = np.union1d(values, ordered[often[often < len(ordered)]])
    with np.errstate(over="ignore"):  # behind the largest of all numbers is infinity
        return np.append(values, np.nextafter(ordered[-1], np.inf))


def _edges(sketch: Sketch) -> Array:
    return sketch.edges if sketch.edges is not None else np.zeros(0)
