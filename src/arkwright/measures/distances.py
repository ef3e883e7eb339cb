"""Divergences of two lists of shares in the same cells, each with its derivative by every share."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array

Found = tuple[float, Array, Array]
_BITS = 2 * math.log(2)


@dataclass(frozen=True, slots=True)
class Distance:
    """`of` two lists of shares: (the divergence, its derivative by each share of the first, and of the second).
    `curvature`: f''(1) of this f-divergence. `least`: as so many rows an empty cell counts.
    """

    of: Callable[[Array, Array], Found]
    curvature: float
    most: float = 1.0
    least: float = 0.0

    def __call__(self, p: Array, q: Array) -> float:
        """Between two lists of counts."""
        used = (p + q) > 0
        return min(self.most, self.found(p[used], q[used])[0])  # what is as far as can be, also when rounded

    def found(self, p: Array, q: Array) -> Found:
        a, b = self.shares(p, q)
        return self.of(a, b)

    def shares(self, p: Array, q: Array) -> tuple[Array, Array]:
        if self.least:
            p, q = np.maximum(p, self.least), np.maximum(q, self.least)
        return p / p.sum(), q / q.sum()


def _psi(a: Array, b: Array) -> Found:
    logs = np.log(a / b)
    return float((a - b) @ logs), logs + 1 - b / a, 1 - a / b - logs


def _jensen_shannon(a: Array, b: Array) -> Found:
    middle = (a + b) / 2
    by_a, by_b = (np.log(np.where(one > 0, one / middle, 1.0)) / _BITS for one in (a, b))
    return max(0.0, float(a @ by_a + b @ by_b)), by_a, by_b


def _hellinger(a: Array, b: Array) -> Found:
    roots = np.sqrt(a), np.sqrt(b)
    by_a, by_b = (
        -np.divide(top, 2 * bottom, out=np.zeros(len(a)), where=bottom > 0) for top, bottom in (roots[::-1], roots)
    )
    return float(np.sum((roots[0] - roots[1]) ** 2)) / 2, by_a, by_b


def pearson(share: float) -> Distance:
    """The square of Cramér's V, where so large a share of all rows is of the second list."""

    def of(a: Array, b: Array) -> Found:
        middle = (1 - share) * a + share * b
        value = share * (1 - share) * float(np.sum((a - b) ** 2 / middle))
        return value, -share * (b / middle) ** 2, -(1 - share) * (a / middle) ** 2

    return Distance(of, 2 * share * (1 - share))


PSI = Distance(_psi, 2.0, most=math.inf, least=0.5)
JENSEN_SHANNON = Distance(_jensen_shannon, 1 / (4 * math.log(2)))
HELLINGER = Distance(_hellinger, 1 / 4)
