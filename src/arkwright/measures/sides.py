"""The rows of each group before, or now, as the sums that a measure of a model is taken from; and the same drawn again,
as chance would have it.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.expected import BY_CLASS, MEASURES, Expected
from arkwright.measures.ratios import RATIOS, Ratio

_PSEUDO = (
    4  # rows that each group gets more in a draw: of a count of none, none would be drawn (Agresti and Coull 1998)
)


class Side(Protocol):
    """One measure of m groups that are everything together."""

    @property
    def rows(self) -> Array:
        """(m,)"""

    def value(self, groups: Array) -> float:
        """Of these groups together. Raises Undefined."""

    def ratio(self) -> Ratio | None:
        """Of each group, where the measure is a ratio of sums, or the root of one."""


@dataclass(frozen=True, slots=True)
class Classified:
    """Of a classifier: `right`, `wrong` (m, k, 2, b) and `means`, as of `Expected`."""

    name: str
    right: Array
    wrong: Array
    means: Array

    @property
    def rows(self) -> Array:
        return np.asarray((self.right + self.wrong)[:, 0].sum(axis=(1, 2)))

    def value(self, groups: Array) -> float:
        right, wrong = (side[groups].sum(axis=0) for side in (self.right, self.wrong))
        with np.errstate(all="ignore"):
            return MEASURES[self.name](Expected(right, wrong, self.means))

    def without(self) -> Array:
        """(m,): of all groups but each; NaN where that is undefined."""
        right, wrong = (_rest(side) for side in (self.right, self.wrong))
        with np.errstate(all="ignore"):
            found = BY_CLASS[self.name](Expected(right, wrong, self.means)).mean(axis=-1)
        return np.where(np.isfinite(found), found, np.nan)

    def ratio(self) -> Ratio | None:
        return RATIOS[self.name](self.right, self.wrong, self.means) if self.name in RATIOS else None

    def drawn(self, rng: np.random.Generator) -> Self:
        right, wrong = (rng.poisson(_smooth(one, self.rows)).astype(np.float64) for one in (self.right, self.wrong))
        return replace(self, right=right, wrong=wrong)


@dataclass(frozen=True, slots=True)
class Worth:
    """Before labels come: `counts` (m, k, 2, b) rows, whose probabilities are worth `share` (k, b)."""

    name: str
    counts: Array
    share: Array
    means: Array

    @property
    def side(self) -> Classified:
        share = self.share[:, None, :]
        return Classified(self.name, self.counts * share, self.counts * (1 - share), self.means)

    def drawn(self, rng: np.random.Generator, share: Array) -> Classified:
        rows = self.counts[:, 0].sum(axis=(1, 2))
        counts = rng.poisson(_smooth(self.counts, rows)).astype(np.float64)
        return replace(self, counts=counts, share=share).side


@dataclass(frozen=True, slots=True)
class Losses:
    """Of a regression: (m,) rows, `total` what is summed over them, `square` its square; `off` (m, j): what `total` may
    be wrong by, j independent parts of it. `root`: the measure is the root of a mean.
    """

    rows: Array
    total: Array
    square: Array
    off: Array
    root: bool = False

    def value(self, groups: Array) -> float:
        rows, total = self.rows[groups].sum(), self.total[groups].sum()
        if not rows > 0 or not math.isfinite(total):
            raise Undefined("there are no rows")
        return math.sqrt(max(0.0, total / rows)) if self.root else float(total / rows)

    def ratio(self) -> Ratio | None:
        return self.total[:, None], self.rows[:, None]

    def drawn(self, rng: np.random.Generator, by: Array) -> Self:
        """`by` (j,): by how much of each of `off`."""
        rows, total, square = (_smooth(one, self.rows) for one in (self.rows, self.total, self.square))
        drawn = rng.poisson(rows).astype(np.float64)
        mean = total / rows
        spread = np.sqrt(np.maximum(square / rows - mean**2, 0))
        mean = mean + (self.off @ by) / np.maximum(self.rows, 1)
        return replace(self, rows=drawn, total=drawn * mean + np.sqrt(drawn) * spread * rng.normal(size=len(drawn)))


def own(side: Side, group: int) -> float | None:
    """What is measured in one group alone."""
    try:
        return side.value(np.array([group]))
    except Undefined:
        return None


def _rest(counts: Array) -> Array:
    """What is left without each; what is left of rounding is nothing."""
    whole = counts.sum(axis=0)
    rest = whole - counts
    return np.where(rest > 1e-9 * whole, rest, 0.0)


def _smooth(counts: Array, rows: Array) -> Array:
    pattern = counts.sum(axis=0) / max(1.0, float(rows.sum()))
    return np.asarray(counts + _PSEUDO * pattern)
