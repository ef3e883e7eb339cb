"""The maximum mean discrepancy of two samples, of which only the moments of their features are known. Gretton et al.
2012, with features in the place of the kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arkwright.measures.divergence import noncentrality, scipy
from arkwright.measures.evaluation import Array
from arkwright.measures.intervals import Interval
from arkwright.measures.moments import Moments


@dataclass(frozen=True, slots=True)
class Distance:
    """Between two samples: `value` without bias, so it may lie below 0; `chance`: of so large a one or a larger one
    where nothing changed; `critical`: what it stays under in 95 % of such windows.
    """

    value: float
    low: float
    high: float
    chance: float
    critical: float

    def through(self, scale: Callable[[float], float]) -> "Distance":
        """The same on another scale, which grows with this one."""
        value, low, high, critical = (scale(one) for one in (self.value, self.low, self.high, self.critical))
        return Distance(value, min(low, value), max(high, value), self.chance, critical)


def discrepancy(before: Moments, now: Moments) -> Distance:
    """The square of the maximum mean discrepancy: of the mean features."""
    return judged(now.mean - before.mean, *errors(before, now))


def pooled(before: Moments, now: Moments) -> Array:
    """(SIZE, SIZE) the covariance of both samples, where it is the same."""
    rows = before.n - 1, now.n - 1
    return (rows[0] * before.covariance + rows[1] * now.covariance) / sum(rows)


def errors(before: Moments, now: Moments) -> tuple[Array, Array]:
    """The covariance of what two means are apart: where nothing changed, and as each sample says of itself. Of what
    rarely comes, few rows say that it never varies.
    """
    alike = pooled(before, now) * (1 / before.n + 1 / now.n)
    return alike, before.covariance / before.n + now.covariance / now.n


def judged(apart: Array, alike: Array, own: Array) -> Distance:
    """The squared length of what two means are apart, (k,), less what chance adds; `alike`, `own` (k, k): its `errors`.

    Where nothing changed it is a weighted sum of chi-squares, the weights the eigenvalues of the means' covariance; its
    tail is that of a chi-square with the same first three moments (Hall 1983; Buckley and Eagleson 1988).
    """
    found = float(apart @ apart)
    weights = np.linalg.eigvalsh(alike)
    first, second, third = (float((weights**power).sum()) for power in (1, 2, 3))
    if third <= 0:  # nothing varies at all
        return Distance(found, found, found, 0.0 if found > 0 else 1.0, 0.0)
    unit, freedom = third / second, second**3 / third**2
    chance = float(scipy("special").chdtrc(freedom, max(0.0, (found - first) / unit + freedom)))
    critical = unit * (float(scipy("special").chdtri(freedom, 0.05)) - freedom)
    squared = found - first
    along = max(_along(apart, alike), _along(apart, own))
    low, high = _interval(squared, along, first, second, unit)
    return Distance(squared, low, high, chance, critical)


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
