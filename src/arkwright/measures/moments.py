"""Sums of features and of their products: small, exact, and added up without the rows."""

from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array
from arkwright.measures.features import PAIRS, STEPS
from arkwright.measures.products import gram

SIZE = 2 * PAIRS


@dataclass(frozen=True, slots=True)
class Moments:
    """Of rows of which each stands for `weight` rows. `rows`: the weights' sum; `squares`: of their squares; `sums`
    (SIZE,) and `products` (SIZE, SIZE) of features in steps. All are whole numbers.
    """

    rows: int
    squares: int
    sums: Array
    products: Array

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.rows + other.rows,
            self.squares + other.squares,
            self.sums + other.sums,
            self.products + other.products,
        )

    @property
    def n(self) -> float:
        """As many rows of the same weight say as much. Kish 1965."""
        return self.rows**2 / self.squares if self.squares else 0.0

    @property
    def mean(self) -> Array:
        """(SIZE,) of features whose products add up to the kernel: at most 1. In steps first, which are whole numbers:
        so it is the same for any number of rows that are all alike.
        """
        found: Array = self.sums / self.rows / (STEPS * np.sqrt(PAIRS))
        return found

    @property
    def covariance(self) -> Array:
        """(SIZE, SIZE) of the same features, unbiased; there are two rows at least. In steps first, which are whole
        numbers: so it is 0, and not nearly, where all rows are alike.
        """
        n, mean, raw = self.n, self.sums / self.rows, self.products / self.rows
        found: Array = (raw - np.outer(mean, mean)) * (n / ((n - 1) * STEPS**2 * PAIRS))
        return found


def empty() -> Moments:
    return Moments(0, 0, np.zeros(SIZE, np.int64), np.zeros((SIZE, SIZE), np.int64))


def of(features: Array, weight: int) -> Moments:
    """Of (n, SIZE) features in steps."""
    n = len(features)
    sums, products = features.sum(axis=0), gram(features)  # whole numbers below 2 to the 53: exact
    return Moments(weight * n, weight**2 * n, *((weight * one).astype(np.int64) for one in (sums, products)))
