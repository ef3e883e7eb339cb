"""Sums of features and of their products: small, exact, and added up without the rows."""

from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array
from arkwright.measures.features import PAIRS, STEPS
from arkwright.measures.products import gram

SIZE = 2 * PAIRS


@dataclass(frozen=True, slots=True)
class Moments:
    """In two halves, each row in one of them by chance, so that what one half says is tried on the other.

    A row stands for `weight` rows. `rows` (2,): the weights' sum; `squares` (2,): of their squares; `sums` (2, SIZE)
    and `products` (2, SIZE, SIZE) of features in steps. All are whole numbers.
    """

    rows: Array
    squares: Array
    sums: Array
    products: Array

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.rows + other.rows,
            self.squares + other.squares,
            self.sums + other.sums,
            self.products + other.products,
        )

    def half(self, number: int) -> "Moments":
        one = slice(number, number + 1)
        return Moments(self.rows[one], self.squares[one], self.sums[one], self.products[one])

    @property
    def n(self) -> float:
        """As many rows of the same weight say as much. Kish 1965."""
        squares = float(self.squares.sum())
        return float(self.rows.sum()) ** 2 / squares if squares else 0.0

    @property
    def mean(self) -> Array:
        """(SIZE,) of features whose products add up to the kernel: at most 1. In steps first, which are whole numbers:
        so it is the same for any number of rows that are all alike.
        """
        found: Array = self.sums.sum(axis=0) / float(self.rows.sum()) / (STEPS * np.sqrt(PAIRS))
        return found

    @property
    def covariance(self) -> Array:
        """(SIZE, SIZE) of the same features, unbiased; there are two rows at least. In steps first, which are whole
        numbers: so it is 0, and not nearly, where all rows are alike.
        """
        rows, n = float(self.rows.sum()), self.n
        mean, raw = self.sums.sum(axis=0) / rows, self.products.sum(axis=0) / rows
        found: Array = (raw - np.outer(mean, mean)) * (n / ((n - 1) * STEPS**2 * PAIRS))
        return found


def empty() -> Moments:
    return Moments(
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros((2, SIZE), np.int64),
        np.zeros((2, SIZE, SIZE), np.int64),
    )


def of(features: Array, weight: int, second: Array) -> Moments:
    """Of (n, SIZE) features in steps, and (n,) whether a row is in the second half."""
    made = empty()
    for number, rows in enumerate((features[~second], features[second])):
        made.rows[number] = weight * len(rows)
        made.squares[number] = weight**2 * len(rows)
        made.sums[number] = weight * rows.sum(axis=0)
        made.products[number] = weight * gram(rows)  # whole numbers below 2 to the 53: exact
    return made
