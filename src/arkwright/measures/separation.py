"""How well two samples can be told apart by a line through their features, of which only moments are known."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from arkwright.measures.discrepancy import judged
from arkwright.measures.moments import SIZE, Moments
from arkwright.measures.products import product

_RIDGE = 0.5  # of the features' mean variance: less sees what columns do together better, one column alone worse
_LEAST = 1e-9  # of a variance
_normal = NormalDist()


@dataclass(frozen=True, slots=True)
class Separation:
    """`area` under the ROC curve of the best line, 0.5 to 1; `chance`: of as large a one or a larger one where nothing
    changed; `critical`: what it stays under in 95 % of such windows.
    """

    area: float
    low: float
    high: float
    chance: float
    critical: float


def separation(before: Moments, now: Moments) -> Separation:
    """The line is Fisher's (1936), its covariance drawn towards a ball (Chen et al. 2011): of all rows, and what chance
    alone tells apart is taken off, as of a discrepancy in directions that vary alike.

    The covariance is that of the same rows, too, and fits them too well: by so much is chance larger. The curve is that
    of two normal distributions.
    """
    spreads = before.covariance, now.covariance
    freedom = before.n + now.n - 2
    pooled = ((before.n - 1) * spreads[0] + (now.n - 1) * spreads[1]) / freedom
    level = _RIDGE * float(np.trace(pooled)) / SIZE + _LEAST
    alike = np.linalg.inv(np.linalg.cholesky(pooled + level * np.eye(SIZE))).T
    fitted = SIZE - level * float((alike**2).sum())  # of so many directions
    luck = 1 / max(0.01, 1 - fitted / freedom)
    apart = alike.T @ (now.mean - before.mean)
    error = luck * (spreads[0] / before.n + spreads[1] / now.n)
    found = judged(apart, product(product(alike.T, error), alike))
    varies = product(product(alike.T, spreads[0] + spreads[1]), alike)
    if squared := float(apart @ apart):
        spread = float(apart @ varies @ apart) / squared
    else:  # the same rows twice have moved in no direction: as of those in which luck moves
        spread = float((varies**2).sum()) / max(float(np.trace(varies)), _LEAST)
    ends = (found.squared, found.low, found.high, found.critical)
    area, low, high, critical = (_normal.cdf(math.sqrt(max(0.0, end) / max(spread, _LEAST))) for end in ends)
    return Separation(area, min(low, area), max(high, area), found.chance, critical)
