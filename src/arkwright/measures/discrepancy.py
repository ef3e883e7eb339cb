"""The maximum mean discrepancy of two samples, of which only the moments of their features are known. Gretton et al.
2012, with features in the place of the kernel.
"""

from dataclasses import dataclass

import numpy as np

from arkwright.measures.divergence import noncentrality, scipy
from arkwright.measures.evaluation import Array
from arkwright.measures.intervals import Interval
from arkwright.measures.moments import Moments


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """`squared`: without bias, so it may lie below 0; `chance`: of so large a one or a larger one where nothing
    changed; `critical`: what it stays under in 95 % of such windows.
    """

    squared: float
    low: float
    high: float
    chance: float
    critical: float


def discrepancy(before: Moments, now: Moments) -> Discrepancy:
    """Of the mean features."""
    return judged(now.mean - before.mean, before.covariance / before.n + now.covariance / now.n)


def judged(apart: Array, error: Array) -> Discrepancy:
    """The squared length of what two means are apart, (k,), less what chance adds; `error` (k, k): its covariance.

    Where nothing changed it is a weighted sum of chi-squares, the weights the eigenvalues of the means' covariance; its
    tail is that of a chi-square with the same first three moments (Hall 1983; Buckley and Eagleson 1988).
    """
    found = float(apart @ apart)
    weights = np.linalg.eigvalsh(error)
    first, second, third = (float((weights**power).sum()) for power in (1, 2, 3))
    if third <= 0:  # nothing varies at all
        return Discrepancy(found, found, found, 0.0 if found > 0 else 1.0, 0.0)
    unit, freedom = third / second, second**3 / third**2
    chance = float(scipy("special").chdtrc(freedom, max(0.0, (found - first) / unit + freedom)))
    critical = unit * (float(scipy("special").chdtri(freedom, 0.05)) - freedom)
    squared = found - first
    low, high = _interval(squared, _along(apart, error), first, second, unit)
    return Discrepancy(squared, low, high, chance, critical)


def _along(apart: Array, error: Array) -> float:
    """The variance of the means in the very direction in which they moved."""
    return float(apart @ error @ apart) / max(float(apart @ apart), 1e-300)


def _interval(squared: float, along: float, first: float, second: float, unit: float) -> Interval:
    """As of a noncentral chi-square with the same variance both where nothing changed and far away, where it depends on
    the direction. It ends where one that begins at 0 as the sum does (Satterthwaite 1946) ends, if that is farther.
    """
    unit = max(unit, along)
    freedom = second / unit**2
    low, high = noncentrality(max(1e-12, squared / unit + freedom), freedom)
    other = second / first
    _, end = noncentrality(max(1e-12, (squared + first) / other), first**2 / second)
    return low * unit, max(high * unit, end * other)
