"""How well two samples can be told apart by a line through their features, of which only moments are known."""

import math
from statistics import NormalDist

import numpy as np

from arkwright.measures.discrepancy import Distance, errors, judged, pooled
from arkwright.measures.moments import SIZE, Moments
from arkwright.measures.products import product

_RIDGE = 0.5  # of the features' mean variance: less sees what columns do together better, one column alone worse
_LEAST = 1e-9  # of a variance
_normal = NormalDist()


def separation(before: Moments, now: Moments) -> Distance:
    """The area under the ROC curve of the best line, 0.5 to 1.

    The line is Fisher's (1936), its covariance drawn towards a ball (Chen et al. 2011): of all rows, and what chance
    alone tells apart is taken off, as of a discrepancy in directions that vary alike.

    The covariance is that of the same rows, too, and fits them too well: by so much is chance larger. The curve is that
    of two normal distributions.
    """
    spread = pooled(before, now)
    level = _RIDGE * float(np.trace(spread)) / SIZE + _LEAST
    alike = np.linalg.inv(np.linalg.cholesky(spread + level * np.eye(SIZE))).T
    fitted = SIZE - level * float((alike**2).sum())  # of so many directions
    luck = 1 / max(0.01, 1 - fitted / (before.n + now.n - 2))
    apart = alike.T @ (now.mean - before.mean)
    found = judged(apart, *(product(product(alike.T, luck * error), alike) for error in errors(before, now)))
    varies = product(product(alike.T, before.covariance + now.covariance), alike)
    if squared := float(apart @ apart):
        width = float(apart @ varies @ apart) / squared
    else:  # the same rows twice have moved in no direction: as of those in which luck moves
        width = float((varies**2).sum()) / max(float(np.trace(varies)), _LEAST)
    return found.through(lambda end: _normal.cdf(math.sqrt(max(0.0, end) / max(width, _LEAST))))
